"""Sessions: who is signed in, by the digest of the cookie. A session that has ended has no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.session import Session
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

SESSIONS = Table(
    "sessions",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "digest": "text NOT NULL",
        "methods": "text[] NOT NULL",
        "started_at": "timestamptz NOT NULL",
        "authenticated_at": "timestamptz NOT NULL",
        "expires_at": "timestamptz NOT NULL",
        "request_id": "uuid NOT NULL",  # of the last sign-in: the request journal knows from where it came
    },
    indexes=(
        "CREATE INDEX sessions_digest ON sessions (digest)",
        "CREATE INDEX sessions_user ON sessions (user_id, authenticated_at)",
    ),
)


def _started(event: Session.Started, context: Context) -> Iterable[Fact]:
    yield SESSIONS.insert(
        id=event.originator_id,
        organization=event.organization,
        user_id=event.user,
        digest=event.digest,
        methods=event.methods,
        started_at=event.timestamp,
        authenticated_at=event.timestamp,
        expires_at=event.expires_at,
        request_id=context.request_id,
    )


def _authenticated(event: Session.Authenticated, context: Context) -> Iterable[Fact]:
    yield SESSIONS.update(
        id=event.originator_id,
        digest=event.digest,
        methods=event.methods,
        authenticated_at=event.timestamp,
        expires_at=event.expires_at,
        request_id=context.request_id,
    )


def _ended(event: Session.Ended, _: Context) -> Iterable[Fact]:
    yield SESSIONS.delete(id=event.originator_id)


MODEL = row_model(
    "sessions",
    1,
    (SESSIONS,),
    {
        Session.Started.TOPIC: _started,
        Session.Authenticated.TOPIC: _authenticated,
        Session.Ended.TOPIC: _ended,
    },
)

# The head is read by the same statement: what the row says was true at that position.
PRESENT = """
SELECT s.id, s.organization, s.user_id, s.authenticated_at, s.methods,
       (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM sessions s
  JOIN users u ON u.id = s.user_id AND u.status = 'active'
  JOIN accounts o ON o.id = s.organization AND o.status = 'active'
 WHERE s.digest = $1 AND s.expires_at > $2
"""
BY_DIGEST = "SELECT id FROM sessions WHERE digest = $1"
OF_USER = """
SELECT id, organization, user_id, methods, started_at, authenticated_at, expires_at, request_id
  FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY authenticated_at DESC, id DESC
"""
IDS_OF_USER = "SELECT id FROM sessions WHERE user_id = $1 ORDER BY authenticated_at DESC, id DESC LIMIT $2"
SURPLUS = """
SELECT id FROM (SELECT id, expires_at, row_number() OVER (ORDER BY authenticated_at DESC, id DESC) AS n
                  FROM sessions WHERE user_id = $1) s
 WHERE n > $3 OR expires_at <= $2 ORDER BY n DESC LIMIT $4
"""


async def present(connection: asyncpg.Pool, digest: str, now: datetime) -> asyncpg.Record | None:
    """Return the live session of a cookie and the `head` it is true at, None when there is none.

    It is live until `expires_at`, as long as neither its user nor its organization is locked out.
    """
    return await connection.fetchrow(PRESENT, digest, now)


async def by_digest(connection: asyncpg.Pool, digest: str) -> UUID | None:
    """Return the session of a cookie, live or expired, None when there is none or it has ended."""
    session: UUID | None = await connection.fetchval(BY_DIGEST, digest)
    return session


async def of_user(connection: asyncpg.Pool, user: UUID, now: datetime) -> list[asyncpg.Record]:
    """Return a user's live sessions, the one that was signed in to last first."""
    return await connection.fetch(OF_USER, user, now)


async def ids_of_user(connection: asyncpg.Pool, user: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's sessions that have not ended, expired ones too."""
    return [row[0] for row in await connection.fetch(IDS_OF_USER, user, limit)]


async def surplus(connection: asyncpg.Pool, user: UUID, now: datetime, *, keep: int, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's sessions that are expired or not among the `keep` latest, oldest first."""
    return [row[0] for row in await connection.fetch(SURPLUS, user, now, keep, limit)]
