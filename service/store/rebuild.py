"""Builds a read model from the log: into a scratch schema, compared with the live one or promoted in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain import EVENTS
from projections import registry
from projections.model import Context
from service.store import codec
from service.store.log import Entry, head
from service.store.migrations import SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from projections.model import Model, Numbered
    from service.store.vault import Vault

PAGE_SIZE = 5_000
REBUILD_LOCK = (
    "SELECT pg_advisory_lock(5567012645)"  # scratch schemas have fixed names, so that a crash leaves no litter
)
REBUILD_UNLOCK = "SELECT pg_advisory_unlock(5567012645)"
APPEND_LOCK = "SELECT pg_advisory_xact_lock(5567012641)"  # the append function's lock: while held, the log stands still

# What the model handles, and what this program does not know at all: that must stop it, not be skipped.
PAGE = """
SELECT notification_id, originator_id, originator_version, topic, state,
       recorded_at, organization, actor, client, request_id, causation
  FROM muniment.log
 WHERE notification_id > $1 AND notification_id <= $2
   AND (topic = ANY ($3::text[]) OR topic <> ALL ($4::text[]))
 ORDER BY notification_id
 LIMIT $5
"""


async def read_for(connection: asyncpg.Connection, model: Model, *, after: int, until: int, limit: int) -> list[Entry]:
    """Return up to `limit` events with after < position <= until that a model has to see, in order."""
    rows = await connection.fetch(PAGE, after, until, list(model.handlers), list(EVENTS), limit)
    return [Entry(*row) for row in rows]


async def apply_entries(
    connection: asyncpg.Connection, model: Model, entries: Sequence[Entry], vault: Vault, schema: str
) -> None:
    """Apply a page of the log to a generation of a model. Raises UnknownTopic and what a poison event raises."""
    ciphers = await vault.for_entries(entries)
    numbered: list[Numbered] = []
    for n, entry in enumerate(entries, 1):
        event = codec.decode(entry.topic, entry.stream, entry.version, entry.state, ciphers)
        context = Context(entry.organization, entry.actor, entry.client, entry.request_id, entry.recorded_at)
        numbered.extend(model.facts(event, context, n))
    facts = [{**fact, "n": n} for n, fact in model.merge(numbered)]
    if facts:
        positions = [entry.position for entry in entries]
        await connection.execute(
            f"SELECT {schema}.apply_{model.name}($1, $2)",
            msgspec.json.encode(facts).decode(),
            positions,
        )


async def fill(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    *,
    schema: str,
    after: int = 0,
    until: int | None = None,
    page_size: int = PAGE_SIZE,
) -> int:
    """Apply the log from `after` up to `until` (the present head when None); return the position reached.

    The connection's search path must name the schema first.
    """
    end = await head(connection) if until is None else until
    reached = after
    while page := await read_for(connection, model, after=reached, until=end, limit=page_size):
        await apply_entries(connection, model, page, vault, schema)
        reached = page[-1].position
    return end


async def scratch(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    schema: str,
    *,
    until: int | None = None,
    page_size: int = PAGE_SIZE,
) -> int:
    """Build a generation of a model in a new schema, up to the head if not told otherwise; return where it stands."""
    async with connection.transaction():
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO muniment_service")
        await registry.create_tables(connection, model, schema)
    await connection.execute(f"SET search_path = {schema}, muniment")
    try:
        return await fill(connection, model, vault, schema=schema, until=until, page_size=page_size)
    finally:
        await connection.execute("RESET search_path")


async def install(connection: asyncpg.Connection, models: Sequence[Model], vault: Vault) -> list[str]:
    """Make every model that is missing or of an older version, as the owner; return their names.

    A model is filled beside the live one and put in its place while the append lock stands still, so writers of the
    old version are refused from that moment and none is lost.
    """
    changed = []
    await connection.execute(REBUILD_LOCK)
    try:
        for model in models:
            row = next((r for r in await registry.rows(connection) if r["name"] == model.name), None)
            if row is not None and row["version"] == model.version:
                continue
            if row is not None and row["version"] > model.version:
                msg = (
                    f"read model {model.name} is of version {row['version']}, newer than this program's {model.version}"
                )
                raise SchemaMismatch(msg)
            await _promote(connection, model, vault, generation=1 if row is None else row["generation"] + 1)
            changed.append(model.name)
    finally:
        await connection.execute(REBUILD_UNLOCK)
    return changed


async def _promote(connection: asyncpg.Connection, model: Model, vault: Vault, *, generation: int) -> None:
    schema = f"models_{model.name}_{generation}"
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    reached = await scratch(connection, model, vault, schema)
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '10s'")
        await connection.execute(APPEND_LOCK)
        await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
        reached = await fill(connection, model, vault, schema=schema, after=reached)
        for table in model.tables:
            await connection.execute(f"DROP TABLE IF EXISTS {registry.LIVE}.{table}")
            await connection.execute(f"ALTER TABLE {schema}.{table} SET SCHEMA {registry.LIVE}")
        function = f"apply_{model.name}(json, bigint[])"
        await connection.execute(f"DROP FUNCTION IF EXISTS {registry.LIVE}.{function}")
        await connection.execute(f"ALTER FUNCTION {schema}.{function} SET SCHEMA {registry.LIVE}")
        await registry.register(connection, model, generation=generation, position=reached)
        await connection.execute(f"DROP SCHEMA {schema}")


async def differences(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    *,
    schema: str = "models_check",
    limit: int = 20,
    page_size: int = PAGE_SIZE,
) -> list[str]:
    """Rebuild a model beside the live one and return up to `limit` rows in which they differ, [] when they are equal.

    Nobody waits for it: the comparison is made in one snapshot, which holds the live rows and the position they stand
    at, and the rebuilt ones are first brought to that position.
    """
    await connection.execute(REBUILD_LOCK)
    try:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        # An eventual model may be behind: what it does not show yet is no difference.
        until = await registry.position(connection, model.name) if model.mode == "eventual" else None
        reached = await scratch(connection, model, vault, schema, until=until, page_size=page_size)
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
            until = await registry.position(connection, model.name) if model.mode == "eventual" else None
            await fill(connection, model, vault, schema=schema, after=reached, until=until, page_size=page_size)
            found = await _unequal_rows(connection, model, schema, limit)
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.execute(REBUILD_UNLOCK)
    return found[:limit]


async def _unequal_rows(connection: asyncpg.Connection, model: Model, schema: str, limit: int) -> list[str]:
    found: list[str] = []
    for table in model.tables:
        for mark, one, other in (("-", registry.LIVE, schema), ("+", schema, registry.LIVE)):
            surplus = f"SELECT * FROM {one}.{table} EXCEPT ALL SELECT * FROM {other}.{table}"  # noqa: S608
            rows = await connection.fetch(f"SELECT to_jsonb(d)::text FROM ({surplus}) d LIMIT {int(limit)}")  # noqa: S608
            found += [f"{mark} {table} {row[0]}" for row in rows]
    return found
