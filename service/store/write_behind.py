"""Writes rows that no answer waits for: a bounded queue in memory, emptied in batches at most 250 ms later.

For records beside the log (the request journal, refusals) where losing some in a crash is better than slowing or
failing a request. While the database is away the queue fills; what then does not fit is counted, never kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import asyncpg
import structlog

from service.store.append import LOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")
CAPACITY = 20_000
BATCH = 500  # small enough that encoding one never holds the event loop for long
LINGER_SECONDS = 0.25
RETRY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0)  # the last one again and again
TRIES = 3  # of a batch that the database refuses for a reason of its own
FAREWELL_SECONDS = 10.0

log = structlog.get_logger(__name__)


class WriteBehind(Generic[T]):
    """A queue of rows and the task that writes them. Writing a row again must do no harm: an answer may get lost."""

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[object]],
        *,
        name: str,
        capacity: int = CAPACITY,
        batch: int = BATCH,
        linger: float = LINGER_SECONDS,
    ) -> None:
        """Take the function that writes a batch, a name for the log, and for how long how many rows gather."""
        self._write = write
        self._name = name
        self._capacity = capacity
        self._batch = batch
        self._linger = linger
        self._queue: deque[T] = deque()
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._in_hand = 0
        self.written = 0
        self.lost = 0

    def __len__(self) -> int:
        """Count the rows that are not written yet."""
        return len(self._queue) + self._in_hand

    @property
    def full(self) -> bool:
        """Say whether the next row would be lost."""
        return len(self._queue) >= self._capacity

    def put(self, row: T) -> bool:
        """Queue a row and return True; False, and counted in `lost`, when the queue is full."""
        if self.full:
            self.lost += 1
            return False
        if not self._queue:
            self._wake.set()
        self._queue.append(row)
        return True

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Write what is queued, for at most ten seconds; what is left then is lost, counted and reported."""
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await asyncio.shield(self._task)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if len(self):
            self.lost += len(self)
            log.error("rows_lost_at_stop", writer=self._name, rows=len(self))
            self._queue.clear()
            self._in_hand = 0

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._closing.is_set():
                    return
                self._wake.clear()
                await self._wake.wait()
            await self._pause(self._linger)
            while self._queue:
                rows = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
                self._in_hand = len(rows)
                await self._deliver(rows)
                self._in_hand = 0

    async def _pause(self, seconds: float) -> None:
        """Let rows gather; not while stopping."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _deliver(self, rows: list[T]) -> None:
        """Write a batch: again for as long as the database is away, in halves when one of the rows is at fault."""
        refused = attempt = 0
        while True:
            try:
                await self._write(rows)
            except (ValueError, asyncpg.DataError) as error:  # a value that does not fit: no second try will help
                if len(rows) > 1:
                    half = len(rows) // 2
                    await self._deliver(rows[:half])
                    await self._deliver(rows[half:])
                else:
                    self.lost += 1
                    log.warning("row_refused", writer=self._name, error=error)
                return
            except LOST as error:
                if attempt == 0:
                    log.warning("rows_wait_for_database", writer=self._name, error=error)
            except Exception as error:
                refused += 1
                if refused == TRIES:
                    self.lost += len(rows)
                    log.exception("rows_lost", writer=self._name, rows=len(rows), error=error)
                    return
            else:
                self.written += len(rows)
                return
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1
