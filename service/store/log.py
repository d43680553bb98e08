"""Reads the event log: streams by id, the history by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

HEAD = "SELECT last FROM muniment.batches ORDER BY last DESC LIMIT 1"

STREAM = """
SELECT h.last, e.originator_version, e.topic, e.state
  FROM (SELECT last FROM muniment.batches ORDER BY last DESC LIMIT 1) h
  LEFT JOIN muniment.{table} e ON e.originator_id = $1
 ORDER BY e.originator_version
"""

STREAMS = """
SELECT originator_id, originator_version, topic, state
  FROM muniment.{table}
 WHERE originator_id = ANY ($1::uuid[])
 ORDER BY originator_id, originator_version
"""

PAGE = """
SELECT notification_id, originator_id, originator_version, topic, state,
       recorded_at, organization, actor, client, request_id, causation
  FROM muniment.log
 WHERE notification_id > $1 AND notification_id <= $2
 ORDER BY notification_id
 LIMIT $3
"""

POSITION_BEFORE = """
SELECT last FROM muniment.batches WHERE recorded_at < $1 ORDER BY recorded_at DESC, last DESC LIMIT 1
"""


class Entry(NamedTuple):
    """One event as the log holds it: stored state plus envelope."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes
    recorded_at: datetime
    organization: UUID
    actor: UUID
    client: UUID | None
    request_id: UUID
    causation: UUID


class Stored(NamedTuple):
    """One event of a stream, without its envelope."""

    version: int
    topic: str
    state: bytes


async def head(connection: asyncpg.Pool | asyncpg.Connection) -> int:
    """Return the position of the last event, 0 for an empty log."""
    return int(await connection.fetchval(HEAD))


async def read_stream(
    connection: asyncpg.Pool | asyncpg.Connection, stream: UUID, *, token: bool
) -> tuple[int, list[Stored]]:
    """Return the head and the stream's events in order ([] when there are none), both of one snapshot.

    `token` says in which table the stream lives: token families have their own.
    """
    rows = await connection.fetch(STREAM.format(table="token_events" if token else "events"), stream)
    return rows[0][0], [Stored(row[1], row[2], row[3]) for row in rows if row[1] is not None]


async def read_streams(
    connection: asyncpg.Pool | asyncpg.Connection, streams: Sequence[UUID], *, token: bool
) -> dict[UUID, list[Stored]]:
    """Return the events of several streams, of one snapshot, each in order; empty streams are absent."""
    found: dict[UUID, list[Stored]] = {}
    for row in await connection.fetch(STREAMS.format(table="token_events" if token else "events"), streams):
        found.setdefault(row[0], []).append(Stored(row[1], row[2], row[3]))
    return found


async def read_page(
    connection: asyncpg.Pool | asyncpg.Connection, *, after: int, until: int, limit: int
) -> list[Entry]:
    """Return up to `limit` events with after < position <= until, in order.

    Positions commit in order, so a reader that remembers the last one it saw can never pass an event.
    """
    return [Entry(*row) for row in await connection.fetch(PAGE, after, until, limit)]


async def position_before(connection: asyncpg.Pool | asyncpg.Connection, moment: datetime) -> int:
    """Return the position of the last event recorded before a moment, 0 when there is none."""
    return int(await connection.fetchval(POSITION_BEFORE, moment) or 0)
