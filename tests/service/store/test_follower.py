"""A ring wakes whoever waits, in this process and in every other; a lost one costs a moment, never an event."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from service.store import connections, follower
from service.store.follower import CHANNEL, POLL_SECONDS, Bell
from tests.service.store.given import an_account, until, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.store_fixture import StoreParts

LONG = 5.0
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'"
SESSION = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_SECONDS", 0.05)


@asynccontextmanager
async def a_bell(parts: StoreParts, name: str = "bell") -> AsyncIterator[Bell]:
    bell = Bell(connections.connector(parts.dsn, name=name))
    await bell.start()
    try:
        await until(lambda: listens(parts, name))
        yield bell
    finally:
        await bell.stop()


async def listens(parts: StoreParts, name: str) -> bool:
    return bool(await parts.owner.fetchval(SESSIONS, name))


async def waited(bell: Bell, seconds: float = LONG) -> float:
    """Return how long it took until the bell let go."""
    started = time.monotonic()
    await bell.wait(seconds)
    return time.monotonic() - started


async def test_a_ring_wakes_who_waits_here_and_in_other_processes(parts: StoreParts) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(a_bell(parts, name)) for name in ("here", "there")]
        waiting = [asyncio.create_task(waited(bell)) for bell in (here, there)]
        await asyncio.sleep(0.02)
        here.ring(1)
        assert max(await asyncio.gather(*waiting)) < LONG / 2


async def test_an_append_rings(parts: StoreParts) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(a_bell(parts, name)) for name in ("here", "there")]
        parts.appender.on_commit = here.ring
        waiting = asyncio.create_task(waited(there))
        await write(parts, an_account(parts))
        assert await waiting < LONG / 2


async def test_a_ring_before_the_wait_is_not_lost(parts: StoreParts) -> None:
    async with a_bell(parts) as bell:
        bell.ring(1)
        assert await waited(bell) < LONG / 2


async def test_without_a_ring_a_follower_looks_every_quarter_of_a_second(parts: StoreParts) -> None:
    assert POLL_SECONDS == 0.25
    async with a_bell(parts) as bell:
        assert await waited(bell, 0.05) >= 0.05


async def test_many_rings_are_sent_as_few(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "COALESCE_SECONDS", 0.2)
    heard: list[object] = []
    await parts.owner.add_listener(CHANNEL, lambda *_: heard.append(1))
    async with a_bell(parts) as bell:
        for _ in range(200):
            bell.ring(1)
            await asyncio.sleep(0)
        await until(lambda: bool(heard))
        await asyncio.sleep(0.05)
    assert len(heard) == 1
    await parts.owner.remove_listener(CHANNEL, lambda *_: None)


async def test_who_lost_the_connection_listens_again_without_being_asked(parts: StoreParts) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(a_bell(parts, name)) for name in ("here", "there")]
        former = await parts.owner.fetchval(SESSION, "there")
        await parts.owner.execute(END, "there")

        async def listens_anew() -> bool:
            return await parts.owner.fetchval(SESSION, "there") not in (None, former)

        await until(listens_anew)  # an ended session is told of for a moment
        waiting = asyncio.create_task(waited(there))
        await asyncio.sleep(0.02)
        here.ring(1)
        assert await waiting < LONG / 2


async def test_a_bell_that_cannot_connect_still_rings_here(parts: StoreParts) -> None:
    async def connect() -> asyncpg.Connection:
        raise ConnectionRefusedError

    bell = Bell(connect)
    await bell.start()
    bell.ring(1)
    assert await waited(bell) < LONG / 2
    await bell.stop()


async def test_a_stuck_listener_slows_no_append(parts: StoreParts) -> None:
    async with a_bell(parts) as bell:
        parts.appender.on_commit = bell.ring
        # It listens in a transaction that does not end, so nothing sent to it is ever taken.
        stuck = parts.owner.transaction()
        await stuck.start()
        await parts.owner.execute(f"LISTEN {CHANNEL}")
        for n in range(20):
            async with asyncio.timeout(LONG):
                assert (await write(parts, an_account(parts))).position == n + 1
        await stuck.rollback()


async def test_who_waits_on_a_stopped_bell_goes_on_by_looking(parts: StoreParts) -> None:
    async with a_bell(parts) as bell:
        pass
    bell.ring(1)
    assert await waited(bell) < LONG / 2
    assert await waited(bell, 0.05) >= 0.05
