"""Who signed in, when and from where: rows of the audit, with what the log and the request journal tell of them.

There is no table of its own. A purge is an event, so what it hides is read from the log too; the addresses themselves
leave with the request journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.log_purge import Log, LogPurge
from domain.session import Session

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

TOPICS = (Session.Started.TOPIC, Session.Authenticated.TOPIC)
SINCE = f"""
coalesce((SELECT max((convert_from(p.state, 'UTF8')::jsonb ->> 'before')::timestamptz)
            FROM audit x JOIN muniment.events p ON p.notification_id = x.position
           WHERE x.organization = $1 AND x.topic = '{LogPurge.Purged.TOPIC}'
             AND convert_from(p.state, 'UTF8')::jsonb ->> 'log' = '{Log.SIGN_IN}'), '-infinity')
"""  # noqa: S608 - made of names of events
SIGN_INS = f"""
  FROM audit a
  JOIN muniment.events l ON l.notification_id = a.position
 WHERE a.organization = $1 AND a.topic IN {TOPICS} AND l.recorded_at >= {SINCE}
"""
PAGE = f"""
SELECT a.request_id AS id, a.subject AS user_id, l.recorded_at, j.address,
       ARRAY(SELECT jsonb_array_elements_text(convert_from(l.state, 'UTF8')::jsonb -> 'methods')) AS methods
  FROM (SELECT a.position, a.request_id, a.subject {SIGN_INS}
           AND ($2::uuid IS NULL OR a.request_id = $2)
         ORDER BY a.position DESC LIMIT $3 OFFSET $4) a
  JOIN muniment.events l ON l.notification_id = a.position
  LEFT JOIN muniment.request_journal j ON j.request_id = a.request_id
 ORDER BY a.position DESC
"""  # noqa: S608 - made of this file's own texts
COUNT = f"SELECT count(*) {SIGN_INS}"


async def page(connection: asyncpg.Pool, organization: UUID, *, limit: int, offset: int) -> list[asyncpg.Record]:
    """Return an organization's sign-ins, newest first: `id` is the request's, `methods` the ways of proof."""
    return await connection.fetch(PAGE, organization, None, limit, offset)


async def one(connection: asyncpg.Pool, organization: UUID, sign_in: UUID) -> asyncpg.Record | None:
    """Return one of them by its id, None when there is none or it was purged."""
    return await connection.fetchrow(PAGE, organization, sign_in, 1, 0)


async def count(connection: asyncpg.Pool, organization: UUID) -> int:
    """Return how many there are."""
    return int(await connection.fetchval(COUNT, organization))
