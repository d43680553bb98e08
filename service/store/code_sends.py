"""How many codes were sent to somebody lately: a row a message, counted on all workers together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

LIMIT = 10
WINDOW = timedelta(seconds=600)

RESERVE = "SELECT muniment.reserve_code_send($1, $2, $3, $4, $5)"
GIVE_BACK = "DELETE FROM muniment.code_sends WHERE id = $1"
PAST = """
WITH gone AS (
    DELETE FROM muniment.code_sends
     WHERE id IN (SELECT id FROM muniment.code_sends WHERE sent_at <= $1 ORDER BY sent_at LIMIT $2)
    RETURNING id
)
SELECT count(*) FROM gone
"""
"""Those from a time and before, so many at once."""


async def reserve(connection: asyncpg.Pool, id: UUID, recipients: Sequence[bytes], now: datetime) -> datetime | None:
    """Note that a message is being sent to somebody, None; or, with ten in ten minutes, nothing: when there is room.

    `recipients` are the digests that somebody may have, that of today first.
    """
    room_at: datetime | None = await connection.fetchval(RESERVE, id, list(recipients), now, LIMIT, WINDOW)
    return room_at


async def give_back(connection: asyncpg.Pool, id: UUID) -> None:
    """Count a message no more: nobody took it."""
    await connection.execute(GIVE_BACK, id)
