"""Rules about secrets: how large and how hard to guess they are, and what opens nothing (docs/standards.md)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import pytest

from domain.grant_types import DEVICE_CODE
from tests.docs.pages import DOCS
from tests.service.oauth.asking import INTROSPECT, REVOKE, back_end, error, introspected, issued, revoked
from tests.service.oauth.authorization.flow import PAR, answer, asked_by
from tests.service.oauth.persons import an_app
from tests.service.oauth.redeeming import (
    ROOT,
    a_code,
    a_person,
    a_shop,
    alive,
    ask,
    credentials,
    redeem,
    renew,
    tokens_of,
)

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.oauth.authorization.flow import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = re.compile(r"(?P<prefix>mun_[a-z]+_)(?P<random>[\w-]{43})[\w-]{6}", re.ASCII)
SIZE = re.compile(r"^\| (?P<what>[^|]+?) \| (?P<size>[\d,]+) \|$", re.MULTILINE)


async def a_device_code(app: Running, shop: Shop) -> Any:
    tv = await an_app(app, str(shop.organization), kind="native", grant_types=[DEVICE_CODE])
    form = {"client_id": tv.client_id, "scope": "openid"}
    return (await app.call("POST", "/oauth2/device_authorization", "", data=form)).json


async def made(app: Running) -> dict[str, str]:
    """Return one of everything that the service hands out, by what the documentation calls it."""
    shop = await a_shop(app, token_format="opaque")
    browser = await a_person(shop)
    told, code = await tokens_of(shop, browser), await a_code(shop, browser)
    device = await a_device_code(app, shop)
    form = {**shop.request(), **credentials(shop)}
    pushed = (await app.call("POST", PAR, "", data=form)).json
    return {
        "client id": shop.client_id,
        "client secret": shop.secret,
        "authorization code": code,
        "access token, opaque": told["access_token"],
        "refresh token": told["refresh_token"],
        "device code": device["device_code"],
        "user code": device["user_code"],
        "id token": told["id_token"],
        "access token, jwt": await issued(app, await back_end(app)),
        "request uri": pushed["request_uri"],
    }


async def test_what_is_handed_out_is_as_large_as_documented(app: Running) -> None:
    text = (DOCS / "standards.md").read_text(encoding="utf-8")
    sizes = {row["what"].lower(): int(row["size"].replace(",", "")) for row in SIZE.finditer(text)}
    found = await made(app)
    assert sizes.keys() == found.keys()
    exact = {"id token", "access token, jwt", "request uri"}
    for what, value in found.items():
        assert len(value) <= sizes[what], what
        assert len(value) == sizes[what] or what in exact, what


async def test_secrets_have_256_random_bits(app: Running) -> None:
    first, second = await made(app), await made(app)
    secrets = ("client secret", "authorization code", "access token, opaque", "refresh token", "device code")
    for what in secrets:
        one, other = (SECRET.fullmatch(each[what]) for each in (first, second))
        assert one is not None, what
        assert other is not None, what
        assert one["prefix"] == other["prefix"]
        assert one["random"] != other["random"]
        assert len(base64.urlsafe_b64decode(one["random"] + "=")) * 8 == 256


async def test_refreshing_takes_the_credentials_of_a_confidential_client(app: Running) -> None:
    shop = await a_shop(app)
    told = await tokens_of(shop, await a_person(shop))
    for secret in (None, "wrong"):
        reply = await renew(shop, told["refresh_token"], client_secret=secret)
        assert error(reply)[1] == "invalid_client"
    assert (await renew(shop, told["refresh_token"])).status == 200


async def test_a_public_client_names_itself_to_redeem_a_code(app: Running) -> None:
    shop = await a_shop(app, kind="spa")
    other = await a_shop(app, str(shop.organization), kind="spa")
    code = await a_code(shop, await a_person(shop))
    assert error(await redeem(shop, code, client_id=None)) == (401, "invalid_client")
    assert error(await redeem(shop, code, client_id=other.client_id)) == (400, "invalid_grant")
    assert (await redeem(shop, code)).status == 200


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
async def test_a_wrong_hint_hides_no_token(app: Running, hint: str) -> None:
    shop = await a_shop(app)
    told = await tokens_of(shop, await a_person(shop))
    for name in ("access_token", "refresh_token"):
        form = {"token": told[name], "token_type_hint": hint}
        reply = await ask(shop, form, INTROSPECT)
        assert (reply.status, reply.json["active"]) == (200, True), name
        assert (await ask(shop, form, REVOKE)).status == 200
        assert not await alive(app, told[name]), name


async def test_a_revoked_token_is_dead_on_every_worker_at_once(two: tuple[Running, Running]) -> None:
    here, there = two
    back = await back_end(here)
    for _ in range(10):
        token = await issued(here, back)
        assert (await introspected(there, back, token))["active"]
        assert (await revoked(here, back, token)).status == 200
        assert not (await introspected(there, back, token))["active"]


async def test_a_token_that_was_altered_is_no_token(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    head, payload, signature = token.split(".")
    body = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).replace(b'"scope":"', b'"scope":"all ')
    forged = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    assert forged != payload
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    for text in (f"{head}.{forged}.{signature}", f"{none}.{payload}.", f"{none}.{forged}.{signature}"):
        assert await introspected(app, back, text) == {"active": False}
        assert (await app.call("GET", "/api/roles", text)).status == 401


async def test_a_sessions_cookie_is_no_bearer_token(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop, "openid")
    for path in ("/oauth2/userinfo", "/api/roles"):
        assert (await app.call("GET", path, browser.cookie)).status == 401
        assert (await app.call("GET", path, "", headers=browser.headers)).status == 401
    reply = await app.call("POST", INTROSPECT, "", data={**ROOT, "token": browser.cookie})
    assert reply.json == {"active": False}
    told = await tokens_of(shop, browser)
    reply = await shop.ask(browser)
    assert not [text for text in told.values() if str(text) in str(reply.headers.getall("Set-Cookie", []))]


async def test_offline_access_is_asked_for_like_any_other_scope(app: Running) -> None:
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    assert "code" in answer(await shop.ask(ada))
    assert asked_by(await shop.ask(ada, scope="openid offline_access"), app, "consent").scope == (
        "openid",
        "offline_access",
    )
    silent = answer(await shop.ask(ada, scope="openid offline_access", prompt="none"))
    assert silent["error"] == "consent_required"
    await ada.consent(shop, "openid", "offline_access")
    assert "code" in answer(await shop.ask(ada, scope="openid offline_access"))
    plain = await a_shop(app, grant_types=["authorization_code"])
    grace = await a_person(plain, "openid")
    assert "code" in answer(await plain.ask(grace, scope="openid offline_access"))
