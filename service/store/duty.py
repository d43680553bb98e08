"""A duty: work that goes on in a task of its own from `start` until `stop`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

AGAIN_SECONDS = 2.0


class Duty(ABC):
    """What a duty does is its `_run`, which ends only by being cancelled: whatever it has begun must bear that."""

    NAME: ClassVar[str]
    """What its task is called."""
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.NAME)

    async def stop(self) -> None:
        """Break the work off, and return once it has ended.

        It is told again when it goes on: a connection that is lost in that very moment raises its own error on the way
        out, and work that bears with lost connections would take it for no more than that.
        """
        if self._task is not None:
            while not self._task.done():
                self._task.cancel()
                await asyncio.wait((self._task,), timeout=AGAIN_SECONDS)
            with suppress(asyncio.CancelledError):
                await self._task

    @abstractmethod
    async def _run(self) -> None:
        """Work until cancelled."""
