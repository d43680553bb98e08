"""Keeps the eventual read models up with the log: one process leads, each page commits its rows with its position.

A poison event stops its model where it stands, named in the registry, in metrics and in the log; nothing is skipped.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import structlog

from projections import registry
from service.store.log import Entry, head
from service.store.rebuild import PAGE, apply_entries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from projections.model import Model
    from service.store.follower import Bell
    from service.store.vault import Vault

LEADER = "SELECT pg_try_advisory_lock(5567012643)"
PAGE_SIZE = 500  # small enough that decoding a page never holds the event loop for long
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.1
STANDBY_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Projector:
    """Follows the log for all eventual models. Every worker runs one; the lock in the database picks who works."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        models: Iterable[Model],
        vault: Vault,
        bell: Bell,
    ) -> None:
        """Take a way to connect: the session holds the leader's lock and writes."""
        self._connect = connect
        self._models = list(models)
        self._vault = vault
        self._bell = bell
        self._task: asyncio.Task[None] | None = None
        self.leading = False

    async def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name="projector")

    async def stop(self) -> None:
        """Stop; a page under way is rolled back and done again by the next leader."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
                try:
                    while not await connection.fetchval(LEADER):  # noqa: ASYNC110 - the lock lives in the database
                        await asyncio.sleep(STANDBY_SECONDS)
                    self.leading = True
                    await self._lead(connection)
                finally:
                    self.leading = False
                    connection.terminate()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("projector_interrupted", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        stopped: set[str] = set()
        while True:
            grew = False
            for model in self._models:
                if model.name in stopped:
                    continue
                try:
                    grew |= await self.advance(connection, model)
                except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                    raise
                except Exception as error:
                    stopped.add(model.name)
                    await registry.stop(connection, model.name, repr(error)[:2000])
                    log.exception("projection_stopped", model=model.name)
            if not grew:
                await self._bell.wait()
                # Under load the bell rings all the time: fewer, fuller pages cost a fraction of many small ones.
                await asyncio.sleep(GATHER_SECONDS)

    async def advance(self, connection: asyncpg.Connection, model: Model) -> bool:
        """Apply the next page of the log to a model, rows and position in one transaction; say if there is more."""
        async with connection.transaction():
            position = await registry.lock_position(connection, model.name)
            end = await head(connection)
            if position >= end:
                return False
            rows = await connection.fetch(PAGE, position, end, list(model.handlers), PAGE_SIZE)
            if rows:
                await apply_entries(connection, model, [Entry(*row) for row in rows], self._vault, registry.LIVE)
            reached = rows[-1][0] if len(rows) == PAGE_SIZE else end
            await registry.advance(connection, model.name, reached)
        return len(rows) == PAGE_SIZE
