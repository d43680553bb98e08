"""Positions are gapless and commit in order, whoever appends; times never go back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from projections import MODELS, registry
from service.store import batch, connections
from service.store.follower import Bell
from service.store.log import head, position_before
from service.store.projector import Projector
from tests.service.store.given import (
    a_token,
    an_account,
    an_appender,
    assert_sound,
    history,
    prepared,
    until,
    waits,
    write,
)

if TYPE_CHECKING:
    import asyncpg

    from tests.store_fixture import StoreParts

AUDIT = MODELS["audit"]


def a_projector(parts: StoreParts) -> Projector:
    connect = connections.connector(parts.dsn, name="follower")
    return Projector(connect, [AUDIT], parts.vault, Bell(connect))


async def append_slowly(parts: StoreParts, connection: asyncpg.Connection, name: str) -> None:
    """Do what an append does, without its commit."""
    arguments = batch.arguments(
        [prepared(parts, an_account(parts, name))],
        writers=parts.appender.writers,
        master_key=parts.master_keys.current_id,
    )
    await connection.fetchrow(batch.CALL, *arguments)


async def test_a_follower_never_passes_an_event_that_commits_late(parts: StoreParts) -> None:
    follower = a_projector(parts)
    late = await connections.connector(parts.dsn, name="late")()
    following = await connections.connector(parts.dsn, name="follower")()
    transaction = late.transaction()
    await transaction.start()
    await append_slowly(parts, late, "A took its slot first")
    second = asyncio.create_task(write(parts, an_account(parts, "B came second")))
    await until(lambda: waits(parts))
    # The follower runs while neither is committed: it sees nothing, and remembers having seen nothing.
    await follower.advance(following, AUDIT)
    assert (await registry.position(parts.pool, "audit"), await head(parts.pool)) == (0, 0)
    await transaction.commit()
    assert (await second).position == 2
    await follower.advance(following, AUDIT)
    rows = await parts.owner.fetch(
        "SELECT a.name, s.position FROM models.audit s JOIN models.accounts a ON a.id = s.account ORDER BY s.position"
    )
    assert [tuple(row) for row in rows] == [("A took its slot first", 1), ("B came second", 2)]
    for connection in (late, following):
        await connection.close()


async def test_an_append_that_is_rolled_back_leaves_no_gap(parts: StoreParts) -> None:
    late = await connections.connector(parts.dsn, name="late")()
    transaction = late.transaction()
    await transaction.start()
    await append_slowly(parts, late, "never was")
    second = asyncio.create_task(write(parts, an_account(parts)))
    await until(lambda: waits(parts))
    await transaction.rollback()
    await late.close()
    assert (await second).position == 1
    assert await assert_sound(parts.owner) == 1


async def test_eight_processes_at_once_leave_neither_gap_nor_double(parts: StoreParts) -> None:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(an_appender(parts)) for _ in range(8)]

        async def work(number: int) -> list[int]:
            committed = []
            for turn in range(12):
                things = [an_account(parts)] if turn % 3 else [a_token(parts), an_account(parts)]
                committed.append(await processes[number].append(prepared(parts, *things)))
            return [one.position for one in committed]

        told = await asyncio.gather(*(work(number) for number in (*range(8), *range(8))))
    assert await assert_sound(parts.owner) == 16 * 16
    assert all(positions == sorted(positions) for positions in told)
    ends = {position for positions in told for position in positions}
    assert len(ends) == 16 * 12
    causes = {entry.position: entry.causation for entry in await history(parts)}
    assert all(causes[end] != causes.get(end + 1) for end in ends), "an append is answered with its last event"


async def test_both_tables_share_one_order(parts: StoreParts) -> None:
    for thing in (an_account(parts), a_token(parts), a_token(parts), an_account(parts)):
        await write(parts, thing)
    topics = [(entry.position, entry.topic) for entry in await history(parts)]
    assert topics == [(1, "account.created"), (2, "token.issued"), (3, "token.issued"), (4, "account.created")]
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.token_events") == 2


async def test_time_never_goes_back_though_the_clock_does(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    await parts.owner.execute("UPDATE muniment.batches SET recorded_at = recorded_at + interval '1 hour'")
    await write(parts, an_account(parts))
    first, second = await history(parts)
    assert second.recorded_at - first.recorded_at > timedelta(minutes=59)
    batches = await parts.owner.fetch("SELECT recorded_at FROM muniment.batches ORDER BY last")
    assert batches[1]["recorded_at"] == batches[2]["recorded_at"]


async def test_a_time_names_the_last_position_before_it(parts: StoreParts) -> None:
    for _ in range(3):
        await write(parts, an_account(parts), an_account(parts))
    entries = await history(parts)
    instant = timedelta(microseconds=1)
    assert await position_before(parts.pool, entries[0].recorded_at) == 0
    assert await position_before(parts.pool, entries[0].recorded_at + instant) == 2
    assert await position_before(parts.pool, entries[4].recorded_at) == 4
    assert await position_before(parts.pool, entries[4].recorded_at + instant) == 6
