"""Rebuilds as rows: what was asked for, by whom, and how far it has come. See the migration for what may follow what.

A rebuild's row is its progress, written in the transactions that write the rows it tells of; so whoever goes on with
it after a crash goes on right there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID  # noqa: TC003 - a NamedTuple reads its annotations

import msgspec

from domain.refusals import (
    FormerVersion,
    NoFormerGeneration,
    NoRebuild,
    NothingToRetry,
    RebuildCancelled,
    RebuildNotPaused,
    RebuildNotRunning,
    RebuildUnderWay,
)
from service.store.refusals import AlreadyAnswered

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from domain.refusals import Refusal
    from service.store.pending import Remembered

COLUMNS = """
id, model, kind, state, wish, version, generation, former, indexed, position, applied, rate, head_at_start,
differences, error, asked_at, started_at, updated_at, ended_at
"""
ASK = "SELECT rebuild, refused, answered FROM muniment.ask_rebuild($1, $2, $3, $4, $5, $6, $7, $8, $9)"
KEEP_ANSWER = "SELECT muniment.keep_answer($1, $2, $3, $4)"
ONE = f"SELECT {COLUMNS} FROM muniment.rebuilds WHERE id = $1"  # noqa: S608 - names of this file
LATEST = f"SELECT DISTINCT ON (model) {COLUMNS} FROM muniment.rebuilds ORDER BY model, id DESC"  # noqa: S608
HISTORY = f"""
SELECT {COLUMNS},
       (SELECT jsonb_agg(jsonb_build_object('command', q.command, 'actor', q.actor, 'client', q.client,
                                            'request_id', q.request_id, 'at', q.at) ORDER BY q.id)::text
          FROM muniment.rebuild_requests q WHERE q.rebuild = r.id) AS requests
  FROM muniment.rebuilds r
 WHERE r.model = $1 AND ($2::uuid IS NULL OR r.id < $2)
 ORDER BY r.id DESC LIMIT $3
"""  # noqa: S608
ASIDE = """
SELECT q.position, q.topic, q.error, q.at FROM muniment.quarantine q JOIN muniment.models m ON m.name = q.model
 WHERE q.model = $1 AND q.generation = m.generation AND q.position > $2 ORDER BY q.position LIMIT $3
"""
NEXT = f"""
SELECT {COLUMNS} FROM muniment.rebuilds
 WHERE ended_at IS NULL AND NOT (state = 'paused' AND wish = 'pause') ORDER BY id LIMIT 1
"""  # noqa: S608
WISH = "SELECT wish FROM muniment.rebuilds WHERE id = $1"
BEGIN = """
UPDATE muniment.rebuilds SET state = $2, version = $3, generation = $4, indexed = $5, position = $6, head_at_start = $7,
       applied = 0, rate = 0, error = NULL, started_at = coalesce(started_at, clock_timestamp()),
       updated_at = clock_timestamp()
 WHERE id = $1 AND ended_at IS NULL
"""
STEP = """
UPDATE muniment.rebuilds SET state = $2, indexed = $3, error = NULL, updated_at = clock_timestamp()
 WHERE id = $1 AND ended_at IS NULL
"""
PROGRESS = """
UPDATE muniment.rebuilds SET position = $3, applied = applied + $4, rate = $5, updated_at = clock_timestamp()
 WHERE id = $1 AND position = $2 AND ended_at IS NULL
"""
NOTE = "UPDATE muniment.rebuilds SET error = $2, updated_at = clock_timestamp() WHERE id = $1 AND ended_at IS NULL"
COMPARED = "UPDATE muniment.rebuilds SET differences = $2, updated_at = clock_timestamp() WHERE id = $1"
PAUSE = """
UPDATE muniment.rebuilds SET state = 'paused', rate = 0, updated_at = clock_timestamp()
 WHERE id = $1 AND ended_at IS NULL
"""
END = """
UPDATE muniment.rebuilds SET state = $2, error = $3, former = $4, rate = 0, updated_at = clock_timestamp(),
       ended_at = clock_timestamp()
 WHERE id = $1 AND ended_at IS NULL
