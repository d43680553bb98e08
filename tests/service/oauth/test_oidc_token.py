"""POST /oidc/token row by row, as section 9.1 of spec/logto.md has it: how machines come by their tokens there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import jwt
import pytest

from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import INTROSPECT, SETTINGS_TOKEN, ask, back_end, basic, claims, error
from tests.service.oauth.persons import an_app

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.asking import Back

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = "https://other.test/api"
ORGANIZATION = "urn:logto:organization:"


async def a_back_end(app: Running, **settings: Any) -> tuple[str, Back]:
    """Register a back end in an organization of its own; it holds `all` there unless told otherwise."""
    organization = await app.organization()
    return organization, await back_end(app, organization=organization, **{"permissions": ["all"]} | settings)


async def asked(app: Running, back: Back, *, by_header: bool = False, **form: str) -> Reply:
    more: dict[str, Any] = {"headers": basic(back.client_id, back.secret)} if by_header else back.credentials
    return await ask(app, SETTINGS_TOKEN, **more, **form)


async def worth(app: Running, back: Back, token: str) -> Any:
    return (await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": token})).json


@pytest.mark.parametrize("by_header", [True, False])
async def test_91_both_ways_of_client_authentication_work(app: Running, by_header: bool) -> None:  # noqa: FBT001
    _, back = await a_back_end(app)
    reply = await asked(app, back, by_header=by_header, resource=AUDIENCE, scope="all")
    assert reply.status == 200, reply.text
    assert reply.json.keys() == {"access_token", "expires_in", "token_type", "scope"}
    assert (reply.json["token_type"], reply.json["scope"]) == ("Bearer", "all")


async def test_91_but_not_both_at_once(app: Running) -> None:
    _, back = await a_back_end(app)
    header = basic(back.client_id, back.secret)
    reply = await ask(app, SETTINGS_TOKEN, headers=header, **back.credentials, resource=AUDIENCE)
    assert error(reply) == (400, "invalid_request")


async def test_91_the_token_is_a_jwt_as_the_api_checks_it(app: Running) -> None:
    _, back = await a_back_end(app)
    text = (await asked(app, back, resource=AUDIENCE, scope="all")).json["access_token"]
    assert jwt.get_unverified_header(text)["typ"] == "at+jwt"
    token = claims(text)
    assert token.keys() == {"iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti"}
    assert token["sub"] == token["client_id"] == back.client_id
    assert (token["aud"], token["scope"], token["iss"]) == (AUDIENCE, "all", "https://muniment.test")
    assert token["exp"] - token["iat"] == 3600
    assert (await app.call("GET", "/api/users", text)).status == 200


async def test_91_expires_in_is_a_number_and_clients_can_cache_for_it(app: Running) -> None:
    _, back = await a_back_end(app)
    reply = await asked(app, back, resource=AUDIENCE)
    assert type(json.loads(reply.text)["expires_in"]) is int
    assert reply.json["expires_in"] == 3600  # the official client asks again 60 seconds before


async def test_91_there_is_no_refresh_token(app: Running) -> None:
    _, back = await a_back_end(app)
    assert "refresh_token" not in (await asked(app, back, resource=AUDIENCE, scope="all offline_access")).json


@pytest.mark.parametrize(
    ("held", "scope", "granted"),
    [
        (["all"], "all", "all"),
        (["all"], "read_user all", "read_user all"),
        (["read_user"], "all read_user", "read_user"),
        (["read_user", "files"], "files unheard-of read_user", "files read_user"),
        (["read_user", "files"], "", "files read_user"),
    ],
)
async def test_91_scopes_that_are_not_held_are_dropped_and_the_answer_says_which_remain(
    app: Running, held: list[str], scope: str, granted: str
) -> None:
    _, back = await a_back_end(app, permissions=held)
    reply = await asked(app, back, resource=AUDIENCE, scope=scope)
    assert (reply.status, reply.json["scope"]) == (200, granted)
    assert claims(reply.json["access_token"])["scope"] == granted


async def test_91_where_nothing_remains_of_what_was_asked_nothing_is_issued(app: Running) -> None:
    """spec/README.md 2: there, a token would be issued that opens nothing."""
    _, back = await a_back_end(app, permissions=["read_user"])
    assert error(await asked(app, back, resource=AUDIENCE, scope="all")) == (400, "invalid_scope")


async def test_91_a_token_without_the_permission_opens_nothing(app: Running) -> None:
    _, back = await a_back_end(app, permissions=["read_role"])
    text = (await asked(app, back, resource=AUDIENCE)).json["access_token"]
    reply = await app.call("GET", f"/api/users/{uuid4()}/personal-access-tokens", text)
    assert (reply.status, reply.json["code"]) == (403, "auth.forbidden")


async def test_91_without_resource_and_organization_there_is_no_target(app: Running) -> None:
    _, back = await a_back_end(app)
    assert error(await asked(app, back)) == (400, "invalid_target")


@pytest.mark.parametrize("resource", [OTHER, AUDIENCE + "/", "https://default.logto.app/api", f"{ORGANIZATION}x"])
async def test_91_an_unknown_resource_is_no_target(app: Running, resource: str) -> None:
    _, back = await a_back_end(app)
    for more in ({}, {"organization_id": back.document["organization"]}):
        assert error(await asked(app, back, resource=resource, **more)) == (400, "invalid_target")


async def test_91_more_than_one_resource_is_no_target(app: Running) -> None:
    _, back = await a_back_end(app, audiences=[AUDIENCE, OTHER])
    form = [("grant_type", "client_credentials"), *back.credentials.items(), ("resource", AUDIENCE)]
    reply = await app.call("POST", SETTINGS_TOKEN, "", data=[*form, ("resource", OTHER)])
    assert error(reply) == (400, "invalid_target")


@pytest.mark.parametrize("by_header", [True, False])
async def test_91_a_wrong_secret_and_an_unknown_client_are_told_alike(app: Running, by_header: bool) -> None:  # noqa: FBT001
    _, back = await a_back_end(app)
    replies = []
    for name in (back.client_id, "nobody"):
        more: dict[str, Any] = {"client_id": name, "client_secret": "wrong"}
        if by_header:
            more = {"headers": basic(name, "wrong")}
        replies.append(await ask(app, SETTINGS_TOKEN, **more, resource=AUDIENCE))
    assert [error(reply) for reply in replies] == [(401, "invalid_client")] * 2
    assert replies[0].text == replies[1].text
    assert all(("WWW-Authenticate" in reply.headers) is by_header for reply in replies)


async def test_91_an_application_without_the_grant_may_not(app: Running) -> None:
    organization = await app.organization()
    web = await an_app(app, organization, kind="web")
    assert error(await asked(app, web, resource=AUDIENCE)) == (400, "unauthorized_client")
    spa = await an_app(app, organization, kind="spa")
    reply = await ask(app, SETTINGS_TOKEN, client_id=spa.client_id, resource=AUDIENCE)
    assert error(reply) == (400, "unauthorized_client")


async def test_91_errors_are_those_of_the_standard_and_more(app: Running) -> None:
    _, back = await a_back_end(app)
    for form, status, name in (
        ({}, 400, "invalid_target"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "x"}, 400, "unsupported_grant_type"),
        ({"resource": AUDIENCE, "scope": "unheard-of"}, 400, "invalid_scope"),
        ({"client_secret": "wrong", "resource": AUDIENCE}, 401, "invalid_client"),
        ({"organization_id": str(uuid4())}, 403, "access_denied"),
    ):
        reply = await ask(app, SETTINGS_TOKEN, **back.credentials | form)
        told = reply.json
        assert (reply.status, told["error"], told["code"]) == (status, name, f"oidc.{name}")
        assert told["message"] == told["error_description"] != ""
        assert told.keys() == {"error", "error_description", "code", "message"}
        assert reply.headers["Cache-Control"] == "no-store"


async def test_91_for_its_organization_alone_it_is_for_what_it_holds_itself(app: Running) -> None:
    organization, back = await a_back_end(app, permissions=["all", "files", "mail"])
    reply = await asked(app, back, organization_id=organization)
    token = claims(reply.json["access_token"])
    assert (token["aud"], token["acc"]) == (ORGANIZATION + organization, organization)
    assert "organization_id" not in token
    assert reply.json["scope"] == token["scope"] == "files mail"
    told = await worth(app, back, reply.json["access_token"])
    assert (told["active"], told["acc"], told["aud"]) == (True, organization, token["aud"])
    assert (await app.call("GET", "/api/users", reply.json["access_token"])).status == 401
    one = await asked(app, back, organization_id=organization.upper(), scope="mail all")
    assert (one.json["scope"], claims(one.json["access_token"])["aud"]) == ("mail", token["aud"])


async def test_91_for_a_resource_and_its_organization_it_names_both(app: Running) -> None:
    organization, back = await a_back_end(app)
    reply = await asked(app, back, organization_id=organization, resource=AUDIENCE, scope="all")
    token = claims(reply.json["access_token"])
    assert (token["aud"], token["organization_id"], token["scope"]) == (AUDIENCE, organization, "all")
    assert (await app.call("GET", "/api/users", reply.json["access_token"])).status == 200


async def test_91_another_organization_is_denied_whether_it_is_there_or_not(app: Running) -> None:
    organization, back = await a_back_end(app)
    child = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Branch"})
    before = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    replies = [
        await asked(app, back, organization_id=named, **more)
        for named in (await app.organization(), str(uuid4()), child["id"], "nonsense")
        for more in ({}, {"resource": AUDIENCE})
    ]
    assert {error(reply) for reply in replies} == {(403, "access_denied")}
    assert len({reply.text for reply in replies}) == 1
    assert not await app.parts.store.pool.fetchval(
        "SELECT count(*) FROM muniment.token_events WHERE notification_id > $1 AND client = $2", before, back.id
    )


async def test_91_who_does_not_prove_to_be_it_learns_nothing_of_its_organization(app: Running) -> None:
    organization, back = await a_back_end(app)
    wrong = {**back.credentials, "client_secret": "wrong"}
    replies = [await ask(app, SETTINGS_TOKEN, **wrong, organization_id=each) for each in (organization, str(uuid4()))]
    assert [error(reply) for reply in replies] == [(401, "invalid_client")] * 2


async def test_91_what_is_for_its_organization_ends_with_it(app: Running) -> None:
    organization, back = await a_back_end(app)
    text = (await asked(app, back, organization_id=organization)).json["access_token"]
    assert (await app.call("PATCH", f"/api/accounts/{organization}", json={"status": "suspended"})).status == 200
    reply = await app.call("GET", f"/api/tokens/{claims(text)['jti']}")
    assert reply.json["status"] == "blocked"


async def test_91_other_dialects_know_no_such_parameter(app: Running) -> None:
    """It would turn a token for the whole into one for a part, and they have words of their own for that."""
    _, back = await a_back_end(app)
    reply = await ask(app, **back.credentials, organization_id=str(uuid4()))
    assert reply.status == 200
    assert "acc" not in claims(reply.json["access_token"])
