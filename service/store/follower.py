"""Wakes whoever follows the log: by notification where one arrives, else by looking every 250 ms.

A notification only says "look": what there is to see is read by position, so a lost one costs delay, never an event.
Sending goes over a connection of its own and coalesces, so that a stuck listener cannot fail or slow a commit.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import structlog

from service.store.duty import Duty
from service.store.lane import LOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHANNEL = "log"  # where the eventsourcing library's recorder listens when it follows the view of this name
POLL_SECONDS = 0.25
RETRY_SECONDS = 0.5
COALESCE_SECONDS = 0.02  # at most fifty notifications a second and process

log = structlog.get_logger(__name__)


class Bell(Duty):
    """Rings for every process when the head moved, and lets callers in this one wait for a ring.

    Stopped, it neither listens nor passes rings on; whoever waits goes on by polling.
    """

    NAME = "bell"

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        """Take a way to connect; nothing is opened before `start`."""
        self._connect = connect
        self._ring = asyncio.Event()
        self._heard = asyncio.Event()

    def ring(self, _head: int = 0) -> None:
        """Say that the log grew. Costs nothing: the sending happens elsewhere and for many at once."""
        self._ring.set()
        self._heard.set()

    async def wait(self, seconds: float = POLL_SECONDS) -> None:
        """Return when the log may have grown: after a ring, or after `seconds` without one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        self._heard.clear()

    async def _run(self) -> None:
        told = False
        while True:
            try:
                connection = await self._connect()
                told = False
                try:
                    await connection.add_listener(CHANNEL, lambda *_: self._heard.set())
                    # Who only listens would not notice the end of the connection: ringing on it does.
                    connection.add_termination_listener(lambda _: self._ring.set())
                    while True:
                        await self._ring.wait()
                        self._ring.clear()
                        await connection.execute(f"NOTIFY {CHANNEL}")
                        await asyncio.sleep(COALESCE_SECONDS)
                finally:
                    connection.terminate()
            except (asyncpg.PostgresError, *LOST) as error:
                if not told:  # once an outage
                    log.warning("bell_connection_lost", error=repr(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)
