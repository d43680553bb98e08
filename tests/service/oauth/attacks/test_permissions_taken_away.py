"""What a person's token may do is gone with their role, with what it holds, or with what the application holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from service.http.bearer import Unauthenticated
from tests.app_fixture import AUDIENCE
from tests.service.commands.given import meanwhile
from tests.service.oauth.administrators import ROLES, a_console, an_administrator, seen
from tests.service.oauth.asking import error
from tests.service.oauth.redeeming import a_code, redeem, renew

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.oauth.administrators import Administrator

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def ada(app: Running) -> Administrator:
    """Somebody whose role holds `read_role` and `write_role`."""
    return await an_administrator(await a_console(app), "read_role", "write_role")


async def taken_away(ada: Administrator) -> None:
    await ada.lose_role()


async def emptied(ada: Administrator) -> None:
    await ada.change_role("write_role")


async def deleted(ada: Administrator) -> None:
    token = await ada.app.manager(str(ada.shop.organization))
    assert (await ada.app.call("DELETE", f"/api/v1/roles/{ada.role}", token)).status == 204


async def not_the_applications(ada: Administrator) -> None:
    await ada.shop.change(permissions=["write_role"])


ENDS = [taken_away, emptied, deleted, not_the_applications]


@pytest.mark.parametrize("end", ENDS)
async def test_it_is_gone_at_once_on_every_worker(two: tuple[Running, Running], end: Any):
    here, there = two
    ada = await an_administrator(await a_console(here), "read_role", "write_role")
    told = await ada.tokens("openid offline_access read_role write_role")
    assert [await seen(app, told["access_token"]) for app in two] == [200, 200]
    await end(ada)
    assert [await seen(app, told["access_token"]) for app in (there, here)] == [403, 403]
    renewed = await renew(ada.shop, told["refresh_token"], app=there)
    assert (renewed.status, "read_role" in renewed.json["scope"].split()) == (200, False)
    assert error(await renew(ada.shop, renewed.json["refresh_token"], app=there, scope="read_role")) == (
        400, "invalid_scope",
    )  # fmt: skip


async def test_what_is_given_again_is_there_again(app: Running, ada: Administrator):
    told = await ada.tokens("openid offline_access read_role")
    await ada.lose_role()
    renewed = (await renew(ada.shop, told["refresh_token"])).json
    assert renewed["scope"] == "openid offline_access"
    await ada.regain_role()
    assert await seen(app, told["access_token"]) == 200, "what was asked for and consented to is held again"
    assert await seen(app, renewed["access_token"]) == 403, "this one never had it"
    assert (await renew(ada.shop, renewed["refresh_token"])).json["scope"] == "openid offline_access read_role"


async def test_a_role_that_gains_a_permission_gives_no_token_more(app: Running, ada: Administrator):
    told = await ada.tokens("openid offline_access read_role read_user")
    assert told["scope"] == "openid offline_access read_role"
    await ada.change_role("read_role", "read_user", "all")
    renewed = await renew(ada.shop, told["refresh_token"])
    assert renewed.json["scope"] == "openid offline_access read_role"
    assert error(await renew(ada.shop, renewed.json["refresh_token"], scope="read_user")) == (400, "invalid_scope")


@pytest.mark.parametrize("end", [taken_away, emptied, deleted])
async def test_a_code_is_worth_what_the_roles_hold_when_it_is_redeemed(app: Running, ada: Administrator, end: Any):
    wanted = ("read_role", "openid read_role")
    codes = [await a_code(ada.shop, ada.browser, scope=scope, audience=AUDIENCE) for scope in wanted]
    await end(ada)
    only, beside = [await redeem(ada.shop, code) for code in codes]
    assert error(only) == (400, "invalid_scope")
    assert (beside.status, beside.json["scope"]) == (200, "openid")


@pytest.mark.parametrize("end", [taken_away, emptied, not_the_applications])
async def test_no_token_is_issued_after_what_forbids_it(app: Running, ada: Administrator, end: Any):
    """Decided before, committed after: it is decided again."""
    code = await a_code(ada.shop, ada.browser, scope="openid read_role", audience=AUDIENCE)
    with meanwhile(app.parts.store, lambda: end(ada)) as decided:
        reply = await redeem(ada.shop, code)
    assert (reply.status, reply.json["scope"]) == (200, "openid")
    assert len(decided) == 2


@pytest.mark.parametrize("end", [taken_away, emptied])
async def test_no_token_is_renewed_after_what_forbids_it(app: Running, ada: Administrator, end: Any):
    told = await ada.tokens("openid offline_access read_role")
    with meanwhile(app.parts.store, lambda: end(ada)):
        reply = await renew(ada.shop, told["refresh_token"])
    assert (reply.status, reply.json["scope"]) == (200, "openid offline_access")


@pytest.mark.parametrize("end", [taken_away, emptied, not_the_applications])
async def test_nothing_is_done_after_the_permission_is_gone(app: Running, ada: Administrator, end: Any):
    """Admitted before, committed after: it is not committed."""
    token = await ada.token("read_role write_role")

    async def gone() -> None:
        await ada.change_role("read_role") if end is emptied else await end(ada)
        if end is not_the_applications:
            await ada.shop.change(permissions=[])

    with meanwhile(app.parts.store, gone):
        reply = await app.call("POST", ROLES, token, json={"name": "clerk"})
    assert (reply.status, reply.json["code"]) == (403, "missing_permission")
    listed = await app.call("GET", ROLES, params={"organization": str(ada.shop.organization)})
    assert "clerk" not in [each["name"] for each in listed.json["items"]]


async def test_nothing_is_done_after_the_person_signed_out(app: Running, ada: Administrator):
    token = await ada.token("read_role write_role")
    with meanwhile(app.parts.store, ada.browser.sign_out):
        reply = await app.call("POST", ROLES, token, json={"name": "clerk"})
    assert (reply.status, reply.json["code"]) == (401, "invalid_token")
    with pytest.raises(Unauthenticated):
        await app.parts.bearer.by_token(token)
