"""Connectors as spec/logto.md has them (row 15 of section 2, sections 7 and 11.3), with a real provider at the end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.refusals import SocialCodeInvalid, SocialDenied, UnknownConnector
from service.connectors import provider as social
from service.connectors.configuration import MASK
from service.connectors.registry import TYPES
from tests.app_fixture import copied
from tests.provider import CALLBACK, ISSUER, TYPE, linking
from tests.receiver import Answer, receiver
from tests.service.messages.mail_host import mail_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running
    from tests.provider import Provider
    from tests.receiver import Receiver
    from tests.service.messages.mail_host import MailHost

pytestmark = pytest.mark.asyncio(loop_scope="module")

GITHUB = {"clientId": "id", "clientSecret": "s3cr3t"}
HOOK = {"endpoint": "https://hooks.example/send", "authorization": "Bearer s3cr3t"}
ASKED = {"state": "s t&4te", "redirectUri": CALLBACK}
SESSIONS = {
    "apple-universal": {"clientId": "a", "privateKey": "s3cr3t"},
    "oauth2": {
        **GITHUB, "authorizationEndpoint": "https://a.example/", "tokenEndpoint": "https://a.example/t",
        "userInfoEndpoint": "https://a.example/u",
    },
    "oidc": {
        **GITHUB, "authorizationEndpoint": "https://a.example/", "tokenEndpoint": "https://a.example/t",
        "issuer": "https://a.example", "jwksUri": "https://a.example/keys",
    },
    "saml": {"entityID": "a", "signInEndpoint": "https://a.example/", "x509Certificate": "MII"},
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def post() -> AsyncIterator[MailHost]:
    async with mail_host() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(postgres_dsn, app_template, hook, post) -> AsyncIterator[tuple[Running, Provider]]:
    allowed = frozenset({("127.0.0.1", hook.port), ("127.0.0.1", post.port)})
    with copied(postgres_dsn, app_template) as own, copied(postgres_dsn, app_template) as theirs:
        async with linking(own, theirs, outbound_allow=allowed) as both:
            yield both


@pytest.fixture
def app(opened) -> Running:
    return opened[0]


@pytest.fixture
def provider(opened) -> Provider:
    return opened[1]


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app) -> str:
    return await app.organization()


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app, organization) -> str:
    return await app.manager(organization)


async def create(app, token, type=TYPE, config: Any = None, **metadata):
    body = {"connectorId": type, **({"config": config} if config is not None else {})}
    if metadata:
        body["metadata"] = metadata
    return await app.call("POST", "/api/connectors", token, json=body)


async def made(app, token, type=TYPE, config: Any = None, **metadata) -> Any:
    reply = await create(app, token, type, config, **metadata)
    assert reply.status == 200, reply.text
    return reply.json


async def change(app, token, id, **body):
    return await app.call("PATCH", f"/api/connectors/{id}", token, json=body)


async def uri(app, token, id, **body):
    return await app.call("POST", f"/api/connectors/{id}/authorization-uri", token, json=body)


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


def refusal(reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


async def test_a_connector_is_set_up_read_changed_and_ended(app, organization, manager):
    connector = await made(app, manager, config=GITHUB, name={"en": "Git"}, logo="https://a.example/l.png")
    metadata = {"target": "github", "name": {"en": "Git"}, "logo": "https://a.example/l.png", "logoDark": None}
    assert connector == {
        "id": connector["id"], "tenantId": organization, "connectorId": TYPE, "type": "Social",
        "platform": "Universal", "target": "github", "name": {"en": "Git"}, "metadata": metadata,
        "config": connector["config"], "syncProfile": False, "isStandard": False, "isSessionNeeded": False,
        "createdAt": connector["createdAt"], "updatedAt": connector["createdAt"],
    }  # fmt: skip
    assert abs(connector["createdAt"] / 1000 - app.parts.clock.now().timestamp()) < 60
    assert (connector["config"]["clientId"], connector["config"]["clientSecret"]) == ("id", MASK)
    path = f"/api/connectors/{connector['id']}"
    assert (await app.call("GET", path, manager)).json == connector
    assert (await app.call("GET", "/api/connectors", manager)).json == [connector]
    changed = await change(app, manager, connector["id"], metadata={"name": None, "logoDark": "https://a.example/d"})
    assert changed.status == 200
    assert changed.json["metadata"] == {**metadata, "name": {}, "logoDark": "https://a.example/d"}
    assert changed.json["name"] == {"en": "GitHub"}
    config = {**connector["config"], "scope": "read:org"}
    assert (await change(app, manager, connector["id"], config=config)).json["config"] == config
    assert (await change(app, manager, connector["id"])).status == 200
    assert (await app.call("DELETE", path, manager)).status == 204
    for reply in (
        await app.call("GET", path, manager),
        await app.call("DELETE", path, manager),
        await change(app, manager, connector["id"], config=config),
        await uri(app, manager, connector["id"], **ASKED),
        await app.call("POST", f"{path}/test", manager, json={"email": "a@b.example"}),
    ):
        assert refusal(reply) == (404, "entity.not_found")
    assert (await app.call("GET", "/api/connectors", manager)).json == []


async def test_connectors_are_listed_by_target_and_root_may_ask_for_any_organizations(app, organization, manager):
    first, second = await made(app, manager), await made(app, manager, target="gitlab")
    sender = await made(app, manager, "http-sms", HOOK)

    async def listed(token, **query):
        reply = await app.call("GET", "/api/connectors", token, params=query)
        return [one["id"] for one in reply.json] if reply.status == 200 else refusal(reply)

    everything = [first["id"], second["id"], sender["id"]]
    assert await listed(manager) == everything
    assert await listed(manager, target="gitlab") == [second["id"]]
    assert await listed(manager, target="http-sms") == [sender["id"]]
    assert await listed(app.root, organizationId=organization) == everything
    stranger = await app.manager(await app.organization("Other"))
    assert await listed(stranger) == []
    assert await listed(stranger, organizationId=organization) == (404, "entity.not_found")
    assert not set(everything) & set(await listed(app.root))


async def test_every_type_is_told_with_what_it_is_configured_by(app, manager):
    told = (await app.call("GET", "/api/connector-factories", manager)).json
    assert [one["id"] for one in told] == list(TYPES)
    by_id = {one["id"]: one for one in told}
    assert {one["id"] for one in told if one["isSessionNeeded"]} == set(SESSIONS)
    assert {one["id"] for one in told if one["isStandard"]} == {"oauth2", "oidc", "saml"}
    assert {one["id"]: one["type"] for one in told if one["type"] != "Social"} == {
        "simple-mail-transfer-protocol": "Email", "http-email": "Email", "http-sms": "Sms",
    }  # fmt: skip
    assert (by_id[TYPE]["target"], by_id[TYPE]["platform"], by_id["http-sms"]["platform"]) == (
        "github", "Universal", None,
    )  # fmt: skip
    assert {"clientId", "clientSecret"} == set(by_id[TYPE]["configSchema"]["required"])


async def test_no_answer_and_no_event_shows_a_secret(app, organization, manager):
    reply = await create(app, manager, config=GITHUB)
    again = await change(app, manager, reply.json["id"], config={**GITHUB, "clientSecret": "s3cr3t-too"})
    shown = [
        reply, again, await app.call("GET", f"/api/connectors/{reply.json['id']}", manager),
        await app.call("GET", "/api/connectors", manager), await create(app, manager, config=GITHUB),
        await change(app, manager, reply.json["id"], config={**GITHUB, "clientSecret": "s3cr3t\n"}),
    ]  # fmt: skip
    assert all("s3cr3t" not in each.text for each in shown)
    recorded = await app.events(organization=organization, topic="connector.configured")
    assert recorded
    assert "s3cr3t" not in json.dumps(await app.events(organization=organization))
    row = await app.parts.store.pool.fetch("SELECT state FROM muniment.events WHERE topic LIKE 'connector.%'")
    assert all(b"s3cr3t" not in each["state"] for each in row)


async def test_a_repeated_request_makes_one_connector_and_keeps_no_secret(app, manager):
    headers, body = {"Idempotency-Key": str(uuid4())}, {"connectorId": TYPE, "config": GITHUB}
    first, again = [await app.call("POST", "/api/connectors", manager, json=body, headers=headers) for _ in range(2)]
    assert (first.status, first.text) == (again.status, again.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "s3cr3t" not in again.text


async def test_the_mask_keeps_a_secret_unless_it_would_go_elsewhere(app, manager):
    connector = await made(app, manager, config=GITHUB)
    for endpoint in ("https://evil.example/token", "https://github.com/login/oauth/access_token?x"):
        config = {**connector["config"], "tokenEndpoint": endpoint}
        before = await head(app)
        reply = await change(app, manager, connector["id"], config=config)
        assert refusal(reply) == (400, "connector.invalid_config")
        assert reply.json["data"]["issues"][0]["path"] == ["config", "clientSecret"]
        assert await head(app) == before
    config["clientSecret"] = "s3cr3t"
    assert (await change(app, manager, connector["id"], config=config)).status == 200


@pytest.mark.parametrize(
    ("type", "config", "metadata", "expected"),
    [
        ("no-such", None, {}, (422, "connector.not_found_with_connector_id")),
        ("oauth2", None, {}, (400, "connector.should_specify_target")),
        ("oauth2", None, {"target": "A B"}, (400, "guard.invalid_input")),
        ("http-sms", HOOK, {"target": "sms"}, (400, "guard.invalid_input")),
        (TYPE, None, {"target": ""}, (400, "guard.invalid_input")),
        (TYPE, None, {"logo": "javascript:alert(1)"}, (400, "guard.invalid_input")),
        (TYPE, None, {"name": {"en": ""}}, (400, "guard.invalid_input")),
        (TYPE, None, {"name": "Git"}, (400, "guard.invalid_input")),
        (TYPE, [], {}, (400, "guard.invalid_input")),
        (TYPE, {}, {}, (400, "connector.invalid_config")),
        (TYPE, {**GITHUB, "clientSecret": MASK}, {}, (400, "connector.invalid_config")),
        (TYPE, {**GITHUB, "tokenEndpoint": "http://169.254.169.254/"}, {}, (400, "connector.invalid_config")),
        ("http-sms", None, {}, (400, "connector.invalid_config")),
        ("http-email", {"endpoint": "http://127.0.0.1:1/"}, {}, (400, "connector.invalid_config")),
        ("", None, {}, (400, "guard.invalid_input")),
    ],
)
async def test_what_cannot_be_set_up_is_refused(app, manager, *, type, config, metadata, expected):
    before = await head(app)
    assert refusal(await create(app, manager, type, config, **metadata)) == expected
    assert await head(app) == before


async def test_there_is_one_connector_to_a_target_and_one_sender_of_a_kind(app, manager):
    connector = await made(app, manager)
    assert refusal(await create(app, manager)) == (422, "connector.multiple_target_with_same_platform")
    replies = await asyncio.gather(*(create(app, manager, target="both") for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [200, 422, 422]
    reply = await change(app, manager, connector["id"], metadata={"target": "google"})
    assert refusal(reply) == (400, "connector.can_not_modify_target")
    await made(app, manager, "http-email", HOOK)
    assert refusal(await create(app, manager, "http-email", HOOK)) == (
        422, "connector.multiple_instances_not_supported",
    )  # fmt: skip
    smtp = {"host": "mail.example", "port": 25, "fromEmail": "a@b.example"}
    await made(app, manager, "simple-mail-transfer-protocol", smtp)
    listed = (await app.call("GET", "/api/connectors", manager)).json
    assert [one["connectorId"] for one in listed if one["type"] == "Email"] == ["simple-mail-transfer-protocol"]


async def test_a_sender_is_not_set_up_by_who_holds_less_than_the_organizations_roles(app, organization):
    clerk = await app.manager(organization, "read_org", "write_org")
    assert refusal(await create(app, clerk, "http-sms", HOOK)) == (403, "auth.forbidden")
    assert (await create(app, clerk)).status == 200


async def test_row15_the_uri_leads_to_the_provider_with_what_was_given(app, manager):
    connector = await made(app, manager, config={**GITHUB, "scope": "read:user user:email"})
    before = await head(app)
    reply = await uri(app, manager, connector["id"], **ASKED)
    assert (reply.status, list(reply.json)) == (200, ["redirectTo"])
    address = urlsplit(reply.json["redirectTo"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://github.com/login/oauth/authorize"
    assert parse_qs(address.query, strict_parsing=True) == {
        "response_type": ["code"], "client_id": ["id"], "scope": ["read:user user:email"], "state": ["s t&4te"],
        "redirect_uri": [CALLBACK],
    }  # fmt: skip
    assert "s3cr3t" not in reply.text
    assert await head(app) == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"state": "s"}, (400, "guard.invalid_input")),
        ({"redirectUri": CALLBACK}, (400, "guard.invalid_input")),
        ({"state": 1, "redirectUri": CALLBACK}, (400, "guard.invalid_input")),
        ({"state": "x" * 4097, "redirectUri": CALLBACK}, (400, "guard.invalid_input")),
        ({"state": "", "redirectUri": CALLBACK}, (400, "session.insufficient_info")),
        ({"state": "s", "redirectUri": ""}, (400, "session.insufficient_info")),
    ],
)
async def test_row15_a_request_that_is_not_whole_is_refused_whatever_it_is_about(app, manager, body, expected):
    connector = await made(app, manager, config=GITHUB)
    for id in (connector["id"], uuid4()):
        assert refusal(await uri(app, manager, id, **body)) == expected


async def test_row15_what_belongs_to_another_organization_is_not_there(app, manager):
    connector = await made(app, manager, config=GITHUB)
    stranger = await app.manager(await app.organization("Other"))
    theirs, nothing = await uri(app, stranger, connector["id"], **ASKED), await uri(app, stranger, uuid4(), **ASKED)
    assert (theirs.status, theirs.text) == (nothing.status, nothing.text)
    assert refusal(theirs) == (404, "entity.not_found")
    assert refusal(await uri(app, manager, "github", **ASKED)) == (404, "entity.not_found")
    assert (await uri(app, app.root, connector["id"], **ASKED)).status == 200


async def test_row15_a_sender_authorizes_nobody_and_a_connector_without_configuration_neither(app, manager):
    sender = await made(app, manager, "http-sms", HOOK)
    assert refusal(await uri(app, manager, sender["id"], **ASKED)) == (400, "connector.unexpected_type")
    broken = await made(app, manager)
    assert refusal(await uri(app, manager, broken["id"], **ASKED)) == (400, "connector.invalid_config")


@pytest.mark.parametrize("type", SESSIONS)
async def test_row15_a_type_that_needs_a_session_is_not_implemented_here(app, organization, manager, type):
    target = type.partition("-")[0]
    connector = await made(app, manager, type, SESSIONS[type], target=target)
    assert "s3cr3t" not in json.dumps(connector)
    assert connector["isSessionNeeded"]
    assert refusal(await uri(app, manager, connector["id"], **ASKED)) == (501, "connector.not_implemented")
    with pytest.raises(social.NotImplementedHere):
        await social.redeemed(app.parts, UUID(organization), UUID(connector["id"]), {"code": "c"})


async def test_row15_reading_connectors_is_enough(app, organization, manager):
    connector = await made(app, manager, config=GITHUB)
    reader = await app.manager(organization, "read_org")
    assert (await uri(app, reader, connector["id"], **ASKED)).status == 200
    assert refusal(await uri(app, await app.manager(organization, "write_user"), connector["id"], **ASKED)) == (
        403, "auth.forbidden",
    )  # fmt: skip


async def test_a_configuration_is_tried_out_by_a_message(app, organization, manager, hook, post):
    config, sent = {"endpoint": f"{hook.url}sms", "authorization": "Bearer s3cr3t"}, len(hook.requests)
    sender = await made(app, manager, "http-sms", config)
    path = f"/api/connectors/{sender['id']}/test"
    reply = await app.call("POST", path, manager, json={"phone": "4930123456"})
    assert (reply.status, reply.text) == (204, "")
    told = json.loads(hook.bodies[-1])
    assert (told["to"], told["type"], told["code"], told["channel"]) == ("4930123456", "Test", "000000", "sms")
    assert hook.headers[-1]["Authorization"] == "Bearer s3cr3t"
    [event] = await app.events(organization=organization, topic="connector.tested")
    assert (event["subject"], "4930123456" in json.dumps(event)) == (sender["id"], False)
    kept = {"config": sender["config"], "phone": "49"}
    headers = {"Idempotency-Key": str(uuid4())}
    replies = [await app.call("POST", path, manager, json=kept, headers=headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [204, 204]
    assert (hook.headers[-1]["Authorization"], len(hook.requests)) == ("Bearer s3cr3t", sent + 2)
    other = {"config": {**sender["config"], "endpoint": f"{hook.url}other"}, "phone": "49"}
    assert refusal(await app.call("POST", path, manager, json=other)) == (400, "connector.invalid_config")
    smtp = {"host": "127.0.0.1", "port": post.port, "fromEmail": "no-reply@acme.example"}
    body = {"email": "ada@example.com", "config": smtp}
    by_type = await app.call("POST", "/api/connectors/simple-mail-transfer-protocol/test", manager, json=body)
    assert by_type.status == 204
    assert (post.receivers[-1], post.taken[-1]["From"]) == ("ada@example.com", "no-reply@acme.example")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(500), (400, "connector.general")),
        (Answer(429, {"Retry-After": "7"}), (429, "connector.rate_limit_exceeded")),
    ],
)
async def test_a_trial_that_fails_says_so(app, organization, manager, *, hook, answer, expected):
    sender = await made(app, manager, "http-sms", {"endpoint": hook.url})
    hook.answers.append(answer)
    reply = await app.call("POST", f"/api/connectors/{sender['id']}/test", manager, json={"phone": "49"})
    assert refusal(reply) == expected
    assert reply.headers.get("Retry-After") == answer.headers.get("Retry-After")
    assert await app.events(organization=organization, topic="connector.tested") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "guard.invalid_input")),
        ({"email": "nobody"}, (400, "guard.invalid_input")),
        ({"phone": "+49"}, (400, "guard.invalid_input")),
        ({"email": "a@b.example"}, (400, "connector.unexpected_type")),
        ({"phone": "49", "config": {}}, (400, "connector.invalid_config")),
        ({"phone": "49", "config": {"endpoint": "http://10.0.0.1/"}}, (400, "connector.invalid_config")),
        ({"phone": "49", "config": {"endpoint": "https://10.0.0.1/"}}, (400, "connector.general")),
    ],
)
async def test_a_trial_is_about_an_address_of_the_connectors_kind(app, manager, body, expected):
    sender = await made(app, manager, "http-sms", HOOK)
    for place in (sender["id"], "http-sms"):
        reply = await app.call("POST", f"/api/connectors/{place}/test", manager, json=body)
        assert refusal(reply) == expected
    assert refusal(await app.call("POST", "/api/connectors/no-such/test", manager, json={"phone": "49"})) == (
        404, "entity.not_found",
    )  # fmt: skip
    github = await app.call("POST", f"/api/connectors/{TYPE}/test", manager, json={"phone": "49"})
    assert refusal(github) == (400, "connector.unexpected_type")
    unset = await app.call("POST", "/api/connectors/http-sms/test", manager, json={"phone": "49"})
    assert refusal(unset) == (400, "connector.invalid_config")


async def test_an_organization_tries_out_a_few_messages_and_then_waits(app, manager, hook):
    sender = await made(app, manager, "http-sms", {"endpoint": hook.url})
    path, sent = f"/api/connectors/{sender['id']}/test", len(hook.requests)
    few = [await app.call("POST", path, manager, json={"phone": "49"}) for _ in range(10)]
    assert {reply.status for reply in few} == {204}
    more = await app.call("POST", path, manager, json={"phone": "49"})
    assert refusal(more) == (429, "connector.rate_limit_exceeded")
    assert int(more.headers["Retry-After"]) in range(1, 61)
    assert len(hook.requests) == sent + 10


async def test_codes_of_an_organization_go_by_its_own_sender_and_no_others(app, organization, manager, hook):
    await made(app, manager, "http-sms", {"endpoint": f"{hook.url}codes"})
    assert (await app.call("POST", "/api/verification-codes", manager, json={"phone": "4930123456"})).status == 204
    told = json.loads(hook.bodies[-1])
    assert (hook.requests[-1], told["to"], told["type"]) == (("POST", "/codes"), "4930123456", "Generic")
    typed = {"phone": "4930123456", "verificationCode": told["payload"]["code"]}
    assert (await app.call("POST", "/api/verification-codes/verify", manager, json=typed)).status == 204
    before, other = len(hook.requests), await app.manager(await app.organization("Other"))
    assert (await app.call("POST", "/api/verification-codes", other, json={"phone": "4930123456"})).status == 204
    assert len(hook.requests) == before


async def test_somebody_comes_back_from_a_real_provider_as_who_they_are_there(app, organization, manager, provider):
    connector = await provider.connector(app, organization, issuer=ISSUER, pkce=True)
    person = await provider.person(avatar="https://cdn.example/ada.png")
    address = (await uri(app, manager, connector["id"], **ASKED)).json["redirectTo"]
    back = await provider.back(address, person)
    assert back["state"] == ASKED["state"]
    data = {**back, "redirectUri": CALLBACK}
    own, id = UUID(organization), UUID(connector["id"])
    redeemed = await social.redeemed(app.parts, own, id, data)
    assert (redeemed.target, redeemed.user_id) == (connector["target"], person.id)
    assert redeemed.details == {
        "id": person.id, "name": "Ada Lovelace", "email": person.email, "avatar": "https://cdn.example/ada.png",
        "rawData": redeemed.details["rawData"],
    }  # fmt: skip
    assert redeemed.details["rawData"]["sub"] == person.id
    with pytest.raises(SocialCodeInvalid):  # once
        await social.redeemed(app.parts, own, id, data)


@pytest.mark.parametrize(
    "other",
    [{"redirectUri": "https://evil.example/"}, {"state": "other"}, {"iss": "https://evil.example"}, {"code": "x"}],
)
async def test_a_code_is_good_for_what_it_was_asked_for_alone(app, organization, manager, provider, other):
    connector = await provider.connector(app, organization, issuer=ISSUER, pkce=True)
    address = (await uri(app, manager, connector["id"], **ASKED)).json["redirectTo"]
    back = await provider.back(address, await provider.person())
    with pytest.raises(SocialCodeInvalid):
        await social.redeemed(
            app.parts, UUID(organization), UUID(connector["id"]), {**back, "redirectUri": CALLBACK, **other}
        )


async def test_somebody_who_does_not_want_to_is_nobody(app, organization, manager, provider):
    connector = await provider.connector(app, organization)
    address = (await uri(app, manager, connector["id"], **ASKED)).json["redirectTo"]
    back = await provider.back(address, await provider.person(), decision="deny")
    with pytest.raises(SocialDenied):
        await social.redeemed(app.parts, UUID(organization), UUID(connector["id"]), back)


async def test_a_wrong_secret_is_told_by_nothing_but_a_failure(app, organization, manager, provider):
    connector = await provider.connector(app, organization, clientSecret="wrong")
    address = (await uri(app, manager, connector["id"], **ASKED)).json["redirectTo"]
    back = await provider.back(address, await provider.person())
    with pytest.raises(social.ConnectorFailed):
        await social.redeemed(app.parts, UUID(organization), UUID(connector["id"]), {**back, "redirectUri": CALLBACK})


async def test_nobody_redeems_by_a_connector_of_another_organization(app, organization, manager, provider):
    connector = await provider.connector(app, organization)
    other = UUID(await app.organization("Other"))
    for organization_id, id in ((other, UUID(connector["id"])), (UUID(organization), uuid4())):
        with pytest.raises(UnknownConnector):
            await social.redeemed(app.parts, organization_id, id, {"code": "c"})
        with pytest.raises(UnknownConnector):
            await social.authorization_uri(app.parts, organization_id, id, state="s", redirect_uri=CALLBACK)


async def test_nobody_redeems_by_a_sender(app, organization, manager):
    sender = await made(app, manager, "http-sms", HOOK)
    with pytest.raises(social.NotSocial):
        await social.redeemed(app.parts, UUID(organization), UUID(sender["id"]), {"code": "c"})


async def test_what_the_operator_allows_no_longer_is_not_called(app, organization, manager, provider):
    connector = await provider.connector(app, organization)
    now = replace(app.parts, outbound=type(app.parts.outbound)())
    with pytest.raises(social.InvalidConnectorConfig):
        await social.redeemed(now, UUID(organization), UUID(connector["id"]), {"code": "c"})
