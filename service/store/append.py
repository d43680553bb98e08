"""Group commit: one task per process drains a queue of appends, each batch one call and one commit.

There is no lingering: a batch is whatever arrived while the one before it was being committed. Because a batch is a
single statement, a stopped process holds no lock and a lost connection leaves it either whole or absent; which of the
two is read back from the log by the append's id.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import asyncpg
import structlog

from service.store import batch as batches
from service.store.pending import Committed, Footprint
from service.store.refusals import Closing, Overloaded, Stale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.store.pending import Append

    Pair = tuple[Append, asyncio.Future[Committed]]

MAX_BATCH = 512
MAX_PENDING = 4096
RECONNECT_PAUSE = 0.05  # seconds
RECONNECT_TRIES = 100
LOST = (
    OSError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)

LANDED = """
SELECT c.causation, (SELECT max(l.notification_id) FROM muniment.log l
                      WHERE l.originator_id = c.stream AND l.causation = c.causation)
  FROM unnest($1::uuid[], $2::uuid[]) c(causation, stream)
"""
END_FORMER = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()
"""
ANSWERED = "SELECT causation FROM muniment.idempotency WHERE causation = ANY($1::uuid[]) AND key = ANY($2::bytea[])"

log = structlog.get_logger(__name__)


class Appender:
    """Commits appends. One per process; `writers` and `master_key()` name what this process writes."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        *,
        application_name: str,
        writers: str,
        master_key: Callable[[], str],
        on_commit: Callable[[int], None] = lambda _: None,
        on_batch: Callable[[int, int], None] = lambda _appends, _events: None,
        on_newer_generation: Callable[[], None] = lambda: None,
        max_pending: int = MAX_PENDING,
    ) -> None:
        """Take a way to connect, under an application name that no other connection has.

        `on_commit(head)` is called after each batch that added events.
        """
        self._connect = connect
        self._connection: asyncpg.Connection | None = None
        self.application_name = application_name
        self.writers = writers
        self._master_key = master_key
        self._on_commit = on_commit
        self._on_batch = on_batch
        self._on_newer_generation = on_newer_generation
        self._max_pending = max_pending
        self._queue: deque[Pair] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.head = 0

    async def start(self) -> None:
        """Connect and begin to drain the queue."""
        await self._reconnect()
        self._task = asyncio.create_task(self._drain(), name="appender")

    async def stop(self) -> None:
        """Refuse what comes from now on, commit what is queued, then close."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    @property
    def pending(self) -> int:
        """Return how many appends wait for their batch."""
        return len(self._queue)

    async def append(self, append: Append) -> Committed:
        """Commit an append and return where it landed.

        Raises Stale, Taken, AlreadyAnswered (nothing was written), Overloaded, Closing, NewerGeneration, and the
        database's own error where this append alone caused it. A caller that is cancelled while waiting withdraws
        its append if no batch has taken it yet; once taken it is committed whole or not at all.
        """
        if self._closing:
            raise Closing
        if len(self._queue) >= self._max_pending:
            raise Overloaded
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append((append, future))
        self._wake.set()
        return await future

    def _take(self) -> list[Pair]:
        """Take the next batch off the queue: disjoint appends, the others keep their order for the next."""
        footprint = Footprint()
        taken: list[Pair] = []
        later: list[Pair] = []
        queue = self._queue
        while queue and len(taken) < MAX_BATCH:
            pair = queue.popleft()
            if pair[1].done():
                continue
            (taken if footprint.admits(pair[0]) else later).append(pair)
        queue.extendleft(reversed(later))
        return taken

    async def _drain(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            taken = self._take()
            if taken:
                await self._commit(taken)

    async def _commit(self, pairs: list[Pair]) -> None:
        """Commit a batch; on a database error split it until the culprit alone fails."""
        batch = [pair[0] for pair in pairs]
        try:
            if self._connection is None or self._connection.is_closed():
                await self._reconnect()
            row = await self._call(batch)
        except LOST as error:
            log.warning("append_connection_lost", error=repr(error), appends=len(pairs))
            await self._settle_lost(pairs, error)
        except asyncpg.PostgresError as error:
            if error.sqlstate == batches.STALE_WRITER:
                self._on_newer_generation()
                _fail(pairs, batches.stale_writer())
            elif len(pairs) == 1:
                # A second first event of one stream: the primary key tells what the version check need not look up.
                clash = isinstance(error, asyncpg.UniqueViolationError) and "events" in (error.table_name or "")
                _fail(pairs, Stale("version", error.detail or "") if clash else error)
            else:
                log.warning("append_batch_split", error=repr(error), appends=len(pairs))
                half = len(pairs) // 2
                await self._commit(pairs[:half])
                await self._commit(pairs[half:])
        except Exception as error:  # noqa: BLE001 - whatever it is, its callers must hear of it and the task must live
            if len(pairs) == 1:
                _fail(pairs, error)
            else:
                half = len(pairs) // 2
                await self._commit(pairs[:half])
                await self._commit(pairs[half:])
        else:
            self._settle(pairs, row)

    async def _call(self, batch: list[Append]) -> asyncpg.Record:
        connection = self._connection
        assert connection is not None  # noqa: S101 - _commit reconnected just before
        row = await connection.fetchrow(
            batches.CALL, *batches.arguments(batch, writers=self.writers, master_key=self._master_key())
        )
        assert row is not None  # noqa: S101 - the function always answers
        return row

    def _settle(self, pairs: list[Pair], row: asyncpg.Record) -> None:
        position, head, _, refused, reasons, details = row
        verdicts = batches.verdicts(refused, reasons, details)
        self.head = head
        for n, (append, future) in enumerate(pairs, 1):
            verdict = verdicts.get(n)
            if verdict is None:
                position += len(append.events)
                if not future.done():
                    future.set_result(Committed(position if append.events else head))
            elif not future.done():
                future.set_exception(batches.refusal(*verdict))
        self._on_batch(len(pairs), head - row[0])
        if head > row[0]:
            self._on_commit(head)

    async def _settle_lost(self, pairs: list[Pair], error: BaseException) -> None:
        """Find out what a batch whose answer was lost has become: committed appends are answered, others go again."""
        try:
            await self._reconnect()
            connection = self._connection
            assert connection is not None  # noqa: S101 - _reconnect raises otherwise
            # The lost call may still be waiting for the lock on the server: end it before looking for its events.
            await connection.execute("SET ROLE NONE")
            await connection.execute(END_FORMER, self.application_name)
            await connection.execute("SET ROLE muniment_service")
            with_events = [append for append, _ in pairs if append.events]
            rows = await connection.fetch(
                LANDED, [a.causation for a in with_events], [a.events[0].stream for a in with_events]
            )
            landed = {row[0]: row[1] for row in rows if row[1] is not None}
            only_answers = [append for append, _ in pairs if not append.events and append.remembered is not None]
            rows = await connection.fetch(
                ANSWERED,
                [a.causation for a in only_answers],
                [a.remembered.key for a in only_answers if a.remembered is not None],
            )
            landed.update((row[0], self.head) for row in rows)
        except (*LOST, asyncpg.PostgresError) as still_lost:
            log.error("append_outcome_unknown", error=repr(still_lost), appends=len(pairs))  # noqa: TRY400
            _fail(pairs, error)
            return
        again = []
        for append, future in pairs:
            position = landed.get(append.causation)
            if position is None:
                again.append((append, future))
            elif not future.done():
                future.set_result(Committed(position))
        self._queue.extendleft(reversed(again))
        log.info("append_outcome_settled", committed=len(pairs) - len(again), again=len(again))

    async def _reconnect(self) -> None:
        """Connect anew, patiently: a restarting PostgreSQL takes a moment. Raises the last error when it stays away."""
        old, self._connection = self._connection, None
        if old is not None and not old.is_closed():
            old.terminate()
        for left in range(RECONNECT_TRIES, 0, -1):
            try:
                self._connection = await self._connect()
            except LOST:
                if left == 1:
                    raise
                await asyncio.sleep(RECONNECT_PAUSE)
            else:
                return


def _fail(pairs: list[Pair], error: BaseException) -> None:
    for _, future in pairs:
        if not future.done():
            future.set_exception(error)
