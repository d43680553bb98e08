"""How often devices ask whether somebody has answered: one row a device, shared by all workers (RFC 8628 3.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

INTERVAL = 5  # seconds between two questions, and how many more for one that came too early
LEEWAY = timedelta(seconds=1)  # a device waits between its requests; on their way they come closer together

# One statement, so that of two questions at once the second is too early, whichever workers they reach.
POLL = """
INSERT INTO muniment.device_polls AS p (device, polled_at, seconds, early, expires_at)
VALUES ($1, $2, $3, false, $4)
    ON CONFLICT (device) DO UPDATE
   SET early = excluded.polled_at < p.polled_at + make_interval(secs => p.seconds) - $5::interval,
       seconds = CASE WHEN excluded.polled_at < p.polled_at + make_interval(secs => p.seconds) - $5::interval
                      THEN p.seconds + excluded.seconds ELSE p.seconds END,
       polled_at = greatest(p.polled_at, excluded.polled_at)
RETURNING early
"""


async def too_early(connection: asyncpg.Pool, device: UUID, now: datetime, expires_at: datetime) -> bool:
    """Note that a device asks; return whether it should have waited longer. From then on it must wait longer still."""
    return bool(await connection.fetchval(POLL, device, now, INTERVAL, expires_at, LEEWAY))
