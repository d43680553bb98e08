"""Two rebuilders under lost locks, stopped processes, held tables and poison: no job is stuck, nothing is wrong."""

from __future__ import annotations

import asyncio
import random
import signal
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from domain.token_family import TokenFamily
from projections import MODELS
from service.clock import Clock
from service.secrets.digests import sha256_hex
from service.store import codec, log
from service.store.rebuild import APPEND_LOCK
from tests.soak import operations
from tests.soak.operations import asking
from tests.soak.watch import audit_catches_up, check, owning
from tests.store_fixture import install

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from service.postgres import EmbeddedPostgres
    from tests.soak.watch import Child

pytestmark = pytest.mark.soak
ROUNDS = 3
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'child-%-rebuilder'"
INSERT = """
INSERT INTO muniment.token_events (originator_id, originator_version, topic, state, notification_id, recorded_at,
                                   organization, actor, client, request_id, causation)
VALUES ($1, 1, 'token.issued', $2, $3, $4, $5, $5, $6, $1, $1)
"""
BATCH = "INSERT INTO muniment.batches (last, first, recorded_at) VALUES ($1, $1, $2)"
NOW = "SELECT greatest(clock_timestamp(), (SELECT max(recorded_at) FROM muniment.batches))"
MEND = "UPDATE muniment.token_events SET state = $2 WHERE originator_id = $1"
ASIDE = """
SELECT count(*) FROM muniment.quarantine q JOIN muniment.models m ON m.name = q.model AND m.generation = q.generation
"""


class Place:
    """A database with two children that command, follow, rebuild and operate."""

    def __init__(self, dsn: str, children: list[Child], dice: random.Random) -> None:
        self.dsn = dsn
        self.children = children
        self.dice = dice
        self.expected: tuple[str, ...] = ()  # log lines, beside those that are expected of every disturbance
        self.differing: list[str] = []  # models that were found to differ

    async def goes_on(self) -> None:
        """Check that both children commit again, and that a rebuild comes to its end."""
        for child in self.children:
            await child.become_busy()
        await self.promotes("tokens", "audit", "users")

    async def promotes(self, *models: str) -> None:
        async with asking(self.dsn) as pool:
            for model in models:
                await operations.promoted(pool, model)


@pytest.fixture
async def place(server: EmbeddedPostgres, spawn: Callable[..., Child]) -> AsyncIterator[Place]:
    await install(server.address)
    place = Place(server.address, [spawn("rebuild"), spawn("rebuild")], random.Random(14))
    await place.goes_on()
    yield place
    await place.goes_on()
    async with asking(server.address) as pool:
        await operations.come_to_an_end(pool)
        assert [row["model"] for row in await pool.fetch(operations.DIFFERING)] == place.differing
    await audit_catches_up(server.address)
    for child in place.children:
        child.kill()
    assert await check(server.address, place.children, *place.expected) > 100


async def lose_the_leader(place: Place) -> None:
    async with owning(place.dsn) as owner:
        await owner.execute(END)


async def stop_a_child(place: Place) -> None:
    """Stop a process in whatever it does, a rebuild perhaps; the other one takes over."""
    stopped = place.dice.choice(place.children)
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        await place.promotes("tokens", "accounts")
    finally:
        stopped.process.send_signal(signal.SIGCONT)


async def hold_the_log(place: Place) -> None:
    """Hold the lock of the log for a while: nothing is promoted meanwhile, and nobody gives up."""
    async with owning(place.dsn) as owner, owner.transaction():
        await owner.execute(APPEND_LOCK)
        await asyncio.sleep(place.dice.random() * 3)


async def hold_the_tables(place: Place) -> None:
    """Read a model in a transaction that stays open, as a dump does."""
    session = await asyncpg.connect(place.dsn)
    async with session.transaction():
        for table in ("tokens", "users", "audit"):
            await session.execute(f"SELECT FROM models.{table} LIMIT 1")
        await asyncio.sleep(place.dice.random() * 3)
    await session.close()


@pytest.mark.parametrize("disturb", [lose_the_leader, stop_a_child, hold_the_log, hold_the_tables])
async def test_rebuilds_come_to_their_end_whatever_is_in_their_way(
    place: Place, disturb: Callable[[Place], Awaitable[None]]
) -> None:
    async with asking(place.dsn) as pool:
        for _ in range(ROUNDS):
            await operations.asked_for(pool, *MODELS)
            await asyncio.sleep(place.dice.random())
            await disturb(place)
            await place.goes_on()


async def test_a_poison_event_under_a_running_rebuild_stops_it_and_nothing_else(place: Place) -> None:
    async with owning(place.dsn) as owner, asking(place.dsn) as pool:
        asked = await operations.asked_for(pool, "tokens", "audit")
        family, state = await poison(owner)
        rebuilt = [await operations.end_of(pool, job) for job in asked]
        ended = {job["model"]: job["state"] for job in rebuilt}
        assert ended["audit"] == "promoted"
        if ended["tokens"] == "promoted":  # the poison came behind it
            again = await operations.asked_for(pool, "tokens")
            rebuilt = [await operations.end_of(pool, job) for job in again]
        [told] = [job["error"] for job in rebuilt if job["state"] == "failed"]
        assert f"token.issued (version 1 of {family})" in told
        for child in place.children:
            await child.become_busy()
        await audit_catches_up(place.dsn)
        assert await pool.fetchval(ASIDE) == 1
        await owner.execute(MEND, family, state)
        for model, state_of in (("tokens", "promoted"), ("audit", "retried")):
            job = await operations.end_of(pool, await operations.ask(pool, model, "retry"))
            assert (job["state"], job["error"]) == (state_of, None)
        assert await pool.fetchval(ASIDE) == 0
    # The live model never had what was mended.
    place.differing = ["tokens"]
    place.expected = ("bulk_fill_failed", "rebuild_failed", "event_set_aside", "generations_differ")


async def poison(owner: asyncpg.Connection) -> tuple[UUID, bytes]:
    """Put an event into the log that nobody can read; return its stream and what it should have said."""
    clock = Clock()
    now, id_ = clock.now(), clock.new_id()
    family = TokenFamily.issue(
        id=id_, organization=uuid4(), application=uuid4(), scope="read", audience="api", format="jwt",
        digest=sha256_hex(str(id_)), expires_at=now + timedelta(hours=1), grant_type="client_credentials", now=now,
    )  # fmt: skip
    [event] = family.collect_events()
    state = codec.encode(event)
    async with owner.transaction():
        await owner.execute(APPEND_LOCK)
        position, moment = await log.head(owner) + 1, await owner.fetchval(NOW)
        organization, client = family.organization, family.application
        await owner.execute(INSERT, id_, state[:-9], position, moment, organization, client)
        await owner.execute(BATCH, position, moment)
    return id_, state
