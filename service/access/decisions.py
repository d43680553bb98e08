"""Decides about calls: one statement for many of them at once, one more to count those that everything else lets pass.

Nothing that is remembered decides. The interface of a call is looked for among what is remembered of its resource, and
asked about; the answer says whether that was still so, in the same snapshot as token, application and grant. If not,
the interfaces are read anew and the question is asked again. No question joins a statement that was under way when it
came, so what was revoked, disabled or deleted before is seen on every worker (see `service.coalescer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.interface import SAFE_METHODS
from domain.permissions import PERMISSIONS
from projections import access
from projections.access import Question
from service.access import causes, frequency
from service.access.causes import Cause
from service.access.paths import segments
from service.access.questions import BadQuestion
from service.coalescer import LAPS, Coalescer

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from service.access.frequency import Frequency
    from service.access.route_table import Known, RouteTable
    from service.access.route_tables import RouteTables
    from service.clock import Clock

ATTEMPTS = 8  # of a call whose resource changes each time it is asked about
_OURS = frozenset(PERMISSIONS)


class Unsettled(Exception):
    """A resource changes faster than calls of it can be judged: try again."""


@dataclass(slots=True)
class Call:
    """A call as it arrived at a gateway. `token` is the digest of its token, or why it has none.

    `path` is as the caller wrote it, without the query; `address` is where the caller is.
    """

    resource: UUID
    method: str
    path: str
    token: bytes | Cause
    address: str
    test: bool


@dataclass(slots=True)
class Verdict:
    """What was decided: `cause` is None when the call may pass. The row tells of the token, where one was looked at."""

    cause: Cause | None
    interface: Known | None
    row: asyncpg.Record | None


class Asking:
    """A call that is being judged, and the coming answer to what was asked about it."""

    __slots__ = ("answer", "call", "interface", "path", "table")
    answer: asyncio.Future[asyncpg.Record | None]
    interface: Known | None

    def __init__(self, decisions: Decisions, call: Call) -> None:
        """Ask by what is remembered, if anything is."""
        self.call = call
        self.path = segments(call.path)
        self.table = decisions.remembered(call.resource)
        decisions.guess(self)

    def cancel(self) -> None:
        """Wait for no answer any more; that it failed meanwhile is nothing to be told of."""
        if not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()


class Decisions:
    """The decisions of one worker."""

    def __init__(
        self,
        lookups: asyncpg.Pool,
        tables: RouteTables,
        frequency: Frequency,
        clock: Clock,
        audiences: tuple[str, ...],
    ) -> None:
        """`audiences` are those of management: a token with a permission there is no good elsewhere."""
        self._lookups = lookups
        self._tables = tables
        self._frequency = frequency
        self._clock = clock
        self._audiences = audiences
        self._questions: Coalescer[Question, asyncpg.Record] = Coalescer(self._fetch, laps=LAPS)

    def ask(self, call: Call) -> Asking:
        """Send what has to be known of a call, at once: whoever waits elsewhere first loses no time."""
        return Asking(self, call)

    def guess(self, asking: Asking) -> None:
        """Look among what is remembered for the interface that a call is for, and ask about it.

        A token is not looked at where none is needed.
        """
        call, path, table = asking.call, asking.path, asking.table
        interface = asking.interface = None if table is None or path is None else table.find(call.method, path)
        if interface is None or interface.anonymous or isinstance(call.token, Cause):
            question = Question(call.resource, None, None)
        else:
            question = Question(call.resource, interface.id, call.token)
        asking.answer = self._questions.get(question)

    async def judge(self, asking: Asking, organization: UUID) -> Verdict:
        """Return whether a call may pass that a gateway of this organization asks about, and count it if so.

        The order is that of spec/iform.md section 2. Raises BadQuestion for a resource that is not the organization's,
        and Unsettled.
        """
        resource = asking.call.resource
        for _ in range(ATTEMPTS):
            row = await asking.answer
            if row is None or row["organization"] != organization:
                raise BadQuestion("The resource is unknown", code="unknown_resource")
            table = asking.table
            if table is not None and row["position"] == table.position:
                return await self._settle(asking, row)
            present = self._tables.remembered(resource)
            asking.table = present if present is not table else await self._tables.load(resource)
            self.guess(asking)
        asking.cancel()
        raise Unsettled

    def seconds_left(self) -> int:
        """Return after how many seconds calls are counted anew."""
        return self._frequency.seconds_left()

    def remembered(self, resource: UUID) -> RouteTable | None:
        """Return what is remembered of a resource's interfaces."""
        return self._tables.remembered(resource)

    async def _settle(self, asking: Asking, row: asyncpg.Record) -> Verdict:
        """Judge by what is true in one snapshot, in order; the calls of an interface are counted last but one."""
        call, interface = asking.call, asking.interface
        if interface is None:
            return Verdict(causes.AMBIGUOUS_PATH if asking.path is None else causes.UNKNOWN_INTERFACE, None, None)
        if interface.anonymous:
            told = None
            key = frequency.of_address(interface.id, call.address, test=call.test)
            limit = interface.test_frequency if call.test else interface.frequency
        else:
            told = row
            cause = self._standing(call.token, row, self._clock.now())
            if cause is not None:
                return Verdict(cause, interface, told if row["application"] is not None else None)
            key = frequency.of_grant(row["grant_id"], test=call.test)
            limit = row["test_frequency"] if call.test else row["frequency"]
        cause = None
        if not await self._frequency.take(key, limit):
            cause = causes.FREQUENCY_EXCEEDED
        elif (interface.submit_limited or row["submit_limited"]) and call.method not in SAFE_METHODS:
            cause = causes.CHANGES_LIMITED
        return Verdict(cause, interface, told)

    def _standing(self, token: bytes | Cause, row: asyncpg.Record, now: datetime) -> Cause | None:
        """Return why a token gives no right to the interface that the row is about, None when it does."""
        if isinstance(token, Cause):
            return token
        if not row["alive"]:
            return causes.INVALID_TOKEN
        if now >= row["expires_at"]:
            return causes.TOKEN_EXPIRED
        if not self._meant_for(row):
            return causes.WRONG_AUDIENCE
        return causes.of_client(row["scope_kinds"], usable=row["usable"]) or causes.of_grant(
            row["status"], row["granted_until"], now
        )

    def _meant_for(self, row: asyncpg.Record) -> bool:
        """Say whether a token may be shown to the resource: a permission of ours must never reach another service."""
        audience = row["audience"]
        if audience in self._audiences and not _OURS.isdisjoint(row["scope"].split(" ")):
            return False
        return row["own_audience"] is None or row["own_audience"] == audience

    async def _fetch(self, questions: list[Question]) -> dict[Question, asyncpg.Record]:
        return await access.deciding(self._lookups, questions)
