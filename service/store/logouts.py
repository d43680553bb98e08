"""The tables of back-channel logout: which applications a session was used for, and who has yet to be told it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    Session = asyncpg.Connection | PoolConnectionProxy[asyncpg.Record]

FOLLOWER = "logouts"

NOTE = """
INSERT INTO muniment.session_applications (session, application, organization, user_id) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
END = """
WITH gone AS (
    DELETE FROM muniment.session_applications WHERE session = $1 RETURNING session, application, organization, user_id
)
INSERT INTO muniment.logouts (session, application, organization, user_id, next_at)
SELECT g.session, g.application, g.organization, g.user_id, $2
  FROM gone g JOIN applications a ON a.id = g.application AND a.backchannel_logout_uri IS NOT NULL
"""
# Of each application that waits, the few that wait longest, found by the index: however many of one application wait,
# the others' are as near. Taken for a while: should this process end in the middle, another one tries again after that.
TAKE = """
WITH RECURSIVE waiting AS (
    (SELECT application FROM muniment.logouts ORDER BY application LIMIT 1)
    UNION ALL
    SELECT (SELECT l.application FROM muniment.logouts l WHERE l.application > w.application
             ORDER BY l.application LIMIT 1)
      FROM waiting w WHERE w.application IS NOT NULL
), due AS (
    SELECT l.id, l.next_at, row_number() OVER (PARTITION BY l.organization ORDER BY l.next_at) AS n
      FROM waiting w,
           LATERAL (SELECT id, organization, next_at FROM muniment.logouts
                     WHERE application = w.application AND next_at <= $1 ORDER BY next_at LIMIT $4) l
     WHERE w.application <> ALL ($6::uuid[]) AND l.organization <> ALL ($7::uuid[])
), taken AS (
    SELECT l.id FROM muniment.logouts l JOIN due USING (id)
     WHERE l.next_at <= $1 AND due.n <= $5
     ORDER BY due.next_at LIMIT $3 FOR UPDATE OF l SKIP LOCKED
)
UPDATE muniment.logouts l SET attempts = l.attempts + 1, next_at = $2
  FROM taken JOIN muniment.logouts t USING (id) LEFT JOIN applications a ON a.id = t.application
 WHERE l.id = taken.id
RETURNING l.id, l.session, l.application, l.organization, l.user_id, l.attempts, a.client_id, a.backchannel_logout_uri
"""
DONE = "DELETE FROM muniment.logouts WHERE id = $1"
AGAIN = "UPDATE muniment.logouts SET next_at = $2 WHERE id = $1"
EXPIRED = """
WITH gone AS (
    DELETE FROM muniment.session_applications
     WHERE session IN (SELECT s.id FROM sessions s JOIN muniment.session_applications n ON n.session = s.id
                        WHERE s.expires_at <= $1 LIMIT $2)
    RETURNING session
)
SELECT count(*) FROM gone
"""
"""What upkeep removes: sessions that nobody can come back to. Their applications find out by themselves."""


class Used(NamedTuple):
    """A session was used for an application."""

    session: UUID
    application: UUID
    organization: UUID
    user: UUID


class Logout(NamedTuple):
    """An application that is to be told now, for the `attempts`-th time. No `uri`: it takes no news any more."""

    id: UUID
    session: UUID
    application: UUID
    organization: UUID
    user: UUID
    attempts: int
    client_id: str | None
    uri: str | None


async def note(connection: Session, used: Sequence[Used]) -> None:
    """Note what sessions were used for."""
    await connection.executemany(NOTE, used)


async def end(connection: Session, session: UUID, *, due: datetime) -> None:
    """Let those of a session's applications wait to be told that can be told; forget the session."""
    await connection.execute(END, session, due)


async def take(
    pool: asyncpg.Pool,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    of_application: int,
    of_organization: int,
    but_applications: Sequence[UUID] = (),
    but_organizations: Sequence[UUID] = (),
) -> list[Logout]:
    """Return up to `limit` that are due, so many of one application and organization, and let nobody else have them.

    Nobody else before `until`, that is. `but_…`: none of these.
    """
    rows = await pool.fetch(
        TAKE, now, until, limit, of_application, of_organization, list(but_applications), list(but_organizations)
    )
    return [Logout(*row) for row in rows]


async def done(pool: asyncpg.Pool, logout: UUID) -> None:
    """Nothing more happens."""
    await pool.execute(DONE, logout)


async def again(pool: asyncpg.Pool, logout: UUID, at: datetime) -> None:
    """Try again then."""
    await pool.execute(AGAIN, logout, at)
