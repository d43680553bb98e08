"""Nothing works for a third party unless its approval counts: not at any endpoint, not on any worker, not once more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pytest_asyncio

from domain.grant_types import DEVICE_CODE, TOKEN_EXCHANGE
from domain.refusals import UnknownDevice
from projections import consents
from service.commands import devices
from service.oauth import logout
from service.oauth.token_types import ACCESS_TOKEN
from service.sessions import SignedIn
from service.store.log import head
from tests.service.commands.given import meanwhile
from tests.service.oauth.asking import INTROSPECT, ISSUER, REVOKE, TOKEN, claims, error
from tests.service.oauth.authorization.flow import (
    AUTHORIZE,
    PAR,
    THIRD_PARTIES,
    a_page,
    a_person,
    a_shop,
    answer,
    codes,
    place,
)
from tests.service.oauth.authorization.flow import error as error_told
from tests.service.oauth.redeeming import FILES, SCOPE, a_code, alive, ask, credentials, redeem, renew, tokens_of
from tests.service.oauth.under_approval import (
    EVERYTHING,
    a_third_party,
    approve,
    delete,
    expired,
    pending,
    reject,
    resubmit,
    submit,
)
from tests.service.pages.visitor import SESSION, Visitor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.app_fixture import Running
    from tests.service.oauth.authorization.flow import Shop

    Ending = Callable[[Shop], Awaitable[None]]

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUT_OF_EFFECT: dict[str, tuple[Ending, str]] = {
    "pending": (pending, "The application waits for approval"),
    "rejected": (reject, "The application was rejected"),
    "expired": (expired, "The approval of the application has expired"),
}
GOODBYE = "https://app.example.com/bye"
TOLD = {
    "pending": "waits for approval",
    "rejected": "was not approved",
    "expired": "has expired",
}
standings = pytest.mark.parametrize("standing", list(OUT_OF_EFFECT))
endings = pytest.mark.parametrize("end", [pending, reject, expired, delete], ids=lambda end: end.__name__)
REQUESTS: dict[str, dict[str, str]] = {
    "client_credentials": {
        "grant_type": "client_credentials", "audience": FILES, "resource": FILES, "scope": "files.read",
    },
    "code": {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://app.example.com/cb"},
    "refresh": {"grant_type": "refresh_token", "refresh_token": "x"},
    "password": {"grant_type": "password", "username": "ada", "password": "secret"},
    "device": {"grant_type": DEVICE_CODE, "device_code": "x"},
    "exchange": {
        "grant_type": TOKEN_EXCHANGE, "subject_token": "x", "subject_token_type": ACCESS_TOKEN,
    },
}  # fmt: skip
TOKEN_PATHS = (TOKEN, "/oauth2/v1/token", "/oidc/token", "/oauth/token", "/token")
OTHERS: dict[str, dict[str, str]] = {
    PAR: {"response_type": "code", "redirect_uri": "https://app.example.com/cb", "scope": "openid"},
    "/oauth2/device_authorization": {"scope": "openid"},
    INTROSPECT: {"token": "x"},
    REVOKE: {"token": "x"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(OUT_OF_EFFECT))
async def ineffective(request: Any, app: Running) -> tuple[Shop, str, str]:
    """A third party whose approval does not count, its status, and what it is told."""
    end, sentence = OUT_OF_EFFECT[request.param]
    shop = await a_third_party(app)
    await end(shop)
    return shop, request.param, sentence


@pytest.mark.parametrize("path", TOKEN_PATHS)
@pytest.mark.parametrize("grant", list(REQUESTS))
async def test_no_grant_works_at_any_token_endpoint(ineffective: Any, path: str, grant: str) -> None:
    shop, _, sentence = ineffective
    reply = await ask(shop, REQUESTS[grant], path)
    assert error(reply) == (400, "unauthorized_client"), reply.text
    assert reply.json["error_description"] == sentence


@pytest.mark.parametrize("path", list(OTHERS))
async def test_no_other_endpoint_works_either(ineffective: Any, path: str) -> None:
    shop, _, sentence = ineffective
    reply = await ask(shop, OTHERS[path], path)
    assert error(reply) == (400, "unauthorized_client"), reply.text
    assert reply.json["error_description"] == sentence


async def test_who_does_not_prove_to_be_it_learns_nothing(ineffective: Any) -> None:
    shop, _, _ = ineffective
    for path, form in ((TOKEN, REQUESTS["client_credentials"]), *OTHERS.items()):
        reply = await ask(shop, {**form, "client_secret": "wrong"}, path)
        assert error(reply) == (401, "invalid_client")
        nobody = await ask(shop, {**form, "client_id": "nobody", "client_secret": "wrong"}, path)
        assert reply.json == nobody.json


@pytest.mark.parametrize("path", [AUTHORIZE, THIRD_PARTIES])
@pytest.mark.parametrize("prompt", [None, "none"])
async def test_people_are_told_on_a_page_of_ours(ineffective: Any, path: str, prompt: str | None) -> None:
    shop, standing, _ = ineffective
    for changed in ({}, {"redirect_uri": "https://evil.example.com/"}, {"response_type": "token"}):
        reply = await shop.ask(None, path, prompt=prompt, **changed)
        assert (reply.status, "Location" in reply.headers) == (403, False)
        assert TOLD[standing] in reply.text
        assert "app.example.com" not in reply.text


async def test_the_page_is_there_in_chinese_too(ineffective: Any) -> None:
    shop, _, _ = ineffective
    reply = await shop.app.call(
        "GET", AUTHORIZE, "", params=shop.request(), headers={"Accept-Language": "zh-CN"}, allow_redirects=False
    )
    assert reply.status == 403
    assert "将您引导至此的应用" in reply.text


@standings
async def test_whoever_is_under_way_is_told_too_and_gets_no_code(app: Running, standing: str) -> None:
    end, _ = OUT_OF_EFFECT[standing]
    shop = await a_third_party(app)
    browser = await a_person(shop)
    shown = await shop.ask(browser)
    pushed = await ask(shop, shop.request(), PAR)
    assert (shown.status, pushed.status) == (303, 201)
    await browser.consent(shop)
    await end(shop)
    async with a_page(app) as page:
        for reply in (
            await page.post(shown, browser),
            await page.post(shown, browser, error="access_denied"),
            await shop.ask(browser, request_uri=pushed.json["request_uri"]),
        ):
            assert (reply.status, "Location" in reply.headers) == (403, False)
            assert TOLD[standing] in reply.text
    assert await codes(shop) == []


@standings
async def test_its_devices_wait_for_nobody_any_more(app: Running, standing: str) -> None:
    end, _ = OUT_OF_EFFECT[standing]
    shop = await a_third_party(app)
    waiting = (await ask(shop, {"scope": "openid"}, "/oauth2/device_authorization")).json
    sought: dict[str, Any] = {"signed_in": None, "user_code": waiting["user_code"], "address": "192.0.2.1"}
    assert await devices.find(app.parts, **sought) is not None
    await end(shop)
    assert await devices.find(app.parts, **sought) is None


async def test_a_device_of_before_waits_for_nobody_after_another_approval(app: Running) -> None:
    shop = await a_third_party(app)
    browser = await a_person(shop)

    async def waits() -> Any:
        told = (await ask(shop, {"scope": "openid"}, "/oauth2/device_authorization")).json
        return {"signed_in": None, "user_code": told["user_code"], "address": "192.0.2.1"}

    former = await waits()
    row = await devices.find(app.parts, **former)
    await pending(shop)
    await approve(shop)
    assert await devices.find(app.parts, **former) is None
    person = SignedIn(
        browser.session, shop.organization, browser.user, app.parts.clock.now(), ("pwd",),
        await head(app.parts.store.pool),
    )  # fmt: skip
    with pytest.raises(UnknownDevice):
        await devices.approve(app.parts.store, browser.origin, device=row["id"], signed_in=person)
    row = await devices.find(app.parts, **await waits())
    approved = await devices.approve(app.parts.store, browser.origin, device=row["id"], signed_in=person)
    assert approved.value.status == "approved"


@standings
async def test_signing_out_leads_nobody_to_it(app: Running, standing: str) -> None:
    end, _ = OUT_OF_EFFECT[standing]
    shop = await a_third_party(app, post_logout_redirect_uris=[GOODBYE])
    sent = {"client_id": shop.client_id, "post_logout_redirect_uri": GOODBYE}
    before = await app.call("GET", logout.PATH, "", params=sent, allow_redirects=False)
    assert (before.status, before.headers["Location"]) == (303, GOODBYE)
    await end(shop)
    after = await app.call("GET", logout.PATH, "", params=sent, allow_redirects=False)
    assert (after.status, "Location" in after.headers) == (400, False)


async def test_a_refusal_is_on_record_with_the_third_party(app: Running) -> None:
    shop = await a_shop(app, **EVERYTHING)
    await submit(shop)
    await ask(shop, REQUESTS["client_credentials"])
    await shop.ask()
    found = await app.refusals(client=shop.client_id)
    assert [(each["operation"], each["code"]) for each in found] == [
        ("authorize", "unauthorized_client"), ("token", "unauthorized_client"),
    ]  # fmt: skip


async def test_a_third_party_in_effect_does_all_that_its_settings_say(app: Running) -> None:
    shop = await a_third_party(app)
    browser = await a_person(shop, "openid")
    assert "code" in answer(await shop.ask(browser))
    told = await tokens_of(shop, browser)
    assert told["scope"] == SCOPE
    renewed = await renew(shop, told["refresh_token"])
    assert renewed.status == 200
    assert await alive(app, renewed.json["access_token"])
    own = await ask(shop, REQUESTS["client_credentials"])
    assert (own.status, own.json["scope"]) == (200, "files.read")
    managing = await app.token(shop.client_id, shop.secret)
    assert (await app.call("GET", "/api/applications", managing)).status == 200


@endings
async def test_what_ends_it_ends_its_tokens_at_once_on_every_worker(two: tuple[Running, Running], end: Ending) -> None:
    one, other = two
    shop = await a_third_party(one)
    browser = await a_person(shop)
    person = await tokens_of(shop, browser)
    managing = await other.token(shop.client_id, shop.secret)
    code = await a_code(shop, browser)
    tokens = [person["access_token"], person["refresh_token"], managing]
    for token in tokens:
        assert await alive(other, token)
    assert (await other.call("GET", "/api/applications", managing)).status == 200
    await end(shop)
    for token in tokens:
        assert not await alive(other, token)
    assert (await other.call("GET", "/api/applications", managing)).status == 401
    assert (await other.call("GET", "/oauth2/userinfo", person["access_token"])).status == 401
    refused = (401, "invalid_client") if end is delete else (400, "unauthorized_client")
    for reply in (
        await redeem(shop, code, app=other),
        await renew(shop, person["refresh_token"], app=other),
        await ask(shop, REQUESTS["client_credentials"], app=other),
    ):
        assert error(reply) == refused


@pytest.mark.parametrize("end", [reject, pending, expired], ids=lambda end: end.__name__)
async def test_old_tokens_and_codes_stay_dead_after_another_approval(app: Running, end: Ending) -> None:
    shop = await a_third_party(app)
    browser = await a_person(shop)
    old, code = await tokens_of(shop, browser), await a_code(shop, browser)
    managing = await app.token(shop.client_id, shop.secret)
    await end(shop)
    if end is not pending:
        await resubmit(shop)
    await approve(shop)
    for token in (old["access_token"], old["refresh_token"], managing):
        assert not await alive(app, token)
    assert (await app.call("GET", "/api/applications", managing)).status == 401
    assert error(await renew(shop, old["refresh_token"])) == (400, "invalid_grant")
    assert error(await redeem(shop, code)) == (400, "invalid_grant")
    assert await alive(app, (await tokens_of(shop, browser))["refresh_token"])


async def test_people_are_asked_anew_once_another_submission_was_approved(app: Running) -> None:
    shop = await a_third_party(app)
    browser = await a_person(shop, "openid", "profile")
    assert "code" in answer(await shop.ask(browser))
    await reject(shop)
    await resubmit(shop)
    await approve(shop)
    for path in (AUTHORIZE, THIRD_PARTIES):
        assert place(await shop.ask(browser, path)) == f"{ISSUER}/consent"
        assert error_told(await shop.ask(browser, path, prompt="none")) == "consent_required"
    visitor = Visitor(app, {SESSION: browser.cookie})
    asked = await visitor.open("/oauth2/authorize", **shop.request())
    page = await visitor.open(asked.next)
    assert "It asks once more to:" not in page.text, "nothing of before counts"
    assert "code" in (await visitor.submit(page.form, decision="allow")).given
    assert "code" in answer(await shop.ask(browser)), "and is not asked for ever"
    wider = await shop.ask(browser, scope="openid profile")
    assert place(wider) == f"{ISSUER}/consent", "what was not asked anew is not covered"


async def test_nobody_consents_to_another_submission_than_they_were_shown(app: Running) -> None:
    shop = await a_third_party(app)
    browser = await a_person(shop)
    visitor = Visitor(app, {SESSION: browser.cookie})
    page = await visitor.open((await visitor.open("/oauth2/authorize", **shop.request())).next)
    await pending(shop)
    await approve(shop)
    stale = await visitor.submit(page.form, decision="allow")
    assert stale.status == 409
    assert "no longer up to date" in stale.text
    assert (await app.refusals(client=shop.client_id))[0]["code"] == "submitted_again"
    assert place(await shop.ask(browser)) == f"{ISSUER}/consent"
    assert "code" in (await visitor.submit(stale.form, decision="allow")).given


async def test_a_consent_is_asked_anew_when_a_submission_comes_in_between(app: Running) -> None:
    shop = await a_third_party(app)
    browser = await a_person(shop)
    visitor = Visitor(app, {SESSION: browser.cookie})
    page = await visitor.open((await visitor.open("/oauth2/authorize", **shop.request())).next)

    async def again() -> None:
        await pending(shop)
        await approve(shop)

    with meanwhile(app.parts.store, again) as decided:
        reply = await visitor.submit(page.form, decision="allow")
    assert (reply.status, reply.next.partition("?")[0], len(decided)) == (303, "/consent", 1)
    assert await consents.id_of(app.parts.store.pool, browser.user, shop.id) is None, "nothing is written"
    fresh = await visitor.open(reply.next)
    assert "code" in (await visitor.submit(fresh.form, decision="allow")).given


async def test_disabling_and_enabling_brings_an_approved_third_partys_tokens_back(app: Running) -> None:
    shop = await a_third_party(app)
    told = await tokens_of(shop, await a_person(shop))
    for verb, works in (("disable", False), ("enable", True)):
        assert (await app.call("POST", f"/api/applications/{shop.id}/{verb}", json={})).status == 200
        for token in (told["access_token"], told["refresh_token"]):
            assert await alive(app, token) is works
    await shop.change(token_format="opaque")  # root neither made nor submitted it
    assert await alive(app, told["access_token"])


async def test_enabling_lets_nobody_in_who_waits(app: Running) -> None:
    shop = await a_shop(app, **EVERYTHING)
    await submit(shop)
    for verb in ("disable", "enable"):
        assert (await app.call("POST", f"/api/applications/{shop.id}/{verb}", json={})).status == 200
    assert error(await ask(shop, REQUESTS["client_credentials"])) == (400, "unauthorized_client")
    assert (await shop.ask()).status == 403


async def test_an_approval_ends_by_itself(app: Running) -> None:
    shop = await a_third_party(app)
    await pending(shop)
    await approve(shop, lasting=timedelta(seconds=1.2))
    access = await app.issued(shop.document, scope="files.read", audience=FILES)  # as if it had no end of its own
    refresh = (await tokens_of(shop, await a_person(shop)))["refresh_token"]
    assert await alive(app, access)
    assert await alive(app, refresh)
    await asyncio.sleep(1.3)
    assert not await alive(app, access)
    assert not await alive(app, refresh)
    assert error(await renew(shop, refresh)) == (400, "unauthorized_client")


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_no_access_token_outlives_the_approval(app: Running, token_format: str) -> None:
    shop = await a_third_party(app, access_token_lifetime=3600, token_format=token_format)
    await pending(shop)
    before = int(datetime.now(UTC).timestamp())
    await approve(shop, lasting=timedelta(minutes=10))
    issued = [
        (await ask(shop, REQUESTS["client_credentials"])).json,
        await tokens_of(shop, await a_person(shop)),
    ]
    issued.append((await renew(shop, issued[1]["refresh_token"])).json)
    for told in issued:
        assert 590 <= told["expires_in"] <= 600
        reply = await app.call(
            "POST", INTROSPECT, "", data={**credentials(shop), "token": told["access_token"]}
        )  # fmt: skip
        assert before + 590 <= reply.json["exp"] <= before + 602
        if token_format == "jwt":
            assert claims(told["access_token"])["exp"] == reply.json["exp"]


async def test_who_only_signs_people_in_has_no_interface(app: Running) -> None:
    shop = await a_third_party(app, "sso")
    browser = await a_person(shop, "openid", "profile")
    assert error(await ask(shop, REQUESTS["client_credentials"])) == (400, "invalid_target")
    asked = await shop.ask(browser, scope="openid profile files.read")
    code = answer(asked)["code"]
    told = (await redeem(shop, code)).json
    assert told["scope"] == "openid profile"
    assert claims(told["access_token"])["aud"] == ISSUER
    assert (await app.call("GET", "/oauth2/userinfo", told["access_token"])).status == 200
    refused = await shop.ask(browser, resource=FILES, scope="files.read")
    assert answer(refused)["error"] == "invalid_target"
    # It is no resource server, and holds nothing with which to look into others' tokens.
    other = await a_shop(app, str(shop.organization), audiences=[FILES])
    token = (await tokens_of(other, await a_person(other)))["access_token"]
    question = {"token": token}
    assert (await ask(shop, question, INTROSPECT)).json == {"active": False}
    asked_for = {"application": str(shop.id), "audience": FILES, "scope": ["files.read"]}
    reply = await app.call("POST", "/api/grants", json=asked_for)
    assert (reply.status, reply.json["code"]) == (403, "sign_in_only")


async def test_a_grant_of_before_gives_nothing_to_who_only_signs_people_in(app: Running) -> None:
    shop = await a_third_party(app, "sso", "api")
    manager = await app.manager(str(shop.organization))
    body = {"application": str(shop.id), "audience": "https://mail.test", "scope": ["mail"]}
    granted = await app.made("/api/grants", body, manager)
    assert (await app.call("POST", f"/api/grants/{granted['id']}/approve", json={})).status == 200
    form = {"grant_type": "client_credentials", "audience": "https://mail.test"}
    assert (await ask(shop, form)).json["scope"] == "mail"
    await reject(shop)
    await resubmit(shop, "sso")
    await approve(shop)
    assert error(await ask(shop, form)) == (400, "invalid_target")


async def test_nobody_is_signed_up_or_invited_by_a_third_party_that_waits(app: Running) -> None:
    shop = await a_shop(app, **EVERYTHING)
    await submit(shop)
    reply = await app.call("POST", f"/api/applications/{shop.id}/users", json={"status": "active"})
    assert (reply.status, reply.json["code"]) == (409, "application_not_active")


async def test_a_third_party_is_shown_with_its_standing(app: Running) -> None:
    shop = await a_shop(app)
    place = f"/api/applications/{shop.id}"
    shown = (await app.call("GET", place)).json
    assert (shown["standing"], shown["effective_until"], shown["end_user_from"]) == (None, None, None)
    await submit(shop)
    shown = (await app.call("GET", place)).json
    assert (shown["standing"], shown["effective_until"]) == ("pending", None)
    await approve(shop)
    shown = (await app.call("GET", place)).json
    assert shown["standing"] == "effective"
    assert datetime.fromisoformat(shown["effective_until"]) > datetime.now(UTC)
    await reject(shop)
    changed = await app.call("PATCH", place, json={"end_user_from": "header:appuserID"})
    assert (changed.status, changed.json["standing"], changed.json["end_user_from"]) == (
        200, "rejected", "header:appuserID",
    )  # fmt: skip


@pytest.mark.parametrize("source", ["header:Authorization", "form:client_secret", "somewhere"])
async def test_end_users_do_not_come_from_what_proves_a_client(app: Running, source: str) -> None:
    shop = await a_shop(app)
    reply = await app.call("PATCH", f"/api/applications/{shop.id}", json={"end_user_from": source})
    assert (reply.status, reply.json["code"]) == (400, "invalid_end_user_source")


async def test_the_doors_of_ones_own_applications_are_no_way_around_an_approval(app: Running) -> None:
    shop = await a_third_party(app)
    place, organization = f"/api/applications/{shop.id}", str(shop.organization)
    manager = await app.manager(organization, "write_app")
    for settings in ({"redirect_uris": ["https://evil.example.com/"]}, {"name": "Other"}, {"trusted": False}):
        reply = await app.call("PATCH", place, manager, json=settings)
        assert (reply.status, reply.json["code"]) == (403, "missing_permission")
    assert (await app.call("PATCH", place, manager, json={"name": "Shop"})).status == 200  # as it was
    reply = await app.call("POST", f"{place}/secrets", manager, json={"secrets": [{"name": "more"}]})
    assert (reply.status, reply.json["code"]) == (403, "creator_required")
    reply = await app.call("DELETE", place, manager)
    assert (reply.status, reply.json["code"]) == (409, "third_party_effective")
    reply = await app.call("PUT", f"/api/v1/apps/{shop.id}", manager, json={"name": "Other"})
    assert (reply.status, reply.text) == (400, "A permission is missing")
    reply = await app.call("DELETE", f"/api/v1/apps/{shop.id}", manager)
    assert (reply.status, reply.text) == (400, "The third party is in effect")
    await reject(shop)
    reply = await app.call("POST", f"{place}/secrets", json={"secrets": [{"name": "more"}]})
    assert (reply.status, reply.json["code"]) == (409, "third_party_not_effective")
    assert (await app.call("DELETE", place, manager)).status == 204


async def test_nobody_changes_what_they_submitted_through_another_door(app: Running) -> None:
    organization = await app.organization()
    own = await app.application(organization=organization, permissions=["all"])
    token = await app.token(own["client_id"], own["secrets"][0]["secret"])
    shop = await a_shop(app, organization)
    await submit(shop, by=UUID(own["id"]))
    for decided in (None, approve, reject):
        if decided is not None:
            await decided(shop)
        reply = await app.call("PATCH", f"/api/applications/{shop.id}", token, json={"name": "Other"})
        assert (reply.status, reply.json["code"]) == (403, "self_approval")
        reply = await app.call("PUT", f"/api/v1/apps/{shop.id}", token, json={"name": "Other"})
        assert (reply.status, reply.text) == (400, "Nobody approves their own request")
