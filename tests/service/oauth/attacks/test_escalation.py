"""Somebody who manages people, roles and applications tries to come by more than they have; nothing is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.app_fixture import AUDIENCE
from tests.service.commands.given import meanwhile
from tests.service.oauth.administrators import HELD, ROLES, a_console, a_role, an_administrator
from tests.service.oauth.attacks.given import nothing_written
from tests.service.oauth.authorization.flow import a_person

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.oauth.administrators import Administrator

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def eve(app: Running) -> Administrator:
    """Somebody who manages people, roles and applications, and nothing else."""
    return await an_administrator(await a_console(app), *HELD)


async def try_to(eve: Administrator, method: str, path: str, body: Any = None, *, held: Any = HELD) -> str:
    """Return the code of the refusal of what was tried, which must leave nothing behind."""
    token = await eve.token(" ".join(held))
    async with nothing_written(eve.app):
        reply = await eve.app.call(method, path, token, **({} if body is None else {"json": body}))
    assert reply.status in {400, 403}, reply.text
    return reply.json["code"]


@pytest.mark.parametrize("wanted", ["read_audit", "revoke_token", "all"])
async def test_nobody_makes_a_role_that_holds_more_than_they_do(eve: Administrator, wanted: str):
    assert await try_to(eve, "POST", ROLES, {"name": "more", "permissions": [wanted]}) == "missing_permission"
    change = {"permissions": [*HELD, wanted]}
    assert await try_to(eve, "PATCH", f"{ROLES}/{eve.role}", change) == "missing_permission", "their own least of all"


async def test_nobody_assigns_a_role_that_holds_more_than_they_do(app: Running, eve: Administrator):
    strong = await a_role(app, str(eve.shop.organization), "read_user", "revoke_token")
    friend = await a_person(eve.shop, "openid")
    for user in (eve.browser.user, friend.user):
        assert await try_to(eve, "PUT", f"/api/users/{user}/roles/{strong}") == "missing_permission"


async def test_nobody_assigns_a_built_in_role_without_what_it_holds(app: Running, eve: Administrator):
    listed = (await app.call("GET", ROLES, params={"organization": str(eve.shop.organization)})).json["items"]
    built_in = [each["id"] for each in listed if each["name"] in {"orgadmin", "opsadmin"}]
    assert len(built_in) == 2
    for role in built_in:
        assert await try_to(eve, "PUT", f"/api/users/{eve.browser.user}/roles/{role}") == "missing_permission"
        assert await try_to(eve, "PATCH", f"{ROLES}/{role}", {"permissions": list(HELD)}) == "built_in_role"


async def test_nobody_makes_an_application_that_holds_more_than_they_do(app: Running, eve: Administrator):
    made = {"name": "Mine", "kind": "machine", "audiences": [AUDIENCE], "secrets": [{"name": "first"}]}
    for held in (["read_audit"], ["all"]):
        assert await try_to(eve, "POST", "/api/applications", made | {"permissions": held}) == "missing_permission"
    assert await try_to(eve, "POST", "/api/applications", made | {"permissions": ["root"]}) == "root_required"
    token, kept = await eve.token(" ".join(HELD)), [name for name in HELD if name != "write_app"]
    mine = await app.made("/api/applications", made | {"permissions": kept}, token)
    for change in ({"permissions": [*kept, "read_audit"]}, {"permissions": ["all"]}):
        assert await try_to(eve, "PATCH", f"/api/applications/{mine['id']}", change) == "missing_permission"


@pytest.mark.parametrize("held", ["write_app", "approve_grant"])
async def test_nobody_makes_an_application_that_would_hand_out_more_than_they_hold(app: Running, held: str):
    """By `write_app` of its own it would make others that hold anything, by `approve_grant` approve what they ask."""
    shop = await a_console(app, permissions=[*HELD, "approve_grant"])
    eve, all_of_it = await an_administrator(shop, *HELD, "approve_grant"), {"held": (*HELD, "approve_grant")}
    made = {"name": "Mine", "kind": "machine", "audiences": [AUDIENCE], "secrets": [{"name": "first"}]}
    strong = await app.application(organization=str(shop.organization), permissions=[held])
    harmless = await app.made("/api/applications", made, await eve.token("write_app"))
    for method, path, body in (
        ("POST", "/api/applications", made | {"permissions": [held]}),
        ("PATCH", f"/api/applications/{harmless['id']}", {"permissions": [held]}),
        ("POST", "/api/grants", {"application": harmless["id"], "audience": AUDIENCE, "scope": [held]}),
        ("POST", f"/api/applications/{strong['id']}/secrets", {"secrets": [{"name": "mine"}]}),
    ):
        assert await try_to(eve, method, path, body, **all_of_it) == "missing_permission", path
    boss = await an_administrator(await a_console(app, str(shop.organization), permissions=["all"]), "all")
    await app.made("/api/applications", made | {"permissions": [held]}, await boss.token("all"))


@pytest.mark.parametrize(
    "change",
    [{"redirect_uris": ["https://evil.example/cb"]}, {"audiences": []}, {"trusted": True}, {"name": "Bank"}],
    ids=["redirect", "audience", "trusted", "name"],
)
async def test_nobody_touches_an_application_that_holds_more(app: Running, eve: Administrator, change: Any):
    strong = await a_console(app, str(eve.shop.organization), permissions=["read_user", "revoke_token"])
    assert await try_to(eve, "PATCH", f"/api/applications/{strong.id}", change) == "missing_permission"
    secrets = {"secrets": [{"name": "mine"}]}
    assert await try_to(eve, "POST", f"/api/applications/{strong.id}/secrets", secrets) == "missing_permission"


async def test_nobody_lets_somebody_in_again_who_holds_more_than_they_do(app: Running, eve: Administrator):
    boss = await an_administrator(eve.shop, "all")
    assert (await app.call("POST", f"/api/users/{boss.browser.user}/suspend", json={})).status == 200
    assert await try_to(eve, "POST", f"/api/users/{boss.browser.user}/reinstate", {}) == "missing_permission"


async def test_two_at_once_cannot_raise_each_other(app: Running, eve: Administrator):
    """A role is changed by one who holds more while another assigns it: whoever assigns it must hold that, too."""
    weak = await a_role(app, str(eve.shop.organization), "read_user")
    token = await eve.token(" ".join(HELD))

    async def strengthened() -> None:
        reply = await app.call("PATCH", f"{ROLES}/{weak}", json={"permissions": ["all"]})
        assert reply.status == 200, reply.text

    with meanwhile(app.parts.store, strengthened):
        reply = await app.call("PUT", f"/api/users/{eve.browser.user}/roles/{weak}", token)
    assert (reply.status, reply.json["code"]) == (403, "missing_permission")
    held = await app.parts.store.pool.fetchval("SELECT count(*) FROM user_roles WHERE user_id = $1", eve.browser.user)
    assert held == 1
