"""Builds a read model from the log: into a scratch schema, compared with the live one or promoted in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from projections import registry
from projections.model import Context
from service.store import codec
from service.store.log import Entry, head

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from projections.model import Model, Numbered
    from service.store.vault import Vault

PAGE_SIZE = 5_000
APPEND_LOCK = "SELECT pg_advisory_xact_lock(5567012641)"  # the append function's lock: while held, the log stands still

PAGE = """
SELECT notification_id, originator_id, originator_version, topic, state,
       recorded_at, organization, actor, client, request_id, causation
  FROM muniment.log
 WHERE notification_id > $1 AND notification_id <= $2 AND topic = ANY ($3::text[])
 ORDER BY notification_id
 LIMIT $4
"""


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
    connection: asyncpg.Connection, model: Model, vault: Vault, *, schema: str, after: int = 0, until: int | None = None
) -> int:
    """Apply the log from `after` up to `until` (the present head when None); return the position reached.

    The connection's search path must name the schema first.
    """
    end = await head(connection) if until is None else until
    topics = list(model.handlers)
    reached = after
    while True:
        rows = await connection.fetch(PAGE, reached, end, topics, PAGE_SIZE)
        if not rows:
            return end
        await apply_entries(connection, model, [Entry(*row) for row in rows], vault, schema)
        reached = rows[-1][0]


async def scratch(connection: asyncpg.Connection, model: Model, vault: Vault, schema: str) -> int:
    """Build a whole generation of a model in a new schema; return the position it stands at."""
    async with connection.transaction():
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO muniment_service")
        await registry.create_tables(connection, model, schema)
    await connection.execute(f"SET search_path = {schema}, muniment")
    try:
        return await fill(connection, model, vault, schema=schema)
    finally:
        await connection.execute("RESET search_path")


async def install(connection: asyncpg.Connection, models: Sequence[Model], vault: Vault) -> list[str]:
    """Make every model that is missing or of an older version, as the owner; return their names.

    A model is filled beside the live one and put in its place while the append lock stands still, so writers of the
    old version are refused from that moment and none is lost.
    """
    changed = []
    for model in models:
        row = next((r for r in await registry.rows(connection) if r["name"] == model.name), None)
        if row is not None and row["version"] == model.version:
            continue
        if row is not None and row["version"] > model.version:
            msg = f"read model {model.name} is of version {row['version']}, newer than this program's {model.version}"
            raise RuntimeError(msg)
        await _promote(connection, model, vault, generation=1 if row is None else row["generation"] + 1)
        changed.append(model.name)
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
    connection: asyncpg.Connection, model: Model, vault: Vault, *, schema: str = "models_check", limit: int = 20
) -> list[str]:
    """Rebuild a model beside the live one and return up to `limit` rows in which they differ, [] when they are equal.

    Holds the append lock only for the comparison. Appends that arrive meanwhile are caught up with first.
    """
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    reached = await scratch(connection, model, vault, schema)
    found: list[str] = []
    async with connection.transaction():
        await connection.execute(APPEND_LOCK)
        await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
        until = None if model.mode == "immediate" else await registry.position(connection, model.name)
        if until is None or until > reached:
            await fill(connection, model, vault, schema=schema, after=reached, until=until)
        for table in model.tables:
            for mark, one, other in (("-", registry.LIVE, schema), ("+", schema, registry.LIVE)):
                rows = await connection.fetch(
                    f"SELECT to_jsonb(d)::text FROM (SELECT * FROM {one}.{table}"  # noqa: S608 - names of the program's own
                    f" EXCEPT ALL SELECT * FROM {other}.{table}) d LIMIT {int(limit)}"
                )
                found += [f"{mark} {table} {row[0]}" for row in rows]
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    return found[:limit]
