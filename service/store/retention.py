"""Retention: purges tokens and codes that have served their time, as the owner of the read models.

One process of all does it. It works in small pages and rests between them, so that nobody who appends waits longer
than a page takes.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import asyncpg
import structlog

from projections import authorizations, device_authorizations, registry, token_purge
from service.operations.exception_text import described
from service.store import migrations
from service.store.connections import DatabaseUnreachable
from service.store.duty import Duty
from service.store.job_reports import report, started
from service.store.lane import LOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime, timedelta

    from service.clock import Clock

JOB = "purge"
TURN = "SELECT pg_try_advisory_lock(5567012652)"
# A lost page is purged again. Whoever holds a row of a family that is over is let be: the next run comes.
GENTLY = """
SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '100ms';
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off
"""
PAGE = 1_000
CODES = {"authorizations": authorizations, "device_authorizations": device_authorizations}
RUN_SECONDS = 300.0
STAND_ASIDE_SECONDS = 600.0
TRIES = 5

log = structlog.get_logger(__name__)


class Retention(Duty):
    """The recurring purge. Every background process has one; a lock in the database picks who works.

    The first run is at once. Stopped, it rolls back the page under way; the next run purges it.
    """

    NAME = "retention"

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], clock: Clock, *, expired_for: timedelta
    ) -> None:
        """Take a way to connect as the owner, and for how long tokens keep their rows once they have expired."""
        self._connect = connect
        self._clock = clock
        self._expired_for = expired_for

    async def _run(self) -> None:
        while True:
            seconds = RUN_SECONDS
            try:
                connection = await self._connect()
                try:
                    if not await migrations.may_create(connection):
                        log.info("retention_stands_aside")  # somebody else's login owns the tables
                        seconds = STAND_ASIDE_SECONDS
                    elif await connection.fetchval(TURN):
                        await self.run(connection)
                finally:
                    connection.terminate()
            except (asyncpg.PostgresError, DatabaseUnreachable, *LOST) as error:
                log.warning("retention_interrupted", error=error)
            await asyncio.sleep(seconds)

    async def run(self, connection: asyncpg.Connection) -> bool:
        """Purge what is due and report it; return False when the run could not be ended. Raises when disconnected."""
        since = await started(connection)
        began = perf_counter()
        counts = {"tokens": 0, "refresh_tokens": 0, **dict.fromkeys(CODES, 0)}
        error = None
        try:
            horizon = await token_purge.raise_horizon(connection, self._clock.now() - self._expired_for)
            await purge(connection, horizon, counts)
            for name in CODES:
                await purge_codes(connection, name, counts)
        except asyncpg.PostgresConnectionError:
            raise
        except asyncpg.PostgresError as problem:
            error = described(problem)
        await report(connection, JOB, since, counts, error)
        tell = log.warning if error else log.info if any(counts.values()) else log.debug
        tell("purge", **counts, error=error, seconds=round(perf_counter() - began, 3))
        return error is None


async def purge(connection: asyncpg.Connection, horizon: datetime, counts: dict[str, int]) -> None:
    """Remove the live rows of token families that were over by the horizon, and count them as they go."""
    after = token_purge.NIL
    tries = 0
    while True:
        began = perf_counter()
        try:
            async with connection.transaction():
                await connection.execute(GENTLY)
                page = await token_purge.purge_page(connection, horizon, schema=registry.LIVE, after=after, limit=PAGE)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            tries += 1
            if tries == TRIES:
                raise
        else:
            tries = 0
            counts["tokens"] += page.tokens
            counts["refresh_tokens"] += page.refresh_tokens
            if page.after is None:
                return
            after = page.after
        await asyncio.sleep(perf_counter() - began)  # half of the time is for others


async def purge_codes(connection: asyncpg.Connection, name: str, counts: dict[str, int]) -> None:
    """Remove the codes of a model that had expired by the horizon, and count them as they go."""
    while True:
        began = perf_counter()
        async with connection.transaction():
            await connection.execute(GENTLY)
            gone = await CODES[name].purge_page(connection, schema=registry.LIVE, limit=PAGE)
        counts[name] += gone
        if gone < PAGE:
            return
        await asyncio.sleep(perf_counter() - began)  # half of the time is for others