"""
FORMERS = "SELECT model, version, generation, position, kept_at FROM muniment.former_generations ORDER BY model"
FORMER_REACHED = "UPDATE muniment.former_generations SET position = $2 WHERE model = $1"
RELEASED = "DELETE FROM muniment.quarantine WHERE model = $1 AND generation = $2 AND position = $3"
STILL = "UPDATE muniment.quarantine SET error = $4 WHERE model = $1 AND generation = $2 AND position = $3"

REFUSALS: dict[str, type[Refusal]] = {
    "under_way": RebuildUnderWay,
    "none_under_way": NoRebuild,
    "not_running": RebuildNotRunning,
    "not_paused": RebuildNotPaused,
    "cancelled_already": RebuildCancelled,
    "no_former": NoFormerGeneration,
    "former_version": FormerVersion,
    "nothing_to_retry": NothingToRetry,
}


class Gone(Exception):
    """The job was ended, or taken over, by somebody else: what was done for it meanwhile must not be committed."""


class Asked(NamedTuple):
    """A command on a read model, and who gives it. `id` is a UUIDv7, that of the job if the command makes one."""

    id: UUID
    model: str
    command: str
    version: int
    organization: UUID
    actor: UUID
    client: UUID | None
    request_id: UUID


async def ask(
    pool: asyncpg.Pool,
    asked: Asked,
    *,
    key: bytes | None = None,
    remember: Callable[[asyncpg.Record], Remembered] | None = None,
) -> asyncpg.Record:
    """Give a command and return its job. Raises what REFUSALS lists, and AlreadyAnswered for a used idempotency key.

    What `remember` makes of the job is kept as the answer under the key, in the same transaction.
    """
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(ASK, *asked, key)
        assert row is not None  # noqa: S101 - the function always answers
        if row["answered"] is not None:
            mac, answer = row["answered"].split(":")
            raise AlreadyAnswered(bytes.fromhex(mac), bytes.fromhex(answer))
        if row["refused"] is not None:
            raise REFUSALS[row["refused"]]
        job = await connection.fetchrow(ONE, row["rebuild"])
        assert job is not None  # noqa: S101 - it was made or changed just now
        if remember is not None:
            kept = remember(job)
            await connection.execute(KEEP_ANSWER, asked.id, kept.key, kept.request_mac, kept.answer)
    return job


async def one(connection: asyncpg.Pool | asyncpg.Connection, job: UUID) -> asyncpg.Record:
    """Return a job that exists."""
    row = await connection.fetchrow(ONE, job)
    assert row is not None  # noqa: S101 - jobs stay
    return row


async def latest(connection: asyncpg.Pool | asyncpg.Connection) -> dict[str, asyncpg.Record]:
    """Return the last job of each model that ever had one."""
    return {row["model"]: row for row in await connection.fetch(LATEST)}


async def history(connection: asyncpg.Pool, model: str, *, before: UUID | None, limit: int) -> list[asyncpg.Record]:
    """Return a model's jobs, newest first, each with its `requests` (JSON)."""
    return await connection.fetch(HISTORY, model, before, limit)


async def quarantined(
    connection: asyncpg.Pool | asyncpg.Connection, model: str, *, after: int = 0, limit: int
) -> list[asyncpg.Record]:
    """Return the events that the live generation goes without, in order."""
    return await connection.fetch(ASIDE, model, after, limit)


async def next_job(connection: asyncpg.Connection) -> asyncpg.Record | None:
    """Return the oldest job that there is something to do about, one that broke off included; None without any."""
    return await connection.fetchrow(NEXT)


async def wish(connection: asyncpg.Connection, job: UUID) -> str:
    """Return what is wished for a job: "go", "pause" or "cancel"."""
    return str(await connection.fetchval(WISH, job))


async def begin(
    connection: asyncpg.Connection,
    job: UUID,
    state: str,
    *,
    version: int,
    generation: int | None,
    indexed: bool,
    position: int,
    head: int,
) -> None:
    """Note what is built from where. Raises Gone."""
    await _mine(connection, BEGIN, job, state, version, generation, indexed, position, head)


async def step(connection: asyncpg.Connection, job: UUID, state: str, *, indexed: bool) -> None:
    """Note what is done now. Raises Gone."""
    await _mine(connection, STEP, job, state, indexed)


async def progress(
    connection: asyncpg.Connection, job: UUID, former: int, reached: int, *, events: int, rate: float
) -> None:
    """Note how far the rows have come, in the transaction that writes them. Raises Gone when another wrote some."""
    await _mine(connection, PROGRESS, job, former, reached, events, rate)


async def note(connection: asyncpg.Connection, job: UUID, text: str) -> None:
    """Note what a job waits for."""
    await connection.execute(NOTE, job, text)


async def compared(connection: asyncpg.Connection, job: UUID, found: dict[str, Any]) -> None:
    """Keep what a comparison found."""
    await connection.execute(COMPARED, job, msgspec.json.encode(found).decode())


async def pause(connection: asyncpg.Connection, job: UUID) -> None:
    """Let a job rest."""
    await connection.execute(PAUSE, job)


async def end(
    connection: asyncpg.Connection, job: UUID, state: str, *, error: str | None = None, former: int | None = None
) -> bool:
    """End a job that has not ended; say if it had not."""
    return bool(await connection.execute(END, job, state, error, former) == "UPDATE 1")


async def _mine(connection: asyncpg.Connection, statement: str, job: UUID, *arguments: object) -> None:
    if await connection.execute(statement, job, *arguments) != "UPDATE 1":
        raise Gone(str(job))


async def formers(connection: asyncpg.Connection) -> dict[str, asyncpg.Record]:
    """Return the former generations that are kept, by model."""
    return {row["model"]: row for row in await connection.fetch(FORMERS)}


async def former_reached(connection: asyncpg.Connection, model: str, position: int) -> None:
    """Note how far a former generation has come, in the transaction that writes its rows."""
    await connection.execute(FORMER_REACHED, model, position)


async def released(connection: asyncpg.Connection, model: str, generation: int, position: int) -> None:
    """Note that an event that was set aside is applied, in the transaction that applies it."""
    await connection.execute(RELEASED, model, generation, position)


async def still(connection: asyncpg.Connection, model: str, generation: int, position: int, *, error: str) -> None:
    """Note why an event that was set aside still cannot be applied."""
    await connection.execute(STILL, model, generation, position, error)
