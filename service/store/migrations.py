"""Brings the permanent schema up to date: forward only, in order, each file once, under a lock.

A database that is ahead of this program is refused: an older writer must not touch a newer log.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncpg

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "migrations"

BOOKS = """
CREATE SCHEMA IF NOT EXISTS muniment;
CREATE TABLE IF NOT EXISTS muniment.schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
EXISTS = "SELECT to_regclass('muniment.schema_migrations') IS NOT NULL"
APPLIED = "SELECT number, name, digest FROM muniment.schema_migrations ORDER BY number"
NOTE = "INSERT INTO muniment.schema_migrations (number, name, digest) VALUES ($1, $2, $3)"
LOCK = "SELECT pg_advisory_xact_lock(5567012640)"
TURN = "SELECT pg_advisory_lock(5567012646)"
READABLE = "GRANT SELECT ON muniment.schema_migrations TO muniment_service, muniment_reader"
MAY_CREATE = "SELECT has_database_privilege(current_database(), 'CREATE')"
NOTE_MASTER_KEY = "INSERT INTO muniment.settings (name, value) VALUES ('master_key', $1) ON CONFLICT DO NOTHING"
CHANGE_MASTER_KEY = "UPDATE muniment.settings SET value = $1 WHERE name = 'master_key'"
MASTER_KEY = "SELECT value FROM muniment.settings WHERE name = 'master_key'"
PARTITIONS = "SELECT muniment.ensure_partitions(clock_timestamp())"


class SchemaMismatch(Exception):
    """The database's schema is not one this program may work with; the message says what to do."""


class Migration(NamedTuple):
    """One file of deploy/migrations."""

    number: int
    name: str
    sql: str
    digest: str


def known(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations this program brings, in order."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        sql = path.read_text(encoding="utf-8")
        number, name = path.stem.split("_", 1)
        found.append(Migration(int(number), name, sql, hashlib.sha256(sql.encode()).hexdigest()))
    if not found:
        msg = f"no migrations in {folder}: the installation is incomplete"
        raise SchemaMismatch(msg)
    return found


async def migrate(connection: asyncpg.Connection, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing, in one transaction, as the owner; return the names of what was applied.

    Raises SchemaMismatch when the database is newer or an applied file was changed since.
    """
    migrations = known(folder)
    async with connection.transaction():
        await connection.execute(LOCK)
        await connection.execute(BOOKS)
        missing = _missing(migrations, await connection.fetch(APPLIED))
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(NOTE, migration.number, migration.name, migration.digest)
        if missing:
            await connection.execute(READABLE)
    return [migration.name for migration in missing]


async def check(connection: asyncpg.Connection, folder: Path = FOLDER) -> None:
    """Raise SchemaMismatch unless the schema is exactly this program's. Needs no more than reading."""
    rows = await connection.fetch(APPLIED) if await connection.fetchval(EXISTS) else []
    missing = _missing(known(folder), rows)
    if missing:
        msg = f"the schema lacks {', '.join(m.name for m in missing)}: run `muniment init` as the database's owner"
        raise SchemaMismatch(msg)


def _missing(migrations: list[Migration], rows: list[asyncpg.Record]) -> list[Migration]:
    applied = {row["number"]: row for row in rows}
    newer = sorted(applied.keys() - {migration.number for migration in migrations})
    if newer:
        msg = f"the schema has migration {newer[-1]}, which this program does not know: run a newer muniment"
        raise SchemaMismatch(msg)
    for migration in migrations:
        row = applied.get(migration.number)
        if row is not None and row["digest"] != migration.digest:
            msg = f"migration {migration.number} ({migration.name}) is not the one that was applied"
            raise SchemaMismatch(msg)
    return [migration for migration in migrations if migration.number not in applied]


async def take_turn(connection: asyncpg.Connection) -> None:
    """Wait until no other process prepares this database; the turn ends with the connection."""
    await connection.execute(TURN)


async def may_create(connection: asyncpg.Connection) -> bool:
    """Say whether this connection may migrate: only the database's owner should."""
    return bool(await connection.fetchval(MAY_CREATE))


async def note_master_key(connection: asyncpg.Connection, key_id: str) -> None:
    """Note which master key new subject keys are wrapped under, unless one is noted already."""
    await connection.execute(NOTE_MASTER_KEY, key_id)


async def noted_master_key(connection: asyncpg.Connection) -> str | None:
    """Return the id of the noted master key, None before the first start."""
    noted: str | None = await connection.fetchval(MASTER_KEY)
    return noted


async def ensure_partitions(connection: asyncpg.Connection) -> None:
    """Make the partitions of this month and the two after it."""
    await connection.execute(PARTITIONS)


async def change_master_key(connection: asyncpg.Connection, key_id: str) -> None:
    """Note that new subject keys are wrapped under another master key from now on, inside a rotation."""
    await connection.execute(CHANGE_MASTER_KEY, key_id)
