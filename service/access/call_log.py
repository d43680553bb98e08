"""The call log: every decision about a call, kept without making any decision wait.

What was allowed is kept in full. What was refused is, too, up to a rate for each cause, gateway, client and address;
from there on it is counted by the minute, so that a flood of refusals grows nothing. Per minute and process at most 60
rows a source, 6,000 rows of refused calls in all and 1,000 rows with counts are written, whatever arrives.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from service.store.interface_calls import MAX_ADDRESS, MAX_METHOD, MAX_PATH, LoggedCall, write
from service.store.write_behind import CAPACITY, WriteBehind

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from service.clock import Clock

IN_FULL = 60  # a minute and source
IN_FULL_OVERALL = 6_000  # a minute
MAX_COUNTS = 1_000  # rows with counts a minute; what comes later is counted by gateway and cause alone
MAX_UNNAMED_COUNTS = 200  # and of those
TICK_SECONDS = 1.0
BATCH, LINGER_SECONDS = 100, 0.03
"""Rows are written a few at a time: what goes to the database in one piece holds up the decisions behind it."""
ALLOWED = "allowed"
"""The outcome of a call that has no cause of refusal."""

Source = tuple["str | None", "UUID | None", "UUID | None", "str | None"]
"""Cause, gateway, application and address."""


class Kind(NamedTuple):
    """What refused calls have in common that are counted together."""

    organization: UUID | None
    resource: UUID | None
    interface: UUID | None
    gateway: UUID | None
    application: UUID | None
    address: str | None
    test: bool
    status: int
    cause: str | None


UNNAMED = Kind(None, None, None, None, None, None, test=False, status=0, cause="other")


class CallLog:
    """Records decisions about calls. One per process."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        """Take where rows are written and what dates them."""
        self._clock = clock
        self._minute = _minute(clock.now())
        self._sources: dict[Source, int] = {}  # at most IN_FULL_OVERALL of them
        self._in_full = 0
        self._counts: dict[Kind, int] = {}
        self._task: asyncio.Task[None] | None = None
        # Twice as many as are let in: what was let in before the queue was full is still recorded.
        self.rows: WriteBehind[LoggedCall] = WriteBehind(
            partial(write, pool), name="calls", capacity=2 * CAPACITY, batch=BATCH, linger=LINGER_SECONDS
        )
        self.outcomes: dict[str, int] = {}
        self.counted = 0

    @property
    def full(self) -> bool:
        """Say whether no more calls may be decided for now, since they could not be recorded."""
        return len(self.rows) >= CAPACITY

    async def start(self) -> None:
        """Begin to write."""
        await self.rows.start()
        self._task = asyncio.create_task(self._tick(), name="call-counts")

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
        at: datetime,
        organization: UUID,
        resource: UUID | None,
        interface: UUID | None,
        gateway: UUID,
        application: UUID | None,
        user: UUID | None,
        client_id: str | None,
        address: str | None,
        method: str,
        path: str,
        test: bool,
        status: int,
        cause: str | None,
        request_id: UUID,
    ) -> None:
        """Remember a decision; `cause` is None when the call was allowed. Never waits and never raises.

        `path` is without its query, which may hold secrets. `request_id` must be one that this service made: it names
        the row's partition. `cause` is the program's own word.
        """
        outcome = cause or ALLOWED
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        # Cut here, so that a full queue is small; cleaned when it is written.
        address = None if address is None else address[:MAX_ADDRESS]
        if cause is not None and not self._admits(at, (cause, gateway, application, address)):
            kind = Kind(organization, resource, interface, gateway, application, address, test, status, cause)
            self._count(kind)
            return
        self.rows.put(
            LoggedCall(
                request_id, at, organization, resource, interface, gateway, application, user, client_id, address,
                method[:MAX_METHOD], path[:MAX_PATH], test, status, cause, 1,
            )
        )  # fmt: skip

    def _admits(self, at: datetime, source: Source) -> bool:
        """Say whether this refused call is recorded in full, and count it if so."""
        minute = _minute(at)
        if minute > self._minute:
            self._turn(minute)
        if self._in_full >= IN_FULL_OVERALL or self.rows.full:
            return False
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
            kind = kind._replace(resource=None, interface=None, application=None, address=None, test=False)
            if kind not in counts and len(counts) >= MAX_COUNTS - 1:
                kind = UNNAMED
        counts[kind] = counts.get(kind, 0) + 1

    def _turn(self, minute: datetime) -> None:
        """Close the present minute: its counts become rows, and every source starts anew."""
        began, counts = self._minute, self._counts
        self._minute, self._counts, self._sources, self._in_full = minute, {}, {}, 0
        for kind, count in counts.items():
            self.rows.put(
                LoggedCall(
                    self._clock.new_id(), began, kind.organization, kind.resource, kind.interface, kind.gateway,
                    kind.application, None, None, kind.address, None, None, kind.test, kind.status, kind.cause, count,
                )
            )  # fmt: skip

    async def _tick(self) -> None:
        """Close minutes in which nothing more arrives."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            minute = _minute(self._clock.now())
            if minute > self._minute:
                self._turn(minute)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
