"""Two projectors under lost locks, restarts, stopped processes and idle transactions: nothing skipped or stalled."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import TYPE_CHECKING

import asyncpg
import pytest

from service.store import connections
from service.store.rebuild import APPEND_LOCK
from tests.soak.watch import audit_catches_up, check, kill_session, owning, wait_for_end
from tests.store_fixture import install

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from service.postgres import EmbeddedPostgres
    from tests.soak.watch import Child

pytestmark = pytest.mark.soak
ROUNDS = 3
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1"
POSITION_HELD = "SELECT position FROM muniment.models WHERE name = 'audit' FOR UPDATE"


class Place:
    """A database with two children that command and follow."""

    def __init__(self, dsn: str, children: list[Child], dice: random.Random) -> None:
        self.dsn = dsn
        self.children = children
        self.dice = dice

    async def goes_on(self) -> None:
        """Check that both children commit again, and that the audit comes to where the log is."""
        for child in self.children:
            await child.become_busy()
        await audit_catches_up(self.dsn)


@pytest.fixture
async def place(server: EmbeddedPostgres, spawn: Callable[[], Child]) -> AsyncIterator[Place]:
    await install(server.address)
    place = Place(server.address, [spawn(), spawn()], random.Random(4))
    await place.goes_on()
    yield place
    await place.goes_on()
    for child in place.children:
        child.kill()
    assert await check(server.address, place.children) > 100


async def end_sessions(place: Place, name: str) -> None:
    async with owning(place.dsn) as owner:
        await owner.execute(END, name)


async def lose_the_leader(place: Place) -> None:
    await end_sessions(place, "child-%-projector")


async def lose_the_appenders(place: Place) -> None:
    await end_sessions(place, "child-%-append")


async def lose_everything(place: Place) -> None:
    await end_sessions(place, "child-%")


async def restart(place: Place) -> None:
    """Let PostgreSQL end all sessions and recover, as it does when one of its processes dies."""
    async with owning(place.dsn) as owner:
        await kill_session(owner, "child-%-projector")
        await wait_for_end(owner)


async def stop_a_child(place: Place) -> None:
    """Stop a process in whatever it does; the other one must not wait for it."""
    stopped, other = place.dice.sample(place.children, 2)
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            await other.become_busy()
        await audit_catches_up(place.dsn)
    finally:
        stopped.process.send_signal(signal.SIGCONT)


async def hold_the_log(place: Place) -> None:
    """Hold the lock of the log for a while."""
    async with owning(place.dsn) as owner, owner.transaction():
        await owner.execute(APPEND_LOCK)
        await asyncio.sleep(place.dice.random() * 2)


async def hold_the_audit(place: Place) -> None:
    """Hold the audit's position, as somebody who was interrupted in a psql session does."""
    session = await asyncpg.connect(place.dsn)
    async with session.transaction():
        await session.execute(POSITION_HELD)
        await asyncio.sleep(place.dice.random() * 2)
    await session.close()


async def leave_a_transaction_open(place: Place) -> None:
    """Hold the lock of the log in a session of the service and never end it: the server does, in time."""
    session = await connections.connector(place.dsn, name="stalled")()
    await session.execute("BEGIN")
    await session.execute(APPEND_LOCK)
    for child in place.children:
        await child.become_busy()
    assert session.is_closed()


async def hold_the_audit_too_long(place: Place) -> None:
    """Outlast the projectors' patience: that is no reason to call an event poison."""
    session = await asyncpg.connect(place.dsn)
    async with session.transaction():
        await session.execute(POSITION_HELD)
        await asyncio.sleep(11)
    await session.close()


@pytest.mark.parametrize(
    "disturbances",
    [
        [lose_the_leader, lose_the_appenders, lose_everything],
        [restart],
        [stop_a_child, hold_the_log, hold_the_audit],
        [leave_a_transaction_open],
        [hold_the_audit_too_long],
    ],
    ids=["lost connections", "restarts", "stopped and waiting", "left open", "outlasted"],
)
async def test_nothing_is_skipped_and_nothing_stalls(
    place: Place, disturbances: list[Callable[[Place], Awaitable[None]]]
) -> None:
    rounds = 1 if len(disturbances) == 1 and disturbances[0] is not restart else ROUNDS
    for _ in range(rounds):
        for disturb in disturbances:
            await disturb(place)
            await place.goes_on()


async def test_everything_at_once(place: Place) -> None:
    kinds = [lose_the_leader, lose_the_appenders, lose_everything, stop_a_child, hold_the_log, hold_the_audit, restart]
    for _ in range(2 * ROUNDS):
        await asyncio.gather(*(disturb(place) for disturb in place.dice.sample(kinds, 3)), return_exceptions=True)
    await place.goes_on()
