"""Joins concurrent look-ups into one query, so that a busy worker asks the database once for many callers.

A caller never joins a query that was under way when it arrived: its answer is read after it asked, which is what lets
a revocation be visible on every worker before its command answers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

K = TypeVar("K")
V = TypeVar("V")
MAX_KEYS = 512
LAPS = 2
"""Of decisions about calls, each of which takes three queries: a tenth less work for worker and database under load."""


class Coalescer(Generic[K, V]):
    """Look-ups by key, one query at a time. `fetch` takes distinct keys and returns those it found.

    With `laps` a query waits for so many turns of the event loop, in which more callers may come: where one request
    takes several queries, fewer and larger ones are worth more than the moment.
    """

    def __init__(self, fetch: Callable[[list[K]], Awaitable[dict[K, V]]], *, laps: int = 0) -> None:
        """Take the query."""
        self._fetch = fetch
        self._laps = laps
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._busy = False
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, key: K) -> asyncio.Future[V | None]:
        """Return a future of the value, None when there is none. It raises what the query raised."""
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = [future]
        else:
            waiting.append(future)
        if not self._busy:
            self._busy = True
            task = asyncio.get_running_loop().create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                for _ in range(self._laps):
                    await asyncio.sleep(0)
                if len(self._waiting) <= MAX_KEYS:
                    taken, self._waiting = self._waiting, {}
                else:
                    taken = {key: self._waiting.pop(key) for key in list(self._waiting)[:MAX_KEYS]}
                await self._answer(taken)
        finally:
            self._busy = False

    async def _answer(self, taken: dict[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._fetch(list(taken))
        except Exception as error:  # noqa: BLE001 - each caller gets it
            for futures in taken.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            return
        for key, futures in taken.items():
            value = found.get(key)
            for future in futures:
                if not future.done():
                    future.set_result(value)
