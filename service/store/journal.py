"""The request journal: from which address and with which program a request came, by request id, for a limited time.

The log holds no client addresses; audit joins them from here for as long as they are kept (90 days by default).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.store.plain_text import plain
from service.store.write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    Row = tuple[UUID, datetime, str, str]

MAX_ADDRESS = 64
MAX_USER_AGENT = 300

INSERT = """
INSERT INTO muniment.request_journal (request_id, at, address, user_agent)
SELECT j.request_id, j.at, j.address, j.user_agent
  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[]) j(request_id, at, address, user_agent)
ON CONFLICT DO NOTHING
"""
WHENCE = "SELECT request_id, at, address, user_agent FROM muniment.request_journal WHERE request_id = ANY ($1::uuid[])"


async def whence(connection: asyncpg.Pool, request_ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """Return `address`, `user_agent` and `at` of these requests, by id; those that are forgotten are left out."""
    return {row["request_id"]: row for row in await connection.fetch(WHENCE, request_ids)}


class Journal:
    """Notes requests without making them wait. One per process."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Take where rows are written."""
        self._pool = pool
        self.rows: WriteBehind[Row] = WriteBehind(self._write, name="journal")

    async def start(self) -> None:
        """Begin to write."""
        await self.rows.start()

    async def stop(self) -> None:
        """Write what was noted, then stop."""
        await self.rows.stop()

    def note(self, request_id: UUID, at: datetime, address: str, user_agent: str) -> None:
        """Remember a request. Never waits and never raises: a full queue drops and counts it (`rows.lost`).

        The id must be one that this service made: it names the row's partition.
        """
        # Cut here, so that a full queue is small; cleaned when it is written.
        self.rows.put((request_id, at, address[:MAX_ADDRESS], user_agent[:MAX_USER_AGENT]))

    async def _write(self, rows: Sequence[Row]) -> None:
        ids, times, addresses, agents = zip(*rows, strict=True)
        await self._pool.execute(
            INSERT,
            ids,
            times,
            [plain(address, MAX_ADDRESS) for address in addresses],
            [plain(agent, MAX_USER_AGENT) for agent in agents],
        )
