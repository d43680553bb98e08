"""The table of messages to people: found in the log, due, sent or given up, and read by those who manage them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    Session = asyncpg.Connection | PoolConnectionProxy[asyncpg.Record]

FOLLOWER = "messages"
PAGE = 200

LOCK_POSITION = "SELECT position FROM muniment.followers WHERE name = $1 FOR UPDATE"
ADVANCE = "UPDATE muniment.followers SET position = $2 WHERE name = $1"
ASKED = """
SELECT notification_id AS position, originator_id AS stream, originator_version AS version, topic, state,
       organization, recorded_at
  FROM muniment.events
 WHERE notification_id > $1 AND notification_id <= $2 AND topic = ANY ($3::text[])
 ORDER BY notification_id LIMIT $4
"""
QUEUE = """
INSERT INTO muniment.messages (id, stream, version, topic, organization, subject, channel,
                               created_at, updated_at, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)
ON CONFLICT (stream, version) DO NOTHING
"""
# Taken for a while: should this process end in the middle, another one tries again after that.
TAKE = """
UPDATE muniment.messages m SET attempts = m.attempts + 1, next_at = $2, updated_at = $1
  FROM (SELECT id FROM muniment.messages WHERE next_at <= $1 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) due
 WHERE m.id = due.id
RETURNING m.id, m.stream, m.version, m.topic, m.organization, m.subject, m.channel, m.attempts
"""
STATE = "SELECT state FROM muniment.events WHERE originator_id = $1 AND originator_version = $2"
SETTLE = """
UPDATE muniment.messages
   SET updated_at = $2, next_at = $3, success = $4, response = $5, receiver = $6, content = $7
 WHERE id = $1
"""
NEXT = "SELECT min(next_at) FROM muniment.messages WHERE next_at IS NOT NULL"
SHOWN = """
SELECT id, subject, success, response, receiver, content, created_at, updated_at FROM muniment.messages
 WHERE organization = $1 AND channel = $2 AND attempts > 0
"""
LOGGED = f"{SHOWN} ORDER BY id DESC LIMIT $3 OFFSET $4"
ONE_LOGGED = f"{SHOWN} AND id = $3"
COUNT = "SELECT count(*) FROM muniment.messages WHERE organization = $1 AND channel = $2 AND attempts > 0"
DELETE_BEFORE = """
DELETE FROM muniment.messages
 WHERE organization = $1 AND channel = $2 AND created_at < $3 AND next_at IS NULL
"""


class Asked(NamedTuple):
    """An event that asks for a message."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes
    organization: UUID
    recorded_at: datetime


class Taken(NamedTuple):
    """A message to be sent now, for the `attempts`-th time."""

    id: UUID
    stream: UUID
    version: int
    topic: str
    organization: UUID
    subject: UUID
    channel: str
    attempts: int


class Queued(NamedTuple):
    """A message found in the log."""

    id: UUID
    asked: Asked
    subject: UUID
    channel: str


async def lock_position(connection: Session, follower: str = FOLLOWER) -> int:
    """Return how far a follower has looked through the log, locked until the caller's transaction ends."""
    return int(await connection.fetchval(LOCK_POSITION, follower))


async def advance(connection: Session, position: int, follower: str = FOLLOWER) -> None:
    """Note how far a follower has looked through the log."""
    await connection.execute(ADVANCE, follower, position)


async def asked(
    connection: Session, *, after: int, until: int, topics: Sequence[str], limit: int = PAGE
) -> list[Asked]:
    """Return up to `limit` events of these topics with after < position <= until, in order."""
    rows = await connection.fetch(ASKED, after, until, topics, limit)
    return [Asked(*(row[name] for name in Asked._fields)) for row in rows]


async def queue(connection: Session, found: Sequence[Queued], *, due: datetime) -> None:
    """Add messages; one that was found before stays as it is."""
    await connection.executemany(
        QUEUE,
        [
            (one.id, one.asked.stream, one.asked.version, one.asked.topic, one.asked.organization, one.subject,
             one.channel, one.asked.recorded_at, due)
            for one in found
        ],
    )  # fmt: skip


async def take(pool: asyncpg.Pool, *, now: datetime, until: datetime, limit: int) -> list[Taken]:
    """Return up to `limit` messages that are due, and let nobody else have them before `until`."""
    return [Taken(*row) for row in await pool.fetch(TAKE, now, until, limit)]


async def state(pool: asyncpg.Pool, stream: UUID, version: int) -> bytes:
    """Return the stored state of the event that asks for a message."""
    return bytes(await pool.fetchval(STATE, stream, version))


async def settle(
    pool: asyncpg.Pool,
    message: UUID,
    *,
    now: datetime,
    next_at: datetime | None,
    success: bool,
    response: str | None,
    receiver: str | None,
    content: str | None,
) -> None:
    """Note what an attempt came to; `next_at` None: nothing more happens.

    Receiver and content are sealed, and the response where there is a receiver.
    """
    await pool.execute(SETTLE, message, now, next_at, success, response, receiver, content)


async def next_due(pool: asyncpg.Pool) -> datetime | None:
    """Return when the next message is due, None when none waits."""
    moment: datetime | None = await pool.fetchval(NEXT)
    return moment


async def logged(
    pool: asyncpg.Pool, organization: UUID, *, channel: str, limit: int, offset: int
) -> list[asyncpg.Record]:
    """Return an organization's messages that were tried at least once, newest first, receiver and content sealed."""
    return await pool.fetch(LOGGED, organization, channel, limit, offset)


async def one_logged(pool: asyncpg.Pool, organization: UUID, message: UUID, *, channel: str) -> asyncpg.Record | None:
    """Return one such message, None when there is none."""
    return await pool.fetchrow(ONE_LOGGED, organization, channel, message)


async def count(pool: asyncpg.Pool, organization: UUID, *, channel: str) -> int:
    """Return how many rows `logged` has in all."""
    return int(await pool.fetchval(COUNT, organization, channel))


async def delete_before(pool: asyncpg.Pool, organization: UUID, *, channel: str, before: datetime) -> int:
    """Delete an organization's messages from before a time, but for those that still wait; return how many."""
    return int((await pool.execute(DELETE_BEFORE, organization, channel, before)).rpartition(" ")[2])
