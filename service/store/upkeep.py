"""Upkeep: makes the coming months' partitions, and removes what has served its time. One process of all does it.

Nothing here is urgent: an error is logged and the work done again a minute later, by whichever process leads then.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from service.operations.exception_text import described
from service.store import call_counts, code_sends, logouts
from service.store.duty import Duty
from service.store.job_reports import report, started

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from service.clock import Clock

JOB = "upkeep"
LEADER = "SELECT pg_try_advisory_lock(5567012644)"
ENSURE_PARTITIONS = "SELECT muniment.ensure_partitions($1)"
DROP_JOURNAL = "SELECT name FROM muniment.drop_journal_before($1) name"
# The outer condition is for a row that was renewed while this waited for it.
EXPIRED_ANSWERS = """
WITH gone AS (
    DELETE FROM muniment.idempotency
     WHERE key IN (SELECT key FROM muniment.idempotency WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
       AND expires_at <= $1
    RETURNING key
)
SELECT count(*) FROM gone
"""
EXPIRED_ASSERTIONS = """
WITH gone AS (
    DELETE FROM muniment.client_assertions
     WHERE digest IN (SELECT digest FROM muniment.client_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
       AND expires_at <= $1
    RETURNING digest
)
SELECT count(*) FROM gone
"""
EXPIRED_POLLS = """
WITH gone AS (
    DELETE FROM muniment.device_polls
     WHERE device IN (SELECT device FROM muniment.device_polls WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
    RETURNING device
)
SELECT count(*) FROM gone
"""
EMPTY_BUCKETS = """
WITH gone AS (
    DELETE FROM muniment.throttle
     WHERE key IN (SELECT key FROM muniment.throttle WHERE empties_at <= $1 ORDER BY empties_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)
    RETURNING key
)
SELECT count(*) FROM gone
"""
DROP_CALLS = "SELECT name FROM muniment.drop_calls_before($1) name"
PURGE_CALLS_REST = "SELECT muniment.purge_calls_rest($1, $2)"
PURGE_JOURNAL_REST = "SELECT muniment.purge_journal_rest($1, $2)"
PURGE_VERIFICATION_CLAIMS = "SELECT muniment.purge_verification_claims($1, $2)"
PURGE_TOKEN_GUARDS = "SELECT muniment.purge_token_guards($1, $2)"  # noqa: S105 - a statement

CHUNK = 5_000
HOUR, OFTEN = 3600.0, 300.0
RETRY_SECONDS = 60.0
DAY = timedelta(days=1)
SHORTEST_RETENTION = timedelta(days=1, minutes=10)  # the database refuses less than a day, by its own clock
LONGEST_TOKEN = timedelta(days=1)

log = structlog.get_logger(__name__)


class Upkeep(Duty):
    """The recurring work on the store's own tables. Every background process has one; a lock picks who works.

    The first run is at once. Stopped, it rolls back the chunk under way; the next run removes it.
    """

    NAME = "upkeep"

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        clock: Clock,
        *,
        journal_days: int = 90,
        call_log_days: int = 90,
        longest_token: timedelta = LONGEST_TOKEN,
    ) -> None:
        """Take a way to connect as the service, how long rows are kept and how long tokens can live.

        Journal and refusals go by whole months, the call log by whole weeks: a row is gone at most a month, or a week,
        after its retention.
        """
        self._connect = connect
        self._clock = clock
        self._retention = max(timedelta(days=journal_days), SHORTEST_RETENTION)
        self._calls_retention = max(timedelta(days=call_log_days), SHORTEST_RETENTION)
        self._longest_token = longest_token
        self._cleaned_at: datetime | None = None
        self.leading = False

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._connect()
                try:
                    if await connection.fetchval(LEADER):
                        self.leading = True
                        await self._lead(connection)
                finally:
                    self.leading = False
                    connection.terminate()
            except Exception as error:  # noqa: BLE001 - whatever it is, upkeep goes on
                log.warning("upkeep_interrupted", error=error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        while await self.run(connection):
            until = monotonic() + HOUR
            while (left := until - monotonic()) > 0:
                await asyncio.sleep(min(left, OFTEN))
                # Where anybody may call, whoever has many addresses makes as many rows a minute.
                await _chunks(connection, call_counts.PAST, self._clock.now() - call_counts.KEPT)

    async def run(self, connection: asyncpg.Connection) -> bool:
        """Do what is due and report it in one line; return False when a part of it failed and is to be done again.

        Partitions and what counts attempts, messages and calls are due at each run, other removals once a day. Raises
        when the connection is lost.
        """
        now = self._clock.now()
        since, began = await started(connection), perf_counter()
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "partitions": lambda: connection.execute(ENSURE_PARTITIONS, now),
            "attempts": lambda: _chunks(connection, EMPTY_BUCKETS, now),
            "code_sends": lambda: _chunks(connection, code_sends.PAST, now - code_sends.WINDOW),
            "call_counts": lambda: _chunks(connection, call_counts.PAST, now - call_counts.KEPT),
        }
        daily = self._cleaned_at is None or now - self._cleaned_at >= DAY
        if daily:
            kept_since, calls_since = now - self._retention, now - self._calls_retention
            steps["months_dropped"] = lambda: _names(connection, DROP_JOURNAL, kept_since)
            steps["journal_rest"] = lambda: _chunks(connection, PURGE_JOURNAL_REST, kept_since)
            steps["weeks_dropped"] = lambda: _names(connection, DROP_CALLS, calls_since)
            steps["calls_rest"] = lambda: _chunks(connection, PURGE_CALLS_REST, calls_since)
            steps["answers"] = lambda: _chunks(connection, EXPIRED_ANSWERS, now)
            steps["client_assertions"] = lambda: _chunks(connection, EXPIRED_ASSERTIONS, now)
            steps["device_polls"] = lambda: _chunks(connection, EXPIRED_POLLS, now)
            steps["session_applications"] = lambda: _chunks(connection, logouts.EXPIRED, now - DAY)
            steps["verifications"] = lambda: _chunks(connection, PURGE_VERIFICATION_CLAIMS, now - 2 * DAY)
            steps["token_guards"] = lambda: _chunks(connection, PURGE_TOKEN_GUARDS, now - self._longest_token - DAY)
        counts: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for name, step in steps.items():
            try:
                counts[name] = await step()
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                # The other steps do not depend on this one.
                failed[name] = described(error)
                log.warning("upkeep_step_failed", step=name, error=error)
        if daily and not failed:
            self._cleaned_at = now
        counts.pop("partitions", None)
        if daily or failed:  # an hour in which nothing was due is no news
            why = "; ".join(f"{name}: {text}" for name, text in failed.items()) or None
            numbers = {name: len(each) if isinstance(each, list) else each for name, each in counts.items()}
            await report(connection, JOB, since, numbers, why)
        tell = log.info if failed or any(counts.values()) else log.debug
        tell("upkeep", **counts, failed=list(failed), seconds=round(perf_counter() - began, 3))
        return not failed


async def _names(connection: asyncpg.Connection, statement: str, before: datetime) -> list[str]:
    return [row["name"] for row in await connection.fetch(statement, before)]


async def _chunks(connection: asyncpg.Connection, statement: str, before: datetime) -> int:
    """Run a removal until it finds no whole chunk; each is a transaction, so that nobody waits long for its locks."""
    total = 0
    while True:
        gone = int(await connection.fetchval(statement, before, CHUNK))
        total += gone
        if gone < CHUNK:
            return total
