"""Calls are counted by the minute, exactly, whichever processes count them; what is past goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from service.store import call_counts, connections
from service.store.call_counts import KEPT
from service.store.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOST = 2**31 - 1
ROWS = "SELECT count(*) FROM muniment.call_counts"


async def taken(parts: StoreParts, wanted: int, limit: int, *, key: bytes = b"a", at: datetime = NOON) -> int:
    [granted] = await call_counts.take(parts.pool, at, [key], [wanted], [limit])
    return granted


async def test_no_more_are_taken_than_the_limit_leaves(parts: StoreParts) -> None:
    assert [await taken(parts, wanted, 10) for wanted in (4, 4, 4, 4)] == [4, 4, 2, 0]
    assert await taken(parts, 4, 10, at=NOON + MINUTE) == 4
    assert await taken(parts, 4, 10, key=b"b") == 4
    assert await taken(parts, 40, 10, key=b"c") == 10


async def test_a_limit_that_moves_counts_from_then_on(parts: StoreParts) -> None:
    assert await taken(parts, 9, 5) == 5
    assert await taken(parts, 9, 3) == 0
    assert await taken(parts, 9, 7) == 2, "what was taken stays taken, what was refused does not count"


async def test_the_largest_limit_is_counted(parts: StoreParts) -> None:
    assert await taken(parts, MOST, MOST) == MOST
    assert await taken(parts, 1, MOST) == 0
    assert await taken(parts, 1, 1) == 0


async def test_keys_are_answered_in_their_own_order(parts: StoreParts) -> None:
    keys = [b"c", b"a", b"b"]
    assert await call_counts.take(parts.pool, NOON, keys, [3, 1, 2], [9, 9, 1]) == [3, 1, 1]


async def test_many_processes_take_exactly_the_limit(open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    several = [await open_parts() for _ in range(3)]
    keys = [bytes([number]) for number in range(8)]

    async def one(number: int) -> Counter[bytes]:
        order = keys if number % 2 else list(reversed(keys))  # nobody waits for anybody in a circle
        granted = await call_counts.take(several[number % 3].pool, NOON, order, [2] * 8, [101] * 8)
        return Counter(dict(zip(order, granted, strict=True)))

    counted = sum(await asyncio.gather(*(one(number) for number in range(90))), Counter[bytes]())
    assert counted == dict.fromkeys(keys, 101)


async def test_the_past_goes_at_each_upkeep_and_the_present_stays(parts: StoreParts) -> None:
    connection = await connections.connector(parts.dsn, name="upkeep-test")()
    now = parts.clock.now().replace(second=0)
    tidy = Upkeep(connections.connector(parts.dsn, name="upkeep-test"), parts.clock)
    for back in (timedelta(0), KEPT - MINUTE, KEPT + MINUTE, timedelta(days=3)):
        await taken(parts, 1, 1, at=now - back)
    assert await tidy.run(connection)
    assert await parts.owner.fetchval(ROWS) == 2
    parts.clock.move(2 * KEPT)
    assert await tidy.run(connection), "once an hour, not once a day"
    assert await parts.owner.fetchval(ROWS) == 0
    await connection.close()


async def test_a_key_is_asked_for_once(parts: StoreParts) -> None:
    with pytest.raises(asyncpg.CardinalityViolationError):
        await call_counts.take(parts.pool, NOON, [b"a", b"a"], [1, 1], [1, 1])
