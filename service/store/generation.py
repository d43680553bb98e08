"""The tables of one generation of a read model: made in a schema of their own, and put in the live one's place.

Readers find tables by the search path, so what they have planned is planned again when the tables change places. They
wait for the moment it takes; the lock timeout of whoever promotes is shorter than PostgreSQL waits before it looks for
a deadlock, so that never a reader is ended for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections import registry

if TYPE_CHECKING:
    import asyncpg

    from projections.model import Model

# Whole pages of indexes are logged, and compressing them takes as long as making them. Superusers alone may say so.
UNCOMPRESSED = """
SELECT set_config('wal_compression', 'off', true) WHERE has_parameter_privilege('wal_compression', 'SET')
"""
WORTH_ANALYZING = 1_000  # rows: PostgreSQL guesses well about small tables and stops guessing once it was told
KEEP = """
INSERT INTO muniment.former_generations (model, version, generation, position) VALUES ($1, $2, $3, $4)
ON CONFLICT (model) DO UPDATE SET version = excluded.version, generation = excluded.generation,
       position = excluded.position, kept_at = clock_timestamp()
"""
FORGET = "DELETE FROM muniment.former_generations WHERE model = $1"
RELEASE = "DELETE FROM muniment.quarantine WHERE model = $1 AND generation <> ALL ($2::int[])"
# Vacuums do not count: PostgreSQL ends one that is in the way of somebody who waits for over a second.
HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.relation = ANY ($1::text[]::regclass[]) AND l.granted AND a.pid <> pg_backend_pid()
       AND a.backend_type <> 'autovacuum worker' AND a.xact_start < clock_timestamp() - interval '1 second')
"""
SCHEMA = r"^models_([a-z_]+)_([0-9]+)$"
IN_USE = """
SELECT model, generation FROM muniment.former_generations
 UNION ALL
SELECT model, generation FROM muniment.rebuilds WHERE ended_at IS NULL AND generation IS NOT NULL
"""
QUIETLY = "SELECT pg_try_advisory_lock(5567012645)"  # the lock of rebuilds: whoever holds it may be filling a schema
LOUDLY = "SELECT pg_advisory_unlock(5567012645)"
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ $1"


def schema_of(model: str, generation: int) -> str:
    """Return the schema of a generation that is not live."""
    return f"models_{model}_{generation}"


async def create(connection: asyncpg.Connection, model: Model, schema: str) -> None:
    """Make a generation's empty tables in a new schema, inside a transaction; what was there is dropped."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO muniment_service")
    await registry.create_tables(connection, model, schema)


async def complete(connection: asyncpg.Connection, model: Model, schema: str) -> None:
    """Finish tables once all rows are there, inside a transaction.

    What has served its time goes; then come what only readers need: indexes. Statistics come first, for without them
    the planner would look for what has served its time row by row.
    """
    await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
    await connection.execute("SET LOCAL maintenance_work_mem = '128MB'")
    await connection.execute(UNCOMPRESSED)
    for table in model.tables:
        some = f"SELECT count(*) FROM (SELECT FROM {schema}.{table} LIMIT {WORTH_ANALYZING}) first_ones"  # noqa: S608
        if await connection.fetchval(some) == WORTH_ANALYZING:
            await connection.execute(f"ANALYZE {schema}.{table}")
    for table, served in model.served.items():
        await connection.execute(f"DELETE FROM {schema}.{table} r WHERE {served.format(schema=schema)}")  # noqa: S608
    for index in model.indexes:
        await connection.execute(index)


async def spare(connection: asyncpg.Connection, model: Model, schema: str) -> None:
    """Wait until nobody vacuums a generation or the live one, and keep it so, inside a transaction.

    For this no reader or writer has to wait, while behind whoever wants to promote they all do. PostgreSQL ends a
    vacuum that is in the way after a second.
    """
    await connection.execute(f"LOCK TABLE {_both(model, schema)} IN SHARE UPDATE EXCLUSIVE MODE")


def _both(model: Model, schema: str) -> str:
    return ", ".join(f"{place}.{table}" for table in model.tables for place in (registry.LIVE, schema))


async def promote(
    connection: asyncpg.Connection, model: Model, *, generation: int, position: int, keep: asyncpg.Record | None = None
) -> None:
    """Put a generation in the live one's place, inside a transaction that holds the model's log still.

    `keep` is the registry's row of the live one, to be kept as the former generation; None drops it.
    """
    schema = schema_of(model.name, generation)
    function = f"apply_{model.name}(json, bigint[])"
    if keep is None:
        for table in model.tables:
            await connection.execute(f"DROP TABLE IF EXISTS {registry.LIVE}.{table}")
        await connection.execute(f"DROP FUNCTION IF EXISTS {registry.LIVE}.{function}")
        await connection.execute(FORGET, model.name)
    else:
        former = schema_of(model.name, keep["generation"])
        await connection.execute(f"LOCK TABLE {_both(model, schema)}")  # all at once, in one order
        await connection.execute(f"DROP SCHEMA IF EXISTS {former} CASCADE")
        await connection.execute(f"CREATE SCHEMA {former}")
        await _move(connection, model, registry.LIVE, former)
        await connection.execute(KEEP, model.name, keep["version"], keep["generation"], position)
    await _move(connection, model, schema, registry.LIVE)
    await registry.register(connection, model, generation=generation, position=position)
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    kept = [generation] if keep is None else [generation, keep["generation"]]
    await connection.execute(RELEASE, model.name, kept)


async def is_held(connection: asyncpg.Connection, model: Model) -> bool:
    """Say whether somebody has been at a model's live tables for a second: trying to move them would stall readers."""
    return bool(await connection.fetchval(HELD, [f"{registry.LIVE}.{table}" for table in model.tables]))


async def _move(connection: asyncpg.Connection, model: Model, source: str, target: str) -> None:
    for table in model.tables:
        await connection.execute(f"ALTER TABLE {source}.{table} SET SCHEMA {target}")
    await connection.execute(f"ALTER FUNCTION {source}.apply_{model.name}(json, bigint[]) SET SCHEMA {target}")


async def forget_former(connection: asyncpg.Connection, model: str) -> None:
    """Give a former generation up; `tidy` drops its tables."""
    await connection.execute(FORGET, model)


async def tidy(connection: asyncpg.Connection) -> list[str]:
    """Drop the generations that nothing refers to any more; return their schemas. Leaves it when somebody builds."""
    if not await connection.fetchval(QUIETLY):
        return []
    try:
        return await _drop_litter(connection)
    finally:
        await connection.execute(LOUDLY)


async def _drop_litter(connection: asyncpg.Connection) -> list[str]:
    used = {schema_of(row["model"], row["generation"]) for row in await connection.fetch(IN_USE)}
    litter = [row["nspname"] for row in await connection.fetch(SCHEMAS, SCHEMA) if row["nspname"] not in used]
    for schema in litter:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return litter
