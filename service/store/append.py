"""Group commit: a queue of appends, drained in batches by two lanes, each batch one call and one commit.

There is no lingering: a batch is whatever waits when a lane is free. While the database commits one lane's batch, this
process prepares the other's; order is decided by the database alone, under its lock, as between processes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import structlog

from service.store.lane import LOST, Lane, fail
from service.store.pending import Footprint
from service.store.refusals import Closing, Overloaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from service.store.lane import Pair
    from service.store.pending import Append, Committed

__all__ = ["LOST", "MAX_BATCH", "MAX_PENDING", "Appender"]

LANES = 2
MAX_BATCH = 512
MAX_PENDING = 4096
SHARED_FROM = 16  # with so many waiting and the other lane free, a lane takes half: both sides then work at once

log = structlog.get_logger(__name__)


class Appender:
    """Commits appends. One per process; `writers` and `master_key()` name what this process writes."""

    def __init__(
        self,
        connect: Callable[[str], Awaitable[asyncpg.Connection]],
        *,
        application_name: str,
        writers: str,
        master_key: Callable[[], str],
        on_commit: Callable[[int], None] = lambda _: None,
        on_batch: Callable[[int, int], None] = lambda _appends, _events: None,
        on_newer_generation: Callable[[], None] = lambda: None,
        max_pending: int = MAX_PENDING,
    ) -> None:
        """Take a way to connect under an application name; those made from `application_name` are the lanes' own.

        `on_commit(head)` is called after each batch that added events, `on_batch(appends, events)` after each.
        """
        self.writers = writers
        self.master_key = master_key
        self.on_commit = on_commit
        self.on_batch = on_batch
        self.on_newer_generation = on_newer_generation
        self._max_pending = max_pending
        self._queue: deque[Pair] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closing = False
        self._lanes = [Lane(self, connect, f"{application_name}-{number}") for number in range(LANES)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect and begin to drain the queue."""
        for lane in self._lanes:
            await lane.connect()
        self._tasks = [asyncio.create_task(self._drain(lane), name="append lane") for lane in self._lanes]

    async def stop(self) -> None:
        """Refuse what comes from now on, commit what is queued, then close."""
        self._closing = True
        self._wake()
        await asyncio.gather(*self._tasks)
        for lane in self._lanes:
            await lane.close()

    @property
    def pending(self) -> int:
        """Return how many appends wait for their batch."""
        return len(self._queue)

    async def append(self, append: Append) -> Committed:
        """Commit an append and return where it landed.

        Raises Stale, Taken, AlreadyAnswered (nothing was written), Overloaded (the queue is full, or the log was held
        by somebody for too long), Closing, NewerGeneration, and the database's own error where this append alone
        caused it or the database is away: only a connection's error leaves open whether the append was committed. A
        caller that is cancelled while waiting withdraws its append if no batch has taken it yet; once taken it is
        committed whole or not at all.
        """
        if self._closing:
            raise Closing
        if len(self._queue) >= self._max_pending:
            raise Overloaded
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append((append, future))
        if self._waiting:
            self._wake()
        return await future

    def again(self, pairs: list[Pair]) -> None:
        """Put appends back at the head of the queue: their batch is known not to have been committed."""
        self._queue.extendleft(reversed(pairs))

    def give_up(self, error: BaseException) -> None:
        """Answer everybody in the queue with this error: nothing can be committed now, so nobody waits for a turn."""
        queued = list(self._queue)
        self._queue.clear()
        fail(queued, error)

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _take(self) -> list[Pair]:
        """Take the next batch off the queue: disjoint appends, the others keep their order for the next."""
        footprint = Footprint()
        taken: list[Pair] = []
        later: list[Pair] = []
        queue = self._queue
        waiting = len(queue)
        limit = (waiting + 1) // 2 if self._waiting and waiting >= SHARED_FROM else MAX_BATCH
        while queue and len(taken) < min(limit, MAX_BATCH):
            pair = queue.popleft()
            if pair[1].done():
                continue
            (taken if footprint.admits(pair[0]) else later).append(pair)
        queue.extendleft(reversed(later))
        return taken

    async def _drain(self, lane: Lane) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                waiter = asyncio.get_running_loop().create_future()
                self._waiting.append(waiter)
                await waiter
                continue
            taken = self._take()
            try:
                if taken:
                    await lane.commit(taken)
            except Exception as error:
                # Whatever it is, its callers must hear of it and the lane must live.
                log.exception("append_failed")
                fail(taken, error)
