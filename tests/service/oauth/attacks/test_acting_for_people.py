"""Whoever acts in a person's name, or never asked them, has nothing by their roles; a device has what both hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from domain.grant_types import AUTHORIZATION_CODE, DEVICE_CODE, PASSWORD, REFRESH_TOKEN, TOKEN_EXCHANGE
from domain.permissions import PERMISSIONS
from domain.token_family import TokenFamily
from projections import device_authorizations
from service.commands import devices
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.sessions import SignedIn
from service.store.log import head
from tests.app_fixture import AUDIENCE
from tests.service.oauth.administrators import ASKED, a_console, a_role, an_administrator, seen
from tests.service.oauth.asking import error
from tests.service.oauth.authorization.flow import a_person
from tests.service.oauth.impersonating import a_super_admin
from tests.service.oauth.persons import PASSWORD as SECRET
from tests.service.oauth.persons import a_person as somebody
from tests.service.oauth.persons import origin
from tests.service.oauth.redeeming import ask, credentials, renew

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.administrators import Administrator
    from tests.service.oauth.authorization.flow import Browser, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"


@pytest_asyncio.fixture(loop_scope="module")
async def ada(app: Running) -> Administrator:
    """Somebody whose role holds `read_role` and `write_role`."""
    return await an_administrator(await a_console(app), "read_role", "write_role")


async def in_the_name(ada: Administrator, scope: str, **told: Any) -> str:
    """Return a token of the person's as another grant would issue it."""
    text, clock = new_secret(ACCESS_TOKEN), ada.app.parts.clock

    async def command(decision: Any) -> None:
        decision.organization, now = ada.shop.organization, clock.now()
        fields = {
            "id": clock.new_id(), "organization": ada.shop.organization, "application": ada.shop.id, "scope": scope,
            "audience": AUDIENCE, "format": "opaque", "digest": sha256_hex(text), "grant_type": AUTHORIZATION_CODE,
            "expires_at": now + timedelta(minutes=5), "user": ada.browser.user, "now": now,
        }  # fmt: skip
        decision.save(TokenFamily.issue(**{**fields, **told}))

    await ada.app.parts.store.decide(command, origin(ada.app))
    return text


async def test_whoever_acts_as_a_person_has_nothing_by_their_roles(app: Running, ada: Administrator):
    eve = await a_person(ada.shop, "openid")
    assert await seen(app, await in_the_name(ada, "read_role")) == 200
    assert await seen(app, await in_the_name(ada, "read_role", actor=eve.user)) == 403
    assert await seen(app, await in_the_name(ada, "read_role", grant_type=TOKEN_EXCHANGE)) == 403


async def test_an_impersonator_gets_none_of_the_persons_permissions(app: Running):
    shop = await a_console(app, token_format="opaque")
    ada = await an_administrator(shop, "read_role")
    boss = await an_administrator(shop, "read_role")
    await in_super_admin(boss)
    reply = await app.call("POST", f"/api/v1/users/{ada.browser.user}/impersonation/{shop.id}", json={
        "impersonatorToken": await boss.token("openid read_role"),
    })  # fmt: skip
    assert reply.status == 200, reply.text
    refresh = reply.json["refresh_token"]
    for scope in ("read_role", "openid read_role"):
        assert error(await renew(shop, refresh, scope=scope)) == (400, "invalid_scope")
    told = await renew(shop, refresh)
    assert told.status == 200, told.text
    assert set(told.json["scope"].split()).isdisjoint(PERMISSIONS)
    assert await seen(app, told.json["access_token"]) == 403


async def in_super_admin(boss: Administrator) -> None:
    """Give somebody the role that lets them act as others, as only the service defines it."""
    role = await a_super_admin(boss.app, boss.shop.organization)
    assert (await boss.app.call("PUT", f"/api/users/{boss.browser.user}/roles/{role['id']}")).status == 204


async def exchanged(shop: Shop, token: str, **form: str) -> Reply:
    wanted = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": TOKEN_TYPE, **form}
    return await ask(shop, {"audience": AUDIENCE, **wanted})


async def test_no_permission_comes_by_exchange(app: Running):
    grants = [AUTHORIZATION_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE]
    shop = await a_console(app, permissions=["all", "files"], grant_types=grants)
    ada = await an_administrator(shop, "all")
    token = await ada.token("openid read_role")
    told = await exchanged(shop, token)
    assert (told.status, told.json["scope"]) == (200, "openid"), told.text
    assert await seen(app, told.json["access_token"]) == 403
    assert error(await exchanged(shop, token, scope="read_role")) == (400, "invalid_scope")
    acting = await exchanged(shop, token, actor_token=token, actor_token_type=TOKEN_TYPE)
    assert acting.json["scope"] == "openid"


async def test_no_permission_comes_by_password(app: Running):
    """There nobody is asked whether they consent."""
    organization = await app.organization()
    shop = await a_console(app, organization, grant_types=[PASSWORD, REFRESH_TOKEN], trusted=True)
    ada = await somebody(app, organization, password=SECRET)
    role = await a_role(app, organization, "read_role")
    assert (await app.call("PUT", f"/api/users/{ada.id}/roles/{role}")).status == 204
    form = {"grant_type": PASSWORD, "username": ada.username, "password": SECRET, "audience": AUDIENCE}
    told = await ask(shop, {**form, "scope": ASKED})
    assert (told.status, told.json["scope"]) == (200, "openid"), told.text
    assert error(await ask(shop, {**form, "scope": "read_role"})) == (400, "invalid_scope")


async def a_device(shop: Shop, browser: Browser, scope: str) -> Reply:
    """Let a device ask, a person approve it, and return what it gets then."""
    app = shop.app
    asked = await app.call("POST", "/oauth2/device_authorization", "", data={
        **credentials(shop), "scope": scope, "audience": AUDIENCE,
    })  # fmt: skip
    assert asked.status == 200, asked.text
    code = asked.json["device_code"]
    row = await device_authorizations.by_digest(app.parts.store.pool, sha256_hex(code), app.parts.clock.now())
    assert row is not None
    now, position = app.parts.clock.now(), await head(app.parts.store.pool)
    session = SignedIn(browser.session, browser.organization, browser.user, now, ("pwd",), position)
    await devices.approve(app.parts.store, browser.origin, device=row["id"], signed_in=session)
    return await ask(shop, {"grant_type": DEVICE_CODE, "device_code": code})


async def test_a_device_gets_what_both_hold(app: Running):
    shop = await a_console(app, grant_types=[DEVICE_CODE, REFRESH_TOKEN, AUTHORIZATION_CODE])
    ada = await an_administrator(shop, "read_role")
    told = await a_device(shop, ada.browser, "openid read_role read_user all")
    assert (told.status, told.json["scope"]) == (200, ASKED), told.text
    assert await seen(app, told.json["access_token"]) == 200
    eve = await a_person(shop, "openid")
    assert (await a_device(shop, eve, ASKED)).json["scope"] == "openid"
    assert error(await a_device(shop, eve, "read_role")) == (400, "invalid_scope")
