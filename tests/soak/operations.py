"""What operators do to read models: any command at any moment, and afterwards the question whether all has ended."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from domain.caller import SYSTEM
from domain.refusals import RebuildUnderWay, Refusal
from projections import MODELS
from service.clock import Clock
from service.store import connections
from service.store import rebuild_jobs as jobs
from tests.service.store.given import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random
    from uuid import UUID

    import asyncpg

# A rebuild is what the others are about.
COMMANDS = (*("rebuild",) * 6, *("verify", "pause", "pause", "resume", "resume", "cancel", "switch_back", "retry"))
PATIENCE = 120.0
UNDER_WAY = "SELECT model FROM muniment.rebuilds WHERE ended_at IS NULL"
PAUSED = "SELECT model FROM muniment.rebuilds WHERE ended_at IS NULL AND wish = 'pause'"
DIFFERING = "SELECT model, kind, differences FROM muniment.rebuilds WHERE (differences->>'count')::int > 0"
FAILED = "SELECT model, kind, error FROM muniment.rebuilds WHERE state = 'failed'"
TOLD = "SELECT state, count(*) FROM muniment.rebuilds GROUP BY state"
SCHEMAS = r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 'models\_%' ORDER BY 1"
KEPT = "SELECT format('models_%s_%s', model, generation) FROM muniment.former_generations ORDER BY 1"


@asynccontextmanager
async def asking(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with await connections.pool(dsn, size=1, name="operator") as pool:
        yield pool


async def ask(pool: asyncpg.Pool, model: str, command: str) -> UUID:
    """Give a command and return its job. Raises a Refusal."""
    nobody = SYSTEM.actor
    version, identity = MODELS[model].version, Clock().new_id()
    asked = jobs.Asked(identity, model, command, version, SYSTEM.organization, nobody, None, uuid4())
    row = await jobs.ask(pool, asked)
    found: UUID = row["id"]
    return found


async def go_on(pool: asyncpg.Pool, random: Random) -> None:
    """Give commands for ever; those that are refused are part of it."""
    while True:
        with suppress(Refusal):
            await ask(pool, random.choice(sorted(MODELS)), random.choice(COMMANDS))
        await asyncio.sleep(random.random() * 0.1)


async def come_to_an_end(pool: asyncpg.Pool) -> None:
    """Resume what was paused; wait until no job is under way and no schema is left but those of kept generations."""
    for row in await pool.fetch(PAUSED):
        await ask(pool, row[0], "resume")

    async def nothing_under_way() -> bool:
        return not await pool.fetch(UNDER_WAY)

    async def no_litter() -> bool:
        return [row[0] for row in await pool.fetch(SCHEMAS)] == [row[0] for row in await pool.fetch(KEPT)]

    await until(nothing_under_way, PATIENCE)
    await until(no_litter, PATIENCE)


async def told(pool: asyncpg.Pool) -> dict[str, int]:
    """Return how many jobs ended how."""
    return {row[0]: row[1] for row in await pool.fetch(TOLD)}


async def end_of(pool: asyncpg.Pool, job: UUID) -> asyncpg.Record:
    """Wait until a job has ended and return it."""

    async def ended() -> bool:
        return (await jobs.one(pool, job))["ended_at"] is not None

    await until(ended, PATIENCE)
    return await jobs.one(pool, job)


async def asked_for(pool: asyncpg.Pool, *models: str) -> list[UUID]:
    """Ask for these rebuilds and return their jobs, or those that are under way already."""
    found = []
    for model in models:
        try:
            found.append(await ask(pool, model, "rebuild"))
        except RebuildUnderWay:
            found.append((await jobs.latest(pool))[model]["id"])
    return found


async def promoted(pool: asyncpg.Pool, model: str) -> None:
    """Let a model be built anew, and fail unless it comes to that."""
    [job] = [await end_of(pool, asked) for asked in await asked_for(pool, model)]
    assert (job["state"], job["error"]) == ("promoted", None), model
