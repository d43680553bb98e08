"""What may be used once is used once, whoever tries, until it would be refused anyway."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from service.store.replay import spend

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


async def test_of_many_who_use_one_thing_exactly_one_succeeds(parts: StoreParts) -> None:
    expires_at = parts.clock.now() + timedelta(minutes=5)
    assert sum(await asyncio.gather(*(spend(parts.pool, b"jti", expires_at) for _ in range(12)))) == 1
    assert not await spend(parts.pool, b"jti", expires_at + timedelta(hours=1))
    assert await spend(parts.pool, b"another", expires_at)


async def test_what_was_used_is_kept_until_it_expires(parts: StoreParts) -> None:
    expires_at = parts.clock.now() + timedelta(minutes=5)
    await spend(parts.pool, b"jti", expires_at)
    rows = await parts.owner.fetch("SELECT digest, expires_at FROM muniment.client_assertions")
    assert [tuple(row) for row in rows] == [(b"jti", expires_at)]
