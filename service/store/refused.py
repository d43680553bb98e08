"""Refusals: who was turned away from what. In full up to a rate, then as counts, so that no flood grows anything.

Refusals have no position in the log; their own cursor is their id (UUIDv7). Per minute and process at most 60 rows a
client and address, 1,200 rows in all and 1,000 rows with counts are written, whatever arrives.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from service.operations.redaction import masked
from service.store.plain_text import plain
from service.store.write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from service.clock import Clock

IN_FULL = 60  # a minute, client and address
IN_FULL_OVERALL = 1_200  # a minute
MAX_COUNTS = 1_000  # rows with counts a minute; what comes later is counted without its client
MAX_UNNAMED_COUNTS = 200  # and of those
MAX_NAME = 200
MAX_ADDRESS = 64
MAX_DETAIL = 1_000
TICK_SECONDS = 1.0

INSERT = """
INSERT INTO muniment.refusals (id, at, organization, actor, client, operation, status, code, detail, request_id, count)
SELECT r.id, r.at, r.organization, r.actor, r.client, r.operation, r.status, r.code, r.detail, r.request_id, r.count
  FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::integer[], $8::text[],
              $9::text[], $10::uuid[], $11::integer[])
       r(id, at, organization, actor, client, operation, status, code, detail, request_id, count)
ON CONFLICT DO NOTHING
"""


class Refused(NamedTuple):
    """One row: a refusal, or `times` of them within the minute that began `at` (then without request id and actor)."""

    id: UUID
    at: datetime
    organization: UUID | None
    actor: UUID | None
    client: str | None
    operation: str
    status: int
    code: str
    detail: str | None
    request_id: UUID | None
    times: int


class Kind(NamedTuple):
    """What refusals have in common that are counted together."""

    organization: UUID | None
    client: str | None
    operation: str
    status: int
    code: str


UNNAMED = Kind(None, None, "other", 0, "other")


class RefusalRecorder:
    """Records refusals without making anybody wait. One per process."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        """Take where rows are written and what dates them."""
        self._pool = pool
        self._clock = clock
        self._minute = _minute(clock.now())
        self._sources: dict[tuple[str | None, str], int] = {}  # at most IN_FULL_OVERALL of them
        self._in_full = 0
        self._counts: dict[Kind, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.rows: WriteBehind[Refused] = WriteBehind(self._write, name="refusals")
        self.noted = 0
        self.counted = 0

    async def start(self) -> None:
        """Begin to write."""
        await self.rows.start()
        self._task = asyncio.create_task(self._tick(), name="refusal-counts")

    async def stop(self) -> None:
        """Write what was noted, the counts of the present minute included, then stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._turn(self._minute)
        await self.rows.stop()

    def note(
        self,
        *,
        organization: UUID | None,
        actor: UUID | None,
        client: str | None,
        operation: str,
        status: int,
        code: str,
        detail: str | None,
        request_id: UUID,
        address: str,
    ) -> None:
        """Remember a refusal. Never waits, never raises, never grows beyond the limits above.

        `client` is the client id as presented and may name nobody; `operation` and `code` are the program's own words.
        """
        now = self._clock.now()
        minute = _minute(now)
        if minute != self._minute:
            self._turn(minute)
        self.noted += 1
        client = None if client is None else plain(masked(client[:MAX_DETAIL]), MAX_NAME)
        if not self.rows.full and self._admits(client, address[:MAX_ADDRESS]):
            text = None if detail is None else plain(masked(detail), MAX_DETAIL)
            self.rows.put(
                Refused(
                    self._clock.new_id(), now, organization, actor, client, operation, status, code, text, request_id, 1
                )
            )
        else:
            self._count(Kind(organization, client, operation, status, code))

    def _admits(self, client: str | None, address: str) -> bool:
        """Say whether this refusal is recorded in full, and count it if so."""
        if self._in_full >= IN_FULL_OVERALL:
            return False
        source = (client, address)
        so_far = self._sources.get(source, 0)
        if so_far >= IN_FULL:
            return False
        self._sources[source] = so_far + 1
        self._in_full += 1
        return True

    def _count(self, kind: Kind) -> None:
        self.counted += 1
        counts = self._counts
        if kind not in counts and len(counts) >= MAX_COUNTS - MAX_UNNAMED_COUNTS:
            kind = kind._replace(organization=None, client=None)
            if kind not in counts and len(counts) >= MAX_COUNTS - 1:
                kind = UNNAMED
        counts[kind] = counts.get(kind, 0) + 1

    def _turn(self, minute: datetime) -> None:
        """Close the present minute: its counts become rows, and every client starts anew."""
        began, counts = self._minute, self._counts
        self._minute, self._counts, self._sources, self._in_full = minute, {}, {}, 0
        for kind, count in counts.items():
            self.rows.put(
                Refused(
                    self._clock.new_id(), began, kind.organization, None, kind.client, kind.operation, kind.status,
                    kind.code, None, None, count,
                )
            )  # fmt: skip

    async def _tick(self) -> None:
        """Close minutes in which nothing more arrives."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            minute = _minute(self._clock.now())
            if minute != self._minute:
                self._turn(minute)

    async def _write(self, rows: Sequence[Refused]) -> None:
        await self._pool.execute(INSERT, *zip(*rows, strict=True))


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
