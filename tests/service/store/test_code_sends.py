"""Ten messages to somebody in any ten minutes, counted exactly, whoever sends them and however many at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from service.store import code_sends, connections, upkeep
from service.store.code_sends import LIMIT, WINDOW
from service.store.upkeep import DAY, Upkeep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from tests.store_fixture import StoreParts

ADA, EVE, FORMER = b"ada", b"eve", b"ada under the key before"
INSTANT = timedelta(microseconds=1)
CLAIM = "INSERT INTO muniment.claims SELECT $1, $2, $3, muniment.uuid7_floor($4)"


async def reserved(parts: StoreParts, *recipients: bytes) -> datetime | None:
    return await code_sends.reserve(parts.pool, uuid4(), recipients or [ADA], parts.clock.now())


async def test_the_eleventh_waits_until_the_first_is_ten_minutes_old(parts: StoreParts) -> None:
    first = parts.clock.now()
    for _ in range(LIMIT):
        assert await reserved(parts) is None
        parts.clock.move(timedelta(seconds=1))
    assert await reserved(parts) == first + WINDOW
    assert await reserved(parts, EVE) is None
    parts.clock.move(first + WINDOW - INSTANT - parts.clock.now())
    assert await reserved(parts) == first + WINDOW
    parts.clock.move(INSTANT)
    assert await reserved(parts) is None
    assert await reserved(parts) == first + WINDOW + timedelta(seconds=1)


async def test_what_is_given_back_makes_room(parts: StoreParts) -> None:
    ids = [uuid4() for _ in range(LIMIT)]
    for id in ids:
        await code_sends.reserve(parts.pool, id, [ADA], parts.clock.now())
    assert await reserved(parts) is not None
    await code_sends.give_back(parts.pool, ids[4])
    assert await reserved(parts) is None
    assert await reserved(parts) is not None


async def test_many_at_once_are_ten_on_whichever_processes(open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    several = [await open_parts() for _ in range(3)]
    answers = await asyncio.gather(*(reserved(several[n % 3]) for n in range(60)))
    assert answers.count(None) == LIMIT


async def test_a_message_waits_for_one_that_is_being_counted(parts: StoreParts) -> None:
    for _ in range(LIMIT - 1):
        await reserved(parts)
    transaction = parts.owner.transaction()
    await transaction.start()
    now = parts.clock.now()
    assert await parts.owner.fetchval(code_sends.RESERVE, uuid4(), [ADA], now, LIMIT, WINDOW) is None
    waiting = asyncio.create_task(reserved(parts))
    assert await reserved(parts, EVE) is None, "nobody else waits"
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await transaction.commit()
    assert await waiting == now + WINDOW


async def test_a_new_master_key_forgets_nobody(parts: StoreParts) -> None:
    for _ in range(6):
        assert await reserved(parts, FORMER) is None
    for _ in range(4):
        assert await reserved(parts, ADA, FORMER) is None
    assert await reserved(parts, ADA, FORMER) is not None
    assert await reserved(parts, ADA) is None, "who has not heard of the former key counts what it knows"


async def test_what_counts_no_more_goes(parts: StoreParts) -> None:
    connection = await connections.connector(parts.dsn, name="upkeep-test")()
    await reserved(parts)
    parts.clock.move(INSTANT)
    await reserved(parts)
    parts.clock.move(WINDOW - INSTANT)
    tidy = Upkeep(connections.connector(parts.dsn, name="upkeep-test"), parts.clock)
    assert await tidy.run(connection)
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.code_sends") == 1
    parts.clock.move(INSTANT)
    assert await tidy.run(connection), "once an hour, not once a day"
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.code_sends") == 0
    await connection.close()


async def test_claims_of_codes_that_nobody_typed_go_and_no_others(parts: StoreParts) -> None:
    now = parts.clock.now()
    spaces = ("verification", "verified", "email")
    for space in spaces:
        for name, days in ((b"old", 3), (b"new", 1)):
            await parts.owner.execute(CLAIM, uuid4(), space, name, now - timedelta(days=days))
    connection = await connections.connector(parts.dsn, name="upkeep-test")()
    tidy = Upkeep(connections.connector(parts.dsn, name="upkeep-test"), parts.clock)
    assert await tidy.run(connection)
    left = await parts.owner.fetch("SELECT space, digest FROM muniment.claims ORDER BY 1, 2")
    assert [tuple(row) for row in left] == [
        ("email", b"new"), ("email", b"old"), ("verification", b"new"), ("verified", b"new"),
    ]  # fmt: skip
    await connection.close()


async def test_the_database_itself_keeps_claims_of_the_last_day(parts: StoreParts) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await parts.pool.fetchval(upkeep.PURGE_VERIFICATION_CLAIMS, parts.clock.now() - DAY + timedelta(minutes=5), 10)
