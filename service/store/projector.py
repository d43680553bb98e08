"""Keeps the eventual read models up with the log: one process leads, each page commits its rows with its position.

A poison event stops its model where it stands, named in the registry, in metrics and in the log; nothing is skipped.
Models that only explain may set such an event aside, named as well, and go on. Whatever passes by itself (a lock held
too long, a restart) is only waited for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import structlog

from projections import registry
from projections.registry import Superseded
from service.store import poison as poisons
from service.store.duty import Duty
from service.store.lane import LOST
from service.store.log import head
from service.store.poison import Poison
from service.store.rebuild import apply_entries, read_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from projections.model import Model
    from service.store.follower import Bell
    from service.store.vault import Vault

# A leader looks at the log several times a second. One that is stopped must not keep the lead from the others.
NEVER_IDLE = "SET idle_session_timeout = '5s'"
LEADER = "SELECT pg_try_advisory_lock(5567012643)"
PAGE_SIZE = 500  # small enough that decoding a page never holds the event loop for long
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.1
STANDBY_SECONDS = 2.0
SUPERSEDED_SECONDS = 5.0  # longer than a standby waits: a newer program shall lead
STOPPED_SECONDS = 1.0  # how often a stopped model is looked at: an operator may let it try again

log = structlog.get_logger(__name__)


class Projector(Duty):
    """Follows the log for all eventual models. Every service runs one; the lock in the database picks who works.

    Stopped, it rolls back the page under way; the next leader does it again.
    """

    NAME = "projector"

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
        self.leading = False

    async def _run(self) -> None:
        told = False
        while True:
            try:
                connection = await self._connect()
                told = False
                try:
                    await connection.execute(NEVER_IDLE)
                    while not await connection.fetchval(LEADER):  # noqa: ASYNC110 - the lock lives in the database
                        await asyncio.sleep(STANDBY_SECONDS)
                    self.leading = True
                    await self._lead(connection)
                finally:
                    self.leading = False
                    connection.terminate()
            except Superseded as error:
                log.warning("projector_superseded", model=str(error))
                await asyncio.sleep(SUPERSEDED_SECONDS)
            except (asyncpg.PostgresError, *LOST) as error:
                if not told:  # once an outage
                    log.warning("projector_interrupted", error=repr(error))
                told = True
                await asyncio.sleep(RETRY_SECONDS)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        clock = asyncio.get_running_loop().time
        stopped: set[str] = set()
        looked_at = clock()
        while True:
            grew = False
            for model in self._models:
                if model.name in stopped:
                    continue
                try:
                    grew |= await self.advance(connection, model)
                    continue
                except Exception as error:
                    if _passes(error):
                        raise
                grew = True
                if await self._stops(connection, model):
                    stopped.add(model.name)
            if stopped and clock() - looked_at > STOPPED_SECONDS:
                # It keeps the lead, although all may be stopped: others could only stop at the same events.
                stopped &= {row["name"] for row in await registry.rows(connection) if row["error"] is not None}
                looked_at = clock()
            if not grew:
                await self._bell.wait()
                # Under load the bell rings all the time: fewer, fuller pages cost a fraction of many small ones.
                await asyncio.sleep(GATHER_SECONDS)

    async def _stops(self, connection: asyncpg.Connection, model: Model) -> bool:
        """Find what a page of a model failed at, and say if that stops it. Raises Superseded for an unknown topic."""
        poison = await self._find_poison(connection, model)
        if poison is None or await self._set_aside(connection, model, poison):
            return False
        await registry.stop(connection, model.name, str(poison))
        log.error("projection_stopped", model=model.name, error=str(poison))
        if poison.is_unknown:
            raise Superseded(model.name) from poison
        return True

    async def _find_poison(self, connection: asyncpg.Connection, model: Model) -> Poison | None:
        """Go on event by event up to the one that cannot be applied; None when each of the page can be, alone."""
        try:
            while await self.advance(connection, model, limit=1):
                pass
        except Poison as poison:
            return poison
        return None

    async def _set_aside(self, connection: asyncpg.Connection, model: Model, poison: Poison) -> bool:
        """Pass over an event, in a transaction that names it; False where the model may not, or has too many."""
        if model.on_poison == "stop" or poison.is_unknown:
            return False
        async with connection.transaction():
            live = await registry.hold(connection, model)
            if not await poisons.set_aside(connection, model.name, live["generation"], poison):
                return False
            await registry.advance(connection, model.name, poison.event.position)
        log.error("event_set_aside", model=model.name, error=str(poison))
        return True

    async def advance(self, connection: asyncpg.Connection, model: Model, *, limit: int = PAGE_SIZE) -> bool:
        """Apply the next page of the log to a model, rows and position in one transaction; say if there is more.

        Raises Poison for an event that was to be applied alone, and Superseded when another version is live.
        """
        async with connection.transaction():
            position = await registry.lock_position(connection, model)
            end = await head(connection)
            if position >= end:
                return False
            page = await read_for(connection, model, after=position, until=end, limit=limit)
            try:
                if page:
                    await apply_entries(connection, model, page, self._vault, registry.LIVE)
            except Exception as error:
                if limit > 1 or _passes(error):
                    raise
                raise Poison(page[0], error) from error
            full = len(page) == limit
            await registry.advance(connection, model.name, page[-1].position if full else end)
        return full


def _passes(error: Exception) -> bool:
    """Say whether an error has nothing to do with the events, so that trying again is right."""
    return isinstance(error, Superseded) or poisons.passes(error)
