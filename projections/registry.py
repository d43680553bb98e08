"""The registry of read models: which version and generation of each is live. Checked under the append lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from projections.model import Model

LIVE = "models"
"""The schema of the live generation."""

ROWS = "SELECT name, version, generation, mode, position, error, updated_at FROM muniment.models ORDER BY name"
REGISTER = """
INSERT INTO muniment.models (name, version, generation, mode, position) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET version = excluded.version, generation = excluded.generation, mode = excluded.mode,
       position = excluded.position, error = NULL, updated_at = clock_timestamp()
"""
WRITERS = """
SELECT string_agg(name || ':' || version || ':' || generation, ',' ORDER BY name)
  FROM muniment.models WHERE mode = 'immediate'
"""
# The rate is that of about the last ten seconds: what came before counts less and less.
ADVANCE = """
UPDATE muniment.models
   SET rate = rate * exp(-least(extract(epoch FROM clock_timestamp() - updated_at), 100)::float8 / 10)
              + (1 - exp(-least(extract(epoch FROM clock_timestamp() - updated_at), 100)::float8 / 10))
                * ($2 - position) / greatest(extract(epoch FROM clock_timestamp() - updated_at), 0.001)::float8,
       position = $2, error = NULL, updated_at = clock_timestamp()
 WHERE name = $1
"""
STOP = "UPDATE muniment.models SET error = $2, updated_at = clock_timestamp() WHERE name = $1"
POSITION = "SELECT position FROM muniment.models WHERE name = $1"
POSITION_FOR_UPDATE = """
SELECT name, position, version, generation, mode FROM muniment.models WHERE name = $1 FOR NO KEY UPDATE
"""
RESUME = "UPDATE muniment.models SET error = NULL, updated_at = clock_timestamp() WHERE name = $1"


class Superseded(Exception):
    """Another version of a model is live: this program must not write it."""


async def rows(connection: asyncpg.Pool | asyncpg.Connection) -> list[asyncpg.Record]:
    """Return the registry, by name."""
    return await connection.fetch(ROWS)


async def writers(connection: asyncpg.Pool | asyncpg.Connection) -> str:
    """Return the fingerprint of the live immediate models, as the append function computes it."""
    return await connection.fetchval(WRITERS) or ""


async def create_tables(connection: asyncpg.Connection, model: Model, schema: str) -> None:
    """Make a generation's tables and functions in a schema, as the owner, readable for the service."""
    await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
    await connection.execute(model.ddl)
    rights = "SELECT" if model.mode == "immediate" else "SELECT, INSERT, UPDATE, DELETE"
    for table in model.tables:
        await connection.execute(f"GRANT {rights} ON {schema}.{table} TO muniment_service")


async def register(connection: asyncpg.Connection, model: Model, *, generation: int, position: int) -> None:
    """Note that this version and generation of a model is live; eventual ones continue after `position`."""
    await connection.execute(REGISTER, model.name, model.version, generation, model.mode, position)
    await connection.execute(_dispatch(row["name"] for row in await rows(connection) if row["mode"] == "immediate"))


def _dispatch(names: Iterable[str]) -> str:
    """Return the function by which the append function reaches each immediate model: calls that are planned once."""
    branches = "\n".join(f"    WHEN '{name}' THEN PERFORM apply_{name}(facts, positions);" for name in names)
    return f"""
CREATE OR REPLACE FUNCTION {LIVE}.apply_model(model text, facts json, positions bigint[]) RETURNS void
LANGUAGE plpgsql AS $apply$
BEGIN
    CASE model
{branches or "    WHEN NULL THEN NULL;"}
    END CASE;
END $apply$;
"""


def expected_writers(models: Iterable[Model], registered: Iterable[asyncpg.Record]) -> str:
    """Return the fingerprint of what this program writes, with the generations that are registered."""
    generations = {row["name"]: row["generation"] for row in registered}
    named = sorted((model for model in models if model.mode == "immediate"), key=lambda model: model.name)
    return ",".join(f"{model.name}:{model.version}:{generations.get(model.name, 0)}" for model in named)


async def adoptable(connection: asyncpg.Connection, models: Iterable[Model]) -> str | None:
    """Return the fingerprint of what is live if this program writes just that, whatever the generations; else None."""
    registered = await rows(connection)
    return live_writers(registered) if same_versions(models, registered) else None


def live_writers(registered: Iterable[asyncpg.Record]) -> str:
    """Return the fingerprint of the immediate models of a registry, in the order in which the database sorts them."""
    live = (row for row in registered if row["mode"] == "immediate")
    return ",".join(f"{row['name']}:{row['version']}:{row['generation']}" for row in live)


def same_versions(models: Iterable[Model], registered: Iterable[asyncpg.Record]) -> bool:
    """Say whether the live immediate models are those of this program, in its versions."""
    named = {model.name: model.version for model in models if model.mode == "immediate"}
    return named == {row["name"]: row["version"] for row in registered if row["mode"] == "immediate"}


async def position(connection: asyncpg.Pool | asyncpg.Connection, name: str) -> int:
    """Return how far an eventual model has come."""
    return int(await connection.fetchval(POSITION, name))


async def lock_position(connection: asyncpg.Connection, model: Model) -> int:
    """Return how far an eventual model has come and hold it, inside a transaction: one writer at a time.

    Raises Superseded when another version of it is live.
    """
    return int((await hold(connection, model))["position"])


async def hold(connection: asyncpg.Connection, model: Model) -> asyncpg.Record:
    """Return a model's row and hold it, inside a transaction. Raises Superseded when another version is live."""
    row = await connection.fetchrow(POSITION_FOR_UPDATE, model.name)
    if row is None or row["version"] != model.version:
        raise Superseded(model.name)
    return row


async def wait(connection: asyncpg.Connection, name: str) -> None:
    """Hold a model's row, of whatever version, inside a transaction, so that its projector is not in the middle."""
    await connection.execute(POSITION_FOR_UPDATE, name)


async def advance(connection: asyncpg.Connection, name: str, reached: int) -> None:
    """Store how far an eventual model has come, in the transaction that wrote its rows."""
    await connection.execute(ADVANCE, name, reached)


async def stop(connection: asyncpg.Pool | asyncpg.Connection, name: str, error: str) -> None:
    """Note why a model stopped, for operators."""
    await connection.execute(STOP, name, error)


async def resume(connection: asyncpg.Connection, name: str) -> None:
    """Let a stopped model try again."""
    await connection.execute(RESUME, name)
