"""Signing keys as they are: published before they sign, and for a while after."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from domain.signing_key import SigningKey
from projections import signing_keys
from tests.projections.given import HOUR, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

INSTANT = timedelta(microseconds=1)
PUBLIC = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}


def a_key(parts: StoreParts, kid: str = "k1") -> SigningKey:
    return SigningKey.introduce(
        id=parts.clock.new_id(), kid=kid, algorithm="ES256", public_key=PUBLIC, private_key="PEM", now=parts.clock.now()
    )


async def test_a_row_follows_its_key_and_never_holds_the_private_half(parts: StoreParts) -> None:
    key, introduced = a_key(parts), parts.clock.now()
    await save(parts, key)
    parts.clock.move(HOUR)
    key.activate(parts.clock.now(), published_for=HOUR)
    await save(parts, key)
    parts.clock.move(HOUR)
    key.retire(parts.clock.now(), parts.clock.now() + HOUR)
    await save(parts, key)
    [row] = await rows(parts, "signing_keys")
    assert signing_keys.public_key(row) == PUBLIC
    assert {name: value for name, value in row.items() if name != "public_key"} == {
        "id": key.id, "kid": "k1", "algorithm": "ES256", "status": "retired", "introduced_at": introduced,
        "activated_at": introduced + HOUR, "retired_at": introduced + 2 * HOUR,
        "published_until": introduced + 3 * HOUR, "position": 3,
    }  # fmt: skip
    assert "PEM" not in str(row)
    await same_when_rebuilt(parts, "signing_keys")


async def test_a_retired_key_is_published_until_its_moment(parts: StoreParts) -> None:
    retired, fresh = a_key(parts, "retired"), a_key(parts, "fresh")
    retired.activate(parts.clock.now(), published_for=HOUR, force=True)
    until = parts.clock.now() + HOUR
    retired.retire(parts.clock.now(), until)
    await save(parts, retired, fresh)

    async def published(moment: object) -> list[str]:
        return [row["kid"] for row in await signing_keys.published(parts.pool, moment)]  # type: ignore[arg-type]

    assert await published(until - INSTANT) == ["retired", "fresh"]
    assert await published(until) == ["fresh"]
    every = await signing_keys.every(parts.pool)
    assert [(row["kid"], row["head"]) for row in every] == [("retired", 4), ("fresh", 4)]
