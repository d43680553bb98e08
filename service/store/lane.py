"""The connection that the group commit appends on: a batch is one call and one commit.

Because a batch is a single statement, a stopped process holds no lock and a lost connection leaves it either whole or
absent; which of the two is read back from the log by the appends' ids.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import asyncpg
import structlog

from projections import MODELS, registry
from service.store import batch as batches
from service.store import outcome
from service.store.pending import Committed
from service.store.refusals import Overloaded, Stale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.store.pending import Append

    Pair = tuple[Append, asyncio.Future[Committed]]

# Seconds. A restarting PostgreSQL is waited for; one that answers nothing at all is given up after its own timeouts.
PATIENCE = 10.0
RECONNECT_PAUSE = 0.05
CALL_PATIENCE = 40.0
LOSSES = 5  # connections lost under one append before it is given up: it may be what breaks them
LOST = (
    OSError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a pooled session whose end was announced and is not noticed yet
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
)

# The lock is held, or the batch runs, longer than the connection allows.
WAITED_TOO_LONG = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)

log = structlog.get_logger(__name__)


class Owner(Protocol):
    """What a lane needs of the appender it works for."""

    writers: str
    master_key: Callable[[], str]
    on_commit: Callable[[int], None]
    on_batch: Callable[[int, int], None]
    on_newer_generation: Callable[[], None]

    def again(self, pairs: list[Pair]) -> None:
        """Queue appends again."""

    def give_up(self, error: BaseException) -> None:
        """Answer everything queued with an error."""


class Lane:
    """Commits one batch at a time. `owner` hears of commits and gets back what must go again."""

    def __init__(self, owner: Owner, connect: Callable[[str], Awaitable[asyncpg.Connection]], name: str) -> None:
        """Take a way to connect, and the application name that no other connection has."""
        self._owner = owner
        self._connect = connect
        self._name = name
        self._connection: asyncpg.Connection | None = None

    async def connect(self) -> asyncpg.Connection:
        """Connect anew, patiently: a restarting PostgreSQL takes a moment. Raises the last error when it stays away."""
        self._disconnect()
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE
        while True:
            try:
                async with asyncio.timeout_at(until):
                    self._connection = await self._connect(self._name)
            except LOST:
                if clock() + RECONNECT_PAUSE >= until:
                    raise
                await asyncio.sleep(RECONNECT_PAUSE)
            else:
                return self._connection

    async def close(self) -> None:
        """Close the connection; no batch may be under way."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    async def commit(self, pairs: list[Pair]) -> None:
        """Commit a batch and answer its callers; on an error split it until the culprit alone fails."""
        if self._connection is None or self._connection.is_closed():
            try:
                await self.connect()
            except (*LOST, asyncpg.PostgresError) as error:
                self._give_up(pairs, error)
                return
        try:
            row = await self._call([pair[0] for pair in pairs])
        except LOST as error:
            log.warning("append_connection_lost", error=repr(error), appends=len(pairs))
            await self._settle_lost(pairs, error)
        except WAITED_TOO_LONG as error:
            # Splitting would make each part wait as long again.
            self._give_up(pairs, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, its callers must hear of it and the lane must live
            if isinstance(error, asyncpg.PostgresError) and error.sqlstate == batches.STALE_WRITER:
                await self._adopt(pairs)
            elif len(pairs) == 1:
                fail(pairs, _meaning(error))
            else:
                log.warning("append_batch_split", error=repr(error), appends=len(pairs))
                half = len(pairs) // 2
                await self.commit(pairs[:half])
                await self.commit(pairs[half:])
        else:
            self._settle(pairs, row)

    async def _adopt(self, pairs: list[Pair]) -> None:
        """Commit a batch again whose process knew an older generation: of the same versions, it takes the same facts.

        Where another version is live, this process has to load its definitions again.
        """
        connection = self._connection
        assert connection is not None  # noqa: S101 - the refusal came over it
        try:
            adopted = await registry.adoptable(connection, MODELS.values())
        except (*LOST, asyncpg.PostgresError) as error:
            self._give_up(pairs, error)
            return
        if adopted is None or adopted == self._owner.writers:
            self._owner.on_newer_generation()
            fail(pairs, batches.stale_writer())
            return
        log.info("generation_adopted", writers=adopted)
        self._owner.writers = adopted
        await self.commit(pairs)

    async def _call(self, batch: list[Append]) -> asyncpg.Record:
        connection, owner = self._connection, self._owner
        assert connection is not None  # noqa: S101 - connected just before
        arguments = batches.arguments(batch, writers=owner.writers, master_key=owner.master_key())
        row = await connection.fetchrow(batches.CALL, *arguments, timeout=CALL_PATIENCE)
        assert row is not None  # noqa: S101 - the function always answers
        return row

    def _settle(self, pairs: list[Pair], row: asyncpg.Record) -> None:
        base, head, _, refused, reasons, details = row
        verdicts = batches.verdicts(refused, reasons, details)
        position = base
        for n, (append, future) in enumerate(pairs, 1):
            verdict = verdicts.get(n)
            if verdict is None:
                position += len(append.events)
                if not future.done():
                    future.set_result(Committed(position if append.events else head))
            elif not future.done():
                future.set_exception(batches.refusal(*verdict))
        self._owner.on_batch(len(pairs), head - base)
        if head > base:
            self._owner.on_commit(head)

    async def _settle_lost(self, pairs: list[Pair], error: BaseException) -> None:
        """Find out what a batch whose answer was lost has become: committed appends are answered, others go again."""
        try:
            landed = await self._landed([append for append, _ in pairs])
        except (*LOST, asyncpg.PostgresError) as still_lost:
            log.error("append_outcome_unknown", error=repr(still_lost), appends=len(pairs))  # noqa: TRY400
            self._disconnect()
            self._give_up(pairs, error)
            return
        again = []
        for append, future in pairs:
            position = landed.get(append.causation)
            if position is None:
                append.losses += 1
                if append.losses < LOSSES:
                    again.append((append, future))
                else:
                    fail([(append, future)], error)
            elif not future.done():
                future.set_result(Committed(position))
        self._owner.again(again)
        log.info("append_outcome_settled", committed=len(landed), again=len(again))

    async def _landed(self, appends: list[Append]) -> dict[UUID, int]:
        """Return where these appends were committed, by causation. Tries again when that connection is lost too."""
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE
        while True:
            try:
                connection = await self.connect()
                await outcome.end_former(connection, self._name)
                return await outcome.landed(connection, appends)
            except LOST:
                if clock() >= until:
                    raise

    def _give_up(self, pairs: list[Pair], error: BaseException) -> None:
        """Tell a batch, and all who wait behind it, that nothing can be committed now."""
        log.error("append_given_up", error=repr(error), appends=len(pairs))
        told = Overloaded() if isinstance(error, WAITED_TOO_LONG) else error
        fail(pairs, told)
        self._owner.give_up(told)

    def _disconnect(self) -> None:
        old, self._connection = self._connection, None
        if old is not None and not old.is_closed():
            old.terminate()


def _meaning(error: Exception) -> Exception:
    """Return what an error of one append alone says: a second first event of a stream is a version conflict.

    The primary key tells it, so the append function need not look for streams that should not exist.
    """
    if isinstance(error, asyncpg.UniqueViolationError) and "events" in (error.table_name or ""):
        return Stale("version", error.detail or "")
    return error


def fail(pairs: list[Pair], error: BaseException) -> None:
    """Answer these callers with an error, unless they were answered or have gone."""
    for _, future in pairs:
        if not future.done():
            future.set_exception(error)
