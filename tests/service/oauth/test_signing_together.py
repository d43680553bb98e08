"""Access tokens of concurrent requests are signed together, and yet each is its own."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from service.oauth.signing_together import SigningTogether
from service.secrets.signing import Signer, generate


def a_signer() -> Signer:
    key = generate("ES256")
    return Signer(key.kid, key.algorithm, key.private_key)


def claims(token: str) -> object:
    return jwt.decode(token, options={"verify_signature": False})


async def test_everyone_gets_the_token_they_asked_for_by_the_key_they_asked_with() -> None:
    together, former, present = SigningTogether(), a_signer(), a_signer()
    asked = [(former if n < 3 else present, {"n": n}) for n in range(6)]
    tokens = await asyncio.gather(*(together.sign(*one) for one in asked))
    for token, (signer, said) in zip(tokens, asked, strict=True):
        assert claims(token) == said
        assert jwt.get_unverified_header(token)["kid"] == signer.kid


async def test_who_asks_later_is_served_as_well() -> None:
    together, signer = SigningTogether(), a_signer()
    first = together.sign(signer, {"n": 1})
    await asyncio.sleep(0)
    assert first.done()
    assert claims(await together.sign(signer, {"n": 2})) == {"n": 2}


async def test_what_cannot_be_signed_is_told_to_who_asked_for_it_alone() -> None:
    together, signer = SigningTogether(), a_signer()
    before, wrong, after = (together.sign(signer, said) for said in ({"n": 1}, {"n": object()}, {"n": 3}))
    assert claims(await before) == {"n": 1}
    assert claims(await after) == {"n": 3}
    with pytest.raises(TypeError):
        await wrong


async def test_who_has_gone_holds_up_nobody() -> None:
    together, signer = SigningTogether(), a_signer()
    gone, here = together.sign(signer, {"n": 1}), together.sign(signer, {"n": 2})
    gone.cancel()
    assert claims(await here) == {"n": 2}
