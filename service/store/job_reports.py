"""What recurring jobs report of themselves: one row each, of the last run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import asyncpg

REPORT = """
INSERT INTO muniment.jobs (name, started_at, ended_at, succeeded_at, counts, error)
VALUES ($1, $2, statement_timestamp(), CASE WHEN $4::text IS NULL THEN statement_timestamp() END, $3, $4)
ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at,
       succeeded_at = coalesce(excluded.succeeded_at, jobs.succeeded_at), counts = excluded.counts,
       error = excluded.error
"""
REPORTS = "SELECT name, started_at, ended_at, succeeded_at, counts, error FROM muniment.jobs ORDER BY name"
NOW = "SELECT clock_timestamp()"


async def started(connection: asyncpg.Connection) -> datetime:
    """Return the time by the database's clock, in which all reports are."""
    moment: datetime = await connection.fetchval(NOW)
    return moment


async def report(
    connection: asyncpg.Connection, name: str, since: datetime, counts: Mapping[str, int], error: str | None = None
) -> None:
    """Note a run that ends now: what it removed, and the error without values when it failed."""
    await connection.execute(REPORT, name, since, msgspec.json.encode(counts).decode(), error)


async def reports(connection: asyncpg.Pool | asyncpg.Connection) -> list[dict[str, Any]]:
    """Return what each job that ever ran reported last, by name."""
    return [{**row, "counts": msgspec.json.decode(row["counts"])} for row in await connection.fetch(REPORTS)]
