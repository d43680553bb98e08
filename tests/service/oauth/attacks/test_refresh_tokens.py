"""Refresh tokens under attack: raced, stolen, widened, carried elsewhere (RFC 9700 section 4.14)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.oauth.asking import error
from tests.service.oauth.attacks.given import EVIL, INVALID, SCOPE, a_code, a_victim, nothing_written, refused
from tests.service.oauth.authorization.flow import FILES, a_shop
from tests.service.oauth.redeeming import redeem, renew

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = "https://other.test"


async def victims_tokens(app: Running, **settings: Any) -> tuple[Any, Any, Any]:
    shop, victim = await a_victim(app, **settings)
    reply = await redeem(shop, await a_code(shop, victim))
    assert reply.status == 200, reply.text
    return shop, victim, reply.json


@pytest.mark.parametrize("kind", ["web", "spa"])
async def test_of_twenty_at_once_one_is_answered_and_the_family_is_dead(
    two: tuple[Running, Running], kind: str
) -> None:
    shop, _, first = await victims_tokens(two[0], kind=kind)
    replies = await asyncio.gather(*(renew(shop, first["refresh_token"], app=two[n % 2]) for n in range(20)))
    [winner] = [reply for reply in replies if reply.status == 200]
    assert {error(reply) for reply in replies if reply is not winner} == {INVALID}
    for app in two:
        for token in (first, winner.json):
            assert await refused(app, token["access_token"])
            assert error(await renew(shop, token["refresh_token"], app=app)) == INVALID


async def test_a_thief_who_renews_first_is_found_out_when_the_owner_does(two: tuple[Running, Running]) -> None:
    here, there = two
    shop, _, owner = await victims_tokens(here, kind="spa")
    thief = (await renew(shop, owner["refresh_token"], app=there)).json
    thief = (await renew(shop, thief["refresh_token"], app=there)).json
    assert error(await renew(shop, owner["refresh_token"])) == INVALID
    for app in two:
        assert await refused(app, thief["access_token"])
        assert error(await renew(shop, thief["refresh_token"], app=app)) == INVALID


async def test_nothing_is_had_by_asking_for_more(app: Running) -> None:
    shop, _, first = await victims_tokens(app, audiences=[FILES, OTHER])
    current = (await renew(shop, first["refresh_token"], scope="openid")).json
    assert current["scope"] == "openid"
    async with nothing_written(app):
        for scope in (f"{SCOPE} files.write", "files.write", "all", "root", "openid profile", "read_user openid"):
            assert error(await renew(shop, current["refresh_token"], scope=scope)) == (400, "invalid_scope"), scope
        for audience in (OTHER, EVIL, "https://muniment.test/api", f"{FILES}/", FILES.upper()):
            for name in ("resource", "audience"):
                wider = await renew(shop, current["refresh_token"], **{name: audience})
                assert error(wider) == (400, "invalid_target"), audience
    assert (await renew(shop, current["refresh_token"])).status == 200


async def test_in_another_clients_hands_it_is_none_and_is_not_used_up(app: Running) -> None:
    shop, _, first = await victims_tokens(app)
    others = [
        await a_shop(app, str(shop.organization)),
        await a_shop(app, str(shop.organization), kind="spa"),
        await a_shop(app),
    ]
    async with nothing_written(app):
        for other in others:
            assert error(await renew(other, first["refresh_token"])) == INVALID
            hidden = {"refresh_token": first["refresh_token"], "grant_type": "authorization_code"}
            assert error(await redeem(other, first["refresh_token"], **hidden)) == INVALID
    assert (await renew(shop, first["refresh_token"])).status == 200


async def test_a_suspended_person_is_not_renewed_and_the_attempt_costs_nothing(two: tuple[Running, Running]) -> None:
    here, there = two
    shop, victim, first = await victims_tokens(here)
    await victim.suspend()
    async with nothing_written(here):
        for app in two:
            assert error(await renew(shop, first["refresh_token"], app=app)) == INVALID
            assert await refused(app, first["access_token"])
    reply = await here.call("POST", f"/api/users/{victim.user}/reinstate", json={})
    assert reply.status == 200, reply.text
    assert error(await renew(shop, first["refresh_token"], app=there)) == INVALID
