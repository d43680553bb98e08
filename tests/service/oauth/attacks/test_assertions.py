"""Clients' assertions under attack: sent again, meant for others, signed by others, with a victim's code in hand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.service.oauth.asking import ISSUER, TOKEN, error
from tests.service.oauth.attacks.given import EVIL, INVALID, a_code, a_victim, nothing_written
from tests.service.oauth.key_pairs import TYPE, pair, part, signed, told
from tests.service.oauth.redeeming import CALLBACK, VERIFIER

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop
    from tests.service.oauth.key_pairs import Pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY, OURS = pair("ES256"), pair("ES256")  # the client's, and the attacker's
REFUSED = (401, "invalid_client")


async def a_keyed_victim(app: Running) -> tuple[Shop, Browser]:
    return await a_victim(app, secrets=[], key_set={"keys": [KEY.public]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def held(app: Running) -> tuple[Shop, Browser]:
    return await a_keyed_victim(app)


async def redeem(app: Running, shop: Shop, code: str, assertion: str, **more: str) -> Reply:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    form |= {"client_assertion": assertion, "client_assertion_type": TYPE}
    return await app.call("POST", TOKEN, "", data=form | more)


def unsigned(shop: Shop, algorithm: str, secret: bytes | None = None) -> str:
    text = f"{part({'alg': algorithm, 'kid': 'one', 'typ': 'JWT'})}.{part(told(shop.client_id, ISSUER))}"
    return f"{text}.{'' if secret is None else part(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def by_attacker(shop: Shop, key: Pair = OURS, **header: Any) -> str:
    return signed(key, told(shop.client_id, ISSUER), **header)


PEM = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FORGERIES = {
    "alg none": lambda shop: unsigned(shop, "none"),
    "alg NONE": lambda shop: unsigned(shop, "NONE"),
    "the public key as a shared secret": lambda shop: unsigned(shop, "HS256", PEM),
    "the client id as a shared secret": lambda shop: unsigned(shop, "HS256", shop.client_id.encode()),
    "another key under the name of the client's": by_attacker,
    "a key that comes along": lambda shop: by_attacker(shop, jwk=OURS.public),
    "a key set elsewhere": lambda shop: by_attacker(shop, jku=f"{EVIL}/jwks.json"),
    "a certificate elsewhere": lambda shop: by_attacker(shop, x5u=f"{EVIL}/chain.pem"),
    "a key's name that is a path": lambda shop: by_attacker(shop, kid="../../../../dev/null"),
    "an extension that must be understood": lambda shop: by_attacker(shop, KEY, crit=["evil"], evil=True),
    "for another server": lambda shop: signed(KEY, told(shop.client_id, f"{EVIL}/oauth2/token")),
    "for another endpoint": lambda shop: signed(KEY, told(shop.client_id, f"{ISSUER}/api")),
    "for two servers": lambda shop: signed(KEY, told(shop.client_id, [ISSUER, EVIL])),
    "for nobody": lambda shop: signed(KEY, told(shop.client_id, None)),
    "by somebody else": lambda shop: signed(KEY, told(shop.client_id, ISSUER, iss="somebody")),
    "about somebody else": lambda shop: signed(KEY, told(shop.client_id, ISSUER, sub="root")),
    "long over": lambda shop: signed(KEY, told(shop.client_id, ISSUER, now=1_000_000_000)),
    "for ever": lambda shop: signed(KEY, told(shop.client_id, ISSUER, exp=4_000_000_000)),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_assertion_redeems_nothing_and_uses_nothing_up(
    app: Running, held: tuple[Shop, Browser], forgery: str
) -> None:
    shop, victim = held
    code = await a_code(shop, victim)
    async with nothing_written(app):
        for named in ({}, {"client_id": shop.client_id}):
            assert error(await redeem(app, shop, code, FORGERIES[forgery](shop), **named)) == REFUSED
    assert (await redeem(app, shop, code, signed(KEY, told(shop.client_id, ISSUER)))).status == 200


async def test_an_assertion_that_was_seen_on_its_way_is_worth_nothing_again(two: tuple[Running, Running]) -> None:
    here, there = two
    shop, victim = await a_keyed_victim(here)
    seen = signed(KEY, told(shop.client_id, ISSUER))
    first, second = await a_code(shop, victim), await a_code(shop, victim)
    assert (await redeem(here, shop, first, seen)).status == 200
    for app in two:
        async with nothing_written(app):
            assert error(await redeem(app, shop, second, seen)) == REFUSED
    assert (await redeem(there, shop, second, signed(KEY, told(shop.client_id, ISSUER)))).status == 200


async def test_of_twenty_uses_of_an_assertion_at_once_one_counts(two: tuple[Running, Running]) -> None:
    shop, victim = await a_keyed_victim(two[0])
    codes = [await a_code(shop, victim) for _ in range(20)]
    seen = signed(KEY, told(shop.client_id, ISSUER))
    replies = await asyncio.gather(*(redeem(two[n % 2], shop, code, seen) for n, code in enumerate(codes)))
    assert sorted(reply.status for reply in replies) == [200] + [401] * 19


async def test_what_we_signed_ourselves_proves_no_client(app: Running, held: tuple[Shop, Browser]) -> None:
    shop, victim = held
    tokens = (await redeem(app, shop, await a_code(shop, victim), signed(KEY, told(shop.client_id, ISSUER)))).json
    code = await a_code(shop, victim)
    async with nothing_written(app):
        for token in (tokens["access_token"], tokens["id_token"]):
            assert jwt.get_unverified_header(token)["alg"] in {"ES256", "RS256"}
            assert error(await redeem(app, shop, code, token)) == REFUSED


async def test_a_client_with_keys_is_not_known_by_name_or_by_a_secret(app: Running, held: tuple[Shop, Browser]) -> None:
    shop, victim = held
    code = await a_code(shop, victim)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    async with nothing_written(app):
        for proof in ({}, {"client_secret": ""}, {"client_secret": "x"}, {"client_secret": KEY.public["x"]}):
            reply = await app.call("POST", TOKEN, "", data={**form, "client_id": shop.client_id, **proof})
            assert error(reply) in {REFUSED, INVALID}
            assert reply.status == 401
