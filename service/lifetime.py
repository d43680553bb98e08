"""How long a child process lives: until it is told to stop, or until the process that started it is gone."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import structlog

WATCH_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Lifetime:
    """Made first, so that a signal that arrives while a process starts is heard."""

    def __init__(self, parent: int) -> None:
        """Listen to SIGTERM and SIGINT in the running event loop, and watch the process of id `parent`."""
        self._parent = parent
        self._stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, self._stop.set)

    async def over(self) -> None:
        """Return when this process is to end."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._stop.wait()
            if os.getppid() != self._parent:
                log.warning("parent_is_gone")
                return


def tell_ready(descriptor: int) -> None:
    """Tell the parent, over the descriptor it passed, that this process does its work."""
    os.write(descriptor, b"1")
    os.close(descriptor)


def leave() -> None:
    """End this process, in order: the parent starts a new one, which loads what is live now."""
    os.kill(os.getpid(), signal.SIGTERM)
