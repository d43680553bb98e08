"""Codes under attack: replayed, raced, handed in by others, stripped of their proof (RFC 9700 sections 2.1.1, 4.5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.service.oauth.asking import error
from tests.service.oauth.attacks.given import INVALID, a_code, a_victim, nothing_written, refused
from tests.service.oauth.authorization.flow import a_shop
from tests.service.oauth.authorization.flow import error as told_error
from tests.service.oauth.redeeming import CHALLENGE, VERIFIER, redeem, renew

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_VERIFIER = "an-attackers-verifier-of-enough-characters-0"


async def test_a_stolen_code_that_comes_late_ends_what_its_owner_got_on_every_worker(
    two: tuple[Running, Running],
) -> None:
    here, there = two
    shop, victim = await a_victim(here)
    code = await a_code(shop, victim)
    first = (await redeem(shop, code)).json
    assert not await refused(there, first["access_token"])
    assert error(await redeem(shop, code, app=there)) == INVALID
    for app in two:
        assert await refused(app, first["access_token"])
        assert error(await renew(shop, first["refresh_token"], app=app)) == INVALID


@pytest.mark.parametrize("kind", ["web", "spa"])
async def test_of_fifty_redemptions_at_once_one_is_answered_and_does_not_live(
    two: tuple[Running, Running], kind: str
) -> None:
    here, there = two
    shop, victim = await a_victim(here, kind=kind)
    code = await a_code(shop, victim)
    replies = await asyncio.gather(*(redeem(shop, code, app=two[n % 2]) for n in range(50)))
    [winner] = [reply for reply in replies if reply.status == 200]
    assert {error(reply) for reply in replies if reply is not winner} == {INVALID}
    assert await refused(there, winner.json["access_token"])
    assert error(await renew(shop, winner.json["refresh_token"])) == INVALID


async def test_a_code_that_is_put_into_another_clients_hands_is_none_and_is_not_used_up(app: Running) -> None:
    """Injection: the attacker brings a victim's code to a client of their own, with whatever they know."""
    shop, victim = await a_victim(app)
    accomplices = [
        await a_shop(app, str(shop.organization)),
        await a_shop(app, str(shop.organization), kind="spa"),
        await a_shop(app),
    ]
    code = await a_code(shop, victim)
    async with nothing_written(app):
        for other in accomplices:
            assert error(await redeem(other, code)) == INVALID
            assert error(await redeem(other, code, code_verifier=OTHER_VERIFIER)) == INVALID
            assert error(await redeem(other, code, client_id=shop.client_id)) in {
                (401, "invalid_client"), (400, "invalid_request"), INVALID,
            }  # fmt: skip
    assert (await redeem(shop, code)).status == 200


async def test_a_code_without_the_right_proof_is_worth_nothing(app: Running) -> None:
    shop, victim = await a_victim(app, kind="spa")
    code = await a_code(shop, victim)
    async with nothing_written(app):
        for verifier in (None, "", OTHER_VERIFIER, CHALLENGE, VERIFIER[:-1], VERIFIER + "A", VERIFIER.swapcase()):
            assert error(await redeem(shop, code, code_verifier=verifier))[1] in {"invalid_grant", "invalid_request"}
    assert (await redeem(shop, code)).status == 200


@pytest.mark.parametrize("kind", ["web", "spa", "native"])
async def test_nobody_talks_us_into_a_weaker_proof(app: Running, kind: str) -> None:
    settings = {"redirect_uris": ["https://app.example.com/cb"], "kind": kind}
    shop, victim = await a_victim(app, **settings)
    async with nothing_written(app):
        for method in ("plain", None, "", "s256", "S512", "none"):
            weak = {"code_challenge": VERIFIER, "code_challenge_method": method}
            assert told_error(await shop.ask(victim, **weak)) == "invalid_request", method
        if kind != "web":
            weak = {"code_challenge": None, "code_challenge_method": None}
            assert told_error(await shop.ask(victim, **weak)) == "invalid_request"


async def test_a_challenge_that_was_cut_out_on_the_way_is_missed_at_the_end(app: Running) -> None:
    """Downgrade: the attacker strips the challenge, so that the code would need no proof (RFC 9700 section 4.8.2)."""
    shop, victim = await a_victim(app)
    stripped = await a_code(shop, victim, code_challenge=None, code_challenge_method=None)
    async with nothing_written(app):
        assert error(await redeem(shop, stripped)) == INVALID
        assert error(await redeem(shop, stripped, code_verifier=OTHER_VERIFIER)) == INVALID


async def test_a_code_is_bound_to_the_address_that_it_was_sent_to(app: Running) -> None:
    second = "https://app.example.com/other"
    shop, victim = await a_victim(app, redirect_uris=["https://app.example.com/cb", second])
    code = await a_code(shop, victim)
    async with nothing_written(app):
        for uri in (second, "https://evil.example/cb", "https://app.example.com/cb/", None, ""):
            assert error(await redeem(shop, code, redirect_uri=uri))[1] in {"invalid_grant", "invalid_request"}
    assert (await redeem(shop, code)).status == 200
