"""Group commit: a queue of appends, drained in batches, each one call and one commit.

There is no lingering: a batch is whatever arrived while the one before it was being committed. (A second connection
to overlap the two was measured on two cores: 0.9 to 1.0 of the rate of one.)
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

MAX_BATCH = 512
MAX_PENDING = 4096
WORTH_HALVING = 16

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
        """Take a way to connect under an application name; no other connection may have the one given here.

        `on_commit(head)` is called after each batch that added events, `on_batch(appends, events)` after each.
        """
        self.writers = writers
        self.master_key = master_key
        self.on_commit = on_commit
        self.on_batch = on_batch
        self.on_newer_generation = on_newer_generation
        self._max_pending = max_pending
        self._queue: deque[Pair] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._lane = Lane(self, connect, application_name)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin to drain the queue."""
        await self._lane.connect()
        self._task = asyncio.create_task(self._drain(), name="appender")

    async def stop(self) -> None:
        """Refuse what comes from now on, commit what is queued, then close."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._lane.close()

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
        self._wake.set()
        return await future

    def again(self, pairs: list[Pair]) -> None:
        """Put appends back at the head of the queue: their batch is known not to have been committed."""
        self._queue.extendleft(reversed(pairs))

    def give_up(self, error: BaseException) -> None:
        """Answer everybody in the queue with this error: nothing can be committed now, so nobody waits for a turn."""
        queued = list(self._queue)
        self._queue.clear()
        fail(queued, error)

    def _take(self, most: int) -> list[Pair]:
        """Take the next batch off the queue: disjoint appends, the others keep their order for the next."""
        footprint = Footprint()
        taken: list[Pair] = []
        later: list[Pair] = []
        queue = self._queue
        while queue and len(taken) < most:
            pair = queue.popleft()
            if pair[1].done():
                continue
            (taken if footprint.admits(pair[0]) else later).append(pair)
        queue.extendleft(reversed(later))
        return taken

    async def _drain(self) -> None:
        rested = True
        while True:
            if not self._queue:
                if self._closing:
                    return
                rested = True
                self._wake.clear()
                await self._wake.wait()
                continue
            # From rest, half of a long queue is taken: else all who append again and again would go together, and
            # they and the database would take turns instead of working at the same time.
            waiting = len(self._queue)
            taken = self._take(waiting // 2 if rested and waiting >= WORTH_HALVING else MAX_BATCH)
            rested = False
            try:
                if taken:
                    await self._lane.commit(taken)
            except Exception as error:
                # Whatever it is, its callers must hear of it and the lane must live.
                log.exception("append_failed")
                fail(taken, error)
