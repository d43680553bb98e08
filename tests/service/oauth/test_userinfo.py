"""Userinfo tells of the person behind a living token what its scope asks for, and nobody else of anything."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from domain.caller import SYSTEM
from domain.person import Profile
from service.commands import users
from service.oauth.claims import CLAIMS, claims
from service.store.decision import Origin
from tests.app_fixture import ROOT_SECRET
from tests.service.oauth.authorization.flow import a_person, a_shop
from tests.service.oauth.id_tokens import an_id_token
from tests.service.oauth.profiles import FULL, known

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

USERINFO = "/oauth2/userinfo"


async def token_of(shop: Shop, browser: Browser, scope: str = "openid profile email") -> str:
    return await shop.app.issued(shop.document, scope=scope, user=str(browser.user))


def refused(reply: Reply) -> tuple[int, str, str]:
    """Return the status, the error of the body and that of the challenge, which is there and names the scheme."""
    challenge = reply.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="muniment"')
    named = challenge.partition('error="')[2].partition('"')[0]
    return reply.status, reply.json["error"], named


async def test_each_scope_tells_its_claims_and_no_others(app: Running) -> None:
    shop = await a_shop(app)
    ada = await a_person(shop)
    await known(ada)
    everything = (await app.call("GET", USERINFO, await token_of(shop, ada))).json
    assert everything | {"updated_at": 0} == {
        "sub": str(ada.user),
        "name": "Ada Lovelace",
        **{name: getattr(FULL, name) for name in CLAIMS["profile"] if hasattr(FULL, name)},
        "updated_at": 0,
        "email": "ada@example.com",
        "email_verified": True,
    }
    assert abs(everything["updated_at"] - app.parts.clock.now().timestamp()) < 60
    for scope, named in {
        "openid": set(),
        "openid email": set(CLAIMS["email"]),
        "openid profile": set(CLAIMS["profile"]),
        "openid offline_access files.read": set(),
    }.items():
        told = (await app.call("GET", USERINFO, await token_of(shop, ada, scope))).json
        assert set(told) == {"sub", *named}, scope


async def test_what_is_not_known_is_left_out(app: Running) -> None:
    shop = await a_shop(app)
    told = (await app.call("GET", USERINFO, await token_of(shop, await a_person(shop)))).json
    assert set(told) == {"sub", "updated_at"}


async def test_who_names_nothing_else_is_called_as_they_sign_in(app: Running) -> None:
    shop = await a_shop(app)
    ada = await a_person(shop)
    await known(ada, Profile())
    told = (await app.call("GET", USERINFO, await token_of(shop, ada))).json
    assert told["preferred_username"] == "countess"


async def test_an_address_that_is_not_there_is_not_verified_either() -> None:
    row: Any = dict.fromkeys((claim for named in CLAIMS.values() for claim in named), None)
    row |= {"username": None, "email_verified": False, "updated_at": datetime(2026, 1, 1, tzinfo=UTC)}
    assert claims(row, ["email"]) == {}
    assert claims(row | {"email": "a@b.example"}, ["email"]) == {"email": "a@b.example", "email_verified": False}
    assert claims(row, ["profile"]) == {"updated_at": 1767225600}
    assert claims(row, []) == {}


async def test_the_token_comes_in_the_header_or_in_a_form(app: Running) -> None:
    shop = await a_shop(app)
    ada = await a_person(shop)
    token = await token_of(shop, ada)
    for reply in (
        await app.call("GET", USERINFO, token),
        await app.call("POST", USERINFO, token),
        await app.call("POST", USERINFO, token, data={}),
        await app.call("POST", USERINFO, "", data={"access_token": token}),
        await app.call("GET", USERINFO, "", headers={"Authorization": f"bearer {token}"}),
    ):
        assert (reply.status, reply.json["sub"]) == (200, str(ada.user))
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["Cache-Control"] == "no-store"


async def test_a_token_in_the_address_is_refused_and_so_are_two(app: Running) -> None:
    shop = await a_shop(app)
    token = await token_of(shop, await a_person(shop))
    bad = (400, "invalid_request", "invalid_request")
    for method in ("GET", "POST"):
        assert refused(await app.call(method, USERINFO, "", params={"access_token": token})) == bad
        assert refused(await app.call(method, USERINFO, token, params={"access_token": "x"})) == bad
    assert refused(await app.call("POST", USERINFO, token, data={"access_token": token})) == bad
    for header in ("Bearer", f"Bearer {token} x"):
        assert refused(await app.call("GET", USERINFO, "", headers={"Authorization": header})) == bad
    twice = f"access_token={token}&access_token={token}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await app.call("POST", USERINFO, "", data=twice, headers=form)
    assert (reply.status, reply.json["error"]) == (400, "invalid_request")
    reply = await app.call("POST", USERINFO, "", json={"access_token": token})
    assert (reply.status, reply.json["error"]) == (415, "invalid_request")


async def test_who_brings_no_token_is_told_how_and_no_error(app: Running) -> None:
    for headers in ({}, {"Authorization": "Basic cm9vdDpyb290"}):
        reply = await app.call("GET", USERINFO, "", headers=headers)
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="muniment"')


async def test_a_token_that_has_ended_tells_nothing(app: Running) -> None:
    shop = await a_shop(app)
    ada, eve = await a_person(shop), await a_person(shop)
    dead = (401, "invalid_token", "invalid_token")
    assert refused(await app.call("GET", USERINFO, "mun_at_unknown")) == dead
    token = await token_of(shop, ada)
    await ada.suspend()
    assert refused(await app.call("GET", USERINFO, token)) == dead
    token = await token_of(shop, eve)
    nobody = uuid.UUID(int=0)
    origin = Origin(nobody, nobody, None, app.parts.clock.new_id())
    await users.delete(app.parts.store, origin, SYSTEM, user=eve.user)
    assert refused(await app.call("GET", USERINFO, token)) == dead


async def test_a_token_without_openid_or_without_a_person_is_not_enough(app: Running) -> None:
    shop = await a_shop(app)
    ada = await a_person(shop)
    missing = (403, "insufficient_scope", "insufficient_scope")
    for scope in ("profile email", "files.read", "openid2"):
        reply = await app.call("GET", USERINFO, await token_of(shop, ada, scope))
        assert refused(reply) == missing
        assert 'scope="openid"' in reply.headers["WWW-Authenticate"]
    assert refused(await app.call("GET", USERINFO, await app.token("root", ROOT_SECRET))) == missing
    machine = await app.issued(shop.document, scope="openid profile")
    assert refused(await app.call("GET", USERINFO, machine)) == missing


async def test_an_id_token_is_no_access_token(app: Running) -> None:
    shop = await a_shop(app)
    ada = await a_person(shop)
    token = await an_id_token(shop, ada.user, ada.session)
    assert refused(await app.call("GET", USERINFO, token))[0] == 401


async def test_the_clients_rate_limit_counts_here_too(app: Running) -> None:
    shop = await a_shop(app, rate_limit=1)
    token = await token_of(shop, await a_person(shop))
    assert (await app.call("GET", USERINFO, token)).status == 200
    reply = await app.call("GET", USERINFO, token)
    assert (reply.status, reply.json["error"]) == (429, "slow_down")
    assert int(reply.headers["Retry-After"]) > 0


async def test_a_refusal_is_recorded_with_the_client(app: Running) -> None:
    shop = await a_shop(app)
    await app.call("GET", USERINFO, await token_of(shop, await a_person(shop), "profile"))
    [record] = [each for each in await app.refusals() if each["client"] == shop.client_id]
    assert (record["operation"], record["status"], record["code"]) == ("userinfo", 403, "insufficient_scope")
