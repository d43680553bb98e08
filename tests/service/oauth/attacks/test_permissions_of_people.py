"""Permissions in the tokens of people: asked for by name, held by application and roles both, and consented to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from domain.permissions import PERMISSIONS
from tests.app_fixture import AUDIENCE
from tests.service.oauth.administrators import ASKED, HELD, ROLES, a_console, a_role, an_administrator, seen
from tests.service.oauth.asking import error
from tests.service.oauth.attacks.given import nothing_written
from tests.service.oauth.authorization.flow import AUTHORIZE, FILES, a_person, answer, asked_by
from tests.service.oauth.redeeming import a_code, redeem

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.oauth.administrators import Administrator
    from tests.service.oauth.authorization.flow import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def ada(app: Running) -> Administrator:
    """Somebody whose role holds `read_role` and `write_role`."""
    return await an_administrator(await a_console(app), "read_role", "write_role")


async def test_a_permission_asked_for_by_name_and_held_by_both_opens_its_routes(app: Running, ada: Administrator):
    told = await ada.tokens(ASKED)
    assert told["scope"] == ASKED
    assert await seen(app, told["access_token"]) == 200
    reply = await app.call("POST", ROLES, told["access_token"], json={"name": "clerk"})
    assert (reply.status, reply.json["code"]) == (403, "insufficient_scope"), "the role holds it, the token does not"


async def test_what_a_person_does_is_on_record_as_theirs(app: Running, ada: Administrator):
    token = await ada.token("read_role write_role")
    made = await app.made(ROLES, {"name": "clerk", "permissions": ["read_role"]}, token)
    [event] = [each for each in await app.events(subject=made["id"]) if each["topic"] == "role.defined"]
    assert (event["actor"], event["client"]) == (str(ada.browser.user), str(ada.shop.id))


@pytest.mark.parametrize("scope", ["openid", "openid profile", "openid offline_access"])
async def test_what_is_not_asked_for_by_name_is_not_there(app: Running, ada: Administrator, scope: str):
    told = await ada.tokens(scope)
    assert set(told["scope"].split()).isdisjoint(PERMISSIONS)
    assert await seen(app, told["access_token"]) == 403


async def test_a_request_without_scope_is_none_for_permissions(app: Running, ada: Administrator):
    await ada.browser.consent(ada.shop, "openid", "profile", "email", *HELD)
    code = answer(await ada.shop.ask(ada.browser, scope=None, resource=AUDIENCE))["code"]
    told = (await redeem(ada.shop, code)).json
    assert set(told["scope"].split()) == {"openid", "profile", "email"}


async def test_what_the_application_does_not_hold_is_not_there(app: Running):
    ada = await an_administrator(await a_console(app, permissions=["read_role"]), "read_role", "read_user", "all")
    assert (await ada.tokens("read_role read_user all"))["scope"] == "read_role"


async def test_what_no_role_holds_is_not_there(app: Running, ada: Administrator):
    assert (await ada.tokens("openid read_user read_role"))["scope"] == ASKED
    assert error(await ada.redeemed("read_user")) == (400, "invalid_scope")


async def test_root_is_never_there(app: Running):
    shop = await a_console(app, permissions=["root", "all", "read_role"])
    ada = await an_administrator(shop, "root", "all")
    told = await ada.tokens("openid root all")
    assert told["scope"] == "openid all"
    assert error(await ada.redeemed("root")) == (400, "invalid_scope")
    made = await app.call("POST", "/api/accounts", told["access_token"], json={"name": "Mine"})
    assert made.status == 403, "only root makes organizations"
    listed = (await app.call("GET", ROLES, told["access_token"])).json["items"]
    assert {each["organization"] for each in listed} == {str(shop.organization)}


async def test_a_token_that_was_issued_with_root_opens_nothing_by_it(app: Running):
    ada = await an_administrator(await a_console(app, permissions=["root", "all"]), "root", "all")
    token = await app.issued(ada.shop.document, scope="root", user=str(ada.browser.user))
    assert await seen(app, token) == 403


async def test_the_wildcard_stands_for_what_the_other_side_holds(app: Running):
    everything = await an_administrator(await a_console(app), "all")
    assert (await everything.tokens("read_role all"))["scope"] == "read_role"
    trusted = await an_administrator(await a_console(app, permissions=["all"]), "read_role")
    assert (await trusted.tokens("read_role all read_user"))["scope"] == "read_role"
    both = await an_administrator(await a_console(app, permissions=["all"]), "all")
    assert await seen(app, await both.token("all")) == 200


async def test_permissions_are_for_the_management_audience_alone(app: Running):
    ada = await an_administrator(await a_console(app, audiences=[AUDIENCE, FILES]), "read_role")
    reply = await redeem(ada.shop, await a_code(ada.shop, ada.browser, scope=ASKED, audience=FILES))
    assert reply.json["scope"] == "openid"
    other = await redeem(ada.shop, await a_code(ada.shop, ada.browser, scope="read_role", audience=FILES))
    assert error(other) == (400, "invalid_scope")


async def granted(shop: Shop, *scope: str) -> str:
    """Grant an application a scope of the management interface; return the grant's id."""
    wanted = {"application": str(shop.id), "audience": AUDIENCE, "scope": list(scope)}
    grant = await shop.app.made("/api/grants", wanted, await shop.app.manager(str(shop.organization)))
    reply = await shop.app.call("POST", f"/api/grants/{grant['id']}/approve", json={})
    assert reply.status == 200, reply.text
    return grant["id"]


