"""What somebody signed in may do at our own pages: what their roles hold by now but root, in their own organization."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp.test_utils import make_mocked_request

from domain.permissions import PERMISSIONS
from domain.refusals import MissingPermission, UnknownSession
from service import authority
from service.commands import roles
from service.parts import PARTS, REQUEST_ID
from service.sessions import SIGNED_IN
from tests.app_fixture import AUDIENCE, app_template, running
from tests.postgres_fixture import copied
from tests.service.commands.given import meanwhile
from tests.service.oauth.administrators import a_console, an_administrator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from service.sessions import SignedIn
    from tests.app_fixture import Running
    from tests.service.oauth.administrators import Administrator

__all__ = ["app_template"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service


def request_of(ada: Administrator) -> web.Request:
    """Return a request that the person's browser might send."""
    app = ada.app.client.app
    assert app is not None
    request = make_mocked_request("GET", "/console", headers=ada.browser.headers, app=app)
    request[REQUEST_ID] = uuid4()
    return request


async def signed_in(request: web.Request) -> SignedIn:
    found = await request.config_dict[PARTS].sessions.present(request)
    assert found is not None
    return found


async def of(ada: Administrator) -> authority.Authority:
    return await authority.of_person(ada.app.parts, await signed_in(request_of(ada)))


async def test_it_is_what_their_roles_hold(app: Running):
    ada = await an_administrator(await a_console(app), "read_token", "revoke_token", "invoices:read")
    caller = (await of(ada)).caller
    assert (caller.actor, caller.user, caller.application) == (ada.browser.user, ada.browser.user, None)
    assert caller.permissions == {"read_token", "revoke_token", "invoices:read"}
    assert [name for name in PERMISSIONS if caller.holds(name)] == ["read_token", "revoke_token"]
    assert caller.sees(ada.shop.organization)


async def test_who_has_no_role_may_nothing(app: Running):
    ada = await an_administrator(await a_console(app), "all")
    await ada.lose_role()
    caller = (await of(ada)).caller
    assert not any(caller.holds(name) for name in PERMISSIONS)


async def test_root_stays_outside(app: Running):
    ada = await an_administrator(await a_console(app), "root", "all")
    caller = (await of(ada)).caller
    assert not caller.is_root
    assert caller.holds("all")
    assert not caller.sees(uuid4())


async def test_it_rests_on_person_session_organization_and_roles(app: Running):
    ada = await an_administrator(await a_console(app), "all")
    guards = (await of(ada)).guards
    assert guards.keys() == {
        f"user:{ada.browser.user}", f"session:{ada.browser.session}", f"account:{ada.shop.organization}",
        f"role:{ada.role}",
    }  # fmt: skip
    assert min(guards.values()) > 0


async def defined(ada: Administrator) -> None:
    """Define a role as the person does at a page of ours."""
    request = request_of(ada)
    session = await signed_in(request)
    held = await authority.of_person(ada.app.parts, session)
    origin = authority.origin_of(request, session, held)
    await roles.define(
        ada.app.parts.store, origin, held.caller, organization=ada.shop.organization, name=f"r-{uuid4().hex}"
    )


async def test_a_command_is_carried_out_on_what_still_holds(app: Running):
    ada = await an_administrator(await a_console(app), "write_role", "read_role")
    await defined(ada)
    with meanwhile(app.parts.store, lambda: ada.change_role("all", "write_role", "read_role")) as decided:
        await defined(ada)
    assert len(decided) == 2, "more than before: it goes on"


@pytest.mark.parametrize("end", ["lose_role", "change_role"])
async def test_no_command_is_carried_out_once_less_holds(app: Running, end: str):
    ada = await an_administrator(await a_console(app), "write_role", "read_role")
    with meanwhile(app.parts.store, getattr(ada, end)), pytest.raises(MissingPermission):
        await defined(ada)


async def test_no_command_is_carried_out_after_the_session(app: Running):
    ada = await an_administrator(await a_console(app), "write_role")
    with meanwhile(app.parts.store, ada.browser.sign_out), pytest.raises(UnknownSession):
        await defined(ada)


async def test_no_command_of_one_session_goes_on_in_another(app: Running):
    ada = await an_administrator(await a_console(app), "write_role")
    other = await an_administrator(ada.shop, "write_role")
    request, strange = request_of(ada), request_of(other)
    session = await signed_in(request)
    origin = authority.origin_of(request, session, await of(ada))
    request[SIGNED_IN] = await signed_in(strange)
    assert origin.renew is not None
    with pytest.raises(UnknownSession):
        await origin.renew()


async def test_for_a_token_the_roles_are_asked_where_it_names_a_permission(app: Running):
    ada = await an_administrator(await a_console(app), "read_role")
    user, parts = ada.browser.user, app.parts
    held = await authority.at(parts, AUDIENCE, "openid read_user", user=user)
    assert held.permissions == {"read_role"}
    for audience, scope in (
        (AUDIENCE, "openid"),
        (AUDIENCE, None),
        (AUDIENCE, ""),
        ("https://files.test", "read_role"),
    ):
        assert await authority.at(parts, audience, scope, user=user) == authority.NOTHING
    assert await authority.kept(parts, AUDIENCE, "openid read_user read_role root", user=user) == [
        "openid",
        "read_role",
    ]


async def test_nobody_known_yet_may_be_asked_for_at_the_management_audiences_alone(app: Running):
    management = app.parts.settings.management_audiences
    assert authority.anybodys(management, AUDIENCE) == {"all"}
    assert authority.anybodys(management, "https://files.test") == frozenset()
