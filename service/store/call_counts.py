"""How many calls were let pass in a minute: a row for whatever is counted, on all workers together."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

KEPT = timedelta(minutes=5)  # longer than any two clocks are apart

TAKE = "SELECT muniment.take_calls($1, $2::bytea[], $3::integer[], $4::integer[])"
PAST = """
WITH gone AS (
    DELETE FROM muniment.call_counts
     WHERE (minute, key) IN (SELECT minute, key FROM muniment.call_counts WHERE minute <= $1
                              ORDER BY minute LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING key
)
SELECT count(*) FROM gone
"""
"""Those of a minute and before, so many at once."""


async def take(
    connection: asyncpg.Pool, minute: datetime, keys: Sequence[bytes], wanted: Sequence[int], limits: Sequence[int]
) -> list[int]:
    """Take so many calls of each key, which are distinct, as far as its limit leaves; return how many were taken."""
    granted: list[int] = await connection.fetchval(TAKE, minute, keys, wanted, limits)
    return granted