async def test_a_public_client_gets_none(app: Running):
    """Not even what it was granted: anybody can pose as it."""
    shop = await a_console(app, kind="spa", permissions=[])
    await granted(shop, "read_role")
    ada = await an_administrator(shop, "read_role")
    assert (await ada.tokens(ASKED))["scope"] == "openid"


async def test_what_was_granted_to_the_application_counts_as_long_as_the_grant_does(app: Running):
    shop = await a_console(app, permissions=[])
    grant = await granted(shop, "read_role")
    ada = await an_administrator(shop, "read_role")
    token = await ada.token(ASKED)
    assert await seen(app, token) == 200
    assert (await app.call("POST", f"/api/grants/{grant}/revoke", json={})).status == 200
    assert await seen(app, token) == 403


async def test_being_an_owner_of_an_account_is_no_permission(app: Running):
    shop = await a_console(app)
    browser = await a_person(shop, "openid", *HELD)
    account = await app.made(f"/api/accounts/{shop.organization}/accounts", {"name": "Branch"})
    for place in (account["id"], str(shop.organization)):
        await app.made(f"/api/accounts/{place}/members", {"user_id": str(browser.user), "role": "owner"})
    reply = await redeem(shop, await a_code(shop, browser, scope=ASKED, audience=AUDIENCE))
    assert reply.json["scope"] == "openid"


async def test_a_role_of_another_application_or_person_is_not_theirs(app: Running, ada: Administrator):
    eve = await a_person(ada.shop, "openid", *HELD)
    reply = await redeem(ada.shop, await a_code(ada.shop, eve, scope=ASKED, audience=AUDIENCE))
    assert reply.json["scope"] == "openid"


async def test_people_come_to_no_door_for_machines(app: Running):
    ada = await an_administrator(await a_console(app, permissions=["all"]), "all")
    token = await ada.token("all")
    reply = await app.call("GET", "/api/v1/roles", token)
    assert (reply.status, reply.text) == (401, "Unauthorized")
    reply = await app.call("GET", f"/api/applications/{ada.shop.id}/users", token)
    assert (reply.status, reply.json["code"]) == (403, "wrong_client_kind")


async def test_nobody_deletes_themselves_with_what_they_may_do_to_others(app: Running):
    ada = await an_administrator(await a_console(app, permissions=["all"]), "all")
    token = await ada.token("all")
    reply = await app.call("DELETE", f"/api/users/{ada.browser.user}", token)
    assert (reply.status, reply.json["code"]) == (400, "user.cannot_delete_self")


async def test_people_see_their_own_organization_alone(app: Running, ada: Administrator):
    token = await ada.token("read_role write_role")
    elsewhere = await app.organization("Elsewhere")
    foreign = await a_role(app, elsewhere, "read_role")
    assert await seen(app, token, f"{ROLES}/{foreign}") == 404
    assert (await app.call("PATCH", f"{ROLES}/{foreign}", token, json={"permissions": []})).status == 404
    assert (await app.call("GET", ROLES, token, params={"organization": elsewhere})).status == 404


async def test_a_person_is_asked_for_what_they_could_give_and_no_more(app: Running, ada: Administrator):
    eve = await a_person(ada.shop, "openid")
    wanted = {"scope": "openid read_role read_user", "resource": AUDIENCE}
    assert "code" in answer(await ada.shop.ask(eve, **wanted)), "there is nothing left to consent to"
    fresh = await an_administrator(await a_console(app), "read_role")
    await fresh.browser.withdraw(fresh.shop)
    asked_by(await fresh.shop.ask(fresh.browser, **wanted), app, "consent")
    await fresh.browser.consent(fresh.shop, "openid", "read_role")
    code = answer(await fresh.shop.ask(fresh.browser, **wanted))["code"]
    assert (await redeem(fresh.shop, code)).json["scope"] == ASKED


async def test_who_could_give_nothing_leads_to_an_error(app: Running, ada: Administrator):
    eve = await a_person(ada.shop, "openid")
    told = answer(await ada.shop.ask(eve, scope="read_role", resource=AUDIENCE))
    assert told["error"] == "invalid_scope"


async def test_an_application_asks_for_nothing_that_it_does_not_hold(app: Running):
    ada = await an_administrator(await a_console(app, permissions=["read_user"]), "read_role")
    async with nothing_written(app):
        reply = await ada.shop.ask(ada.browser, AUTHORIZE, scope="read_role", resource=AUDIENCE)
        assert answer(reply)["error"] == "invalid_scope"
