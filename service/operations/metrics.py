"""Metrics: counts requests and appends, watches queues and pools, and answers a scrape for the whole service.

A scrape reaches one worker of several. Each worker therefore leaves a snapshot of its counts in a shared folder every
second, and whichever is asked adds the others' to its own. prometheus_client has a multiprocess mode of its own; its
values in memory-mapped files cost 4.7 µs a request (a counter and a histogram) where the tally costs 0.5 µs, it must be
chosen by an environment variable before the first import, and its files grow with every process that ever served.
The price here: the other workers' numbers are up to a second old.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import structlog

from service.operations import snapshots
from service.operations.exposition import DECISION, Exposition
from service.operations.snapshots import Snapshot
from service.operations.tally import Tally
from service.store.append import LOST
from service.store.job_reports import reports
from service.store.lag import lags

if TYPE_CHECKING:
    from service.access.call_log import CallLog
    from service.store.append import Appender
    from service.store.journal import Journal
    from service.store.lag import Lag
    from service.store.refused import RefusalRecorder

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SNAPSHOT_SECONDS = 1.0
DATABASE_SECONDS = 2.0
STATM = Path("/proc/self/statm")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

log = structlog.get_logger(__name__)


class Metrics:
    """The numbers of one worker. `observe` and `batch` count; the rest is looked at when somebody asks."""

    def __init__(self, *, worker: int = 0, folder: Path | None = None) -> None:
        """Take this worker's number and the folder it shares with the others; None when it is alone."""
        self._worker = worker
        self._folder = folder
        former = None if folder is None else snapshots.read(folder, worker)
        self._former_counters = {} if former is None else former.tally.counters
        self._tally = Tally() if former is None else former.tally
        self._appender: Appender | None = None
        self._pool: asyncpg.Pool | None = None
        self._journal: Journal | None = None
        self._refused: RefusalRecorder | None = None
        self._call_log: CallLog | None = None
        self._task: asyncio.Task[None] | None = None
        self.observe = self._tally.request
        self.batch = self._tally.batch

    def watch(
        self, *, pool: asyncpg.Pool, appender: Appender, journal: Journal, refused: RefusalRecorder, call_log: CallLog
    ) -> None:
        """Take the parts whose state is told. Before this call a scrape answers with counts alone."""
        self._pool, self._appender, self._journal, self._refused = pool, appender, journal, refused
        self._call_log = call_log

    async def start(self) -> None:
        """Begin to leave snapshots, where there are others to read them."""
        if self._folder is not None:
            self._task = asyncio.create_task(self._leave_snapshots(self._folder), name="metrics")

    async def stop(self) -> None:
        """Leave the last snapshot."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._folder is not None:
            self._leave_snapshot(self._folder)

    def snapshot(self) -> Snapshot:
        """Return this worker's numbers as of now."""
        own = self._counters()
        self._tally.counters = self._former_counters | {
            name: self._former_counters.get(name, 0) + value for name, value in own.items()
        }
        return Snapshot(self._worker, time.time(), self._tally, self._gauges())

    async def scrape(self) -> bytes:
        """Return the numbers of the service in Prometheus' text format; without the database, those of the workers."""
        own = self.snapshot()
        others = [] if self._folder is None else snapshots.read_others(self._folder, self._worker)
        total = Tally()
        for snapshot in (own, *others):
            total.add(snapshot.tally)
        current = [own, *(other for other in others if other.is_current(own.at))]
        models = await self._models()
        jobs = {} if models is None else await self._jobs()
        return Exposition(total, sorted(current, key=lambda s: s.worker), models, jobs).text()

    async def _models(self) -> list[Lag] | None:
        if self._pool is None:
            return None
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                return await lags(self._pool)
        except (*LOST, asyncpg.PostgresError) as error:
            log.warning("scrape_without_database", error=error)
            return None

    async def _jobs(self) -> dict[str, tuple[bool, float]]:
        """Return of each job whether its last run failed, and when (seconds since 1970) it last succeeded."""
        if self._pool is None:
            return {}
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                found = await reports(self._pool)
        except (*LOST, asyncpg.PostgresError) as error:
            log.warning("scrape_without_database", error=error)
            return {}
        return {
            job["name"]: (job["error"] is not None, job["succeeded_at"].timestamp() if job["succeeded_at"] else 0.0)
            for job in found
        }

    def _counters(self) -> dict[str, float]:
        if self._journal is None or self._refused is None or self._call_log is None:
            return {}
        return {
            "journal_written": self._journal.rows.written,
            "journal_lost": self._journal.rows.lost,
            "refusals_noted": self._refused.noted,
            "refusals_counted": self._refused.counted,
            "refusals_lost": self._refused.rows.lost,
            "calls_written": self._call_log.rows.written,
            "calls_counted": self._call_log.counted,
            "calls_lost": self._call_log.rows.lost,
            **{DECISION + outcome: count for outcome, count in self._call_log.outcomes.items()},
        }

    def _gauges(self) -> dict[str, float]:
        gauges: dict[str, float] = {}
        if self._appender is not None:
            gauges["append_queue_length"] = self._appender.pending
        if self._journal is not None:
            gauges["journal_queue_length"] = len(self._journal.rows)
        if self._refused is not None:
            gauges["refusal_queue_length"] = len(self._refused.rows)
        if self._call_log is not None:
            gauges["call_queue_length"] = len(self._call_log.rows)
        if self._pool is not None:
            gauges["pool_connections"] = self._pool.get_size()
            gauges["pool_connections_idle"] = self._pool.get_idle_size()
        with suppress(OSError):  # told where the system has /proc
            gauges["resident_bytes"] = int(STATM.read_text().split()[1]) * PAGE_BYTES
        return gauges

    async def _leave_snapshots(self, folder: Path) -> None:
        while True:
            self._leave_snapshot(folder)
            await asyncio.sleep(SNAPSHOT_SECONDS)

    def _leave_snapshot(self, folder: Path) -> None:
        try:
            snapshots.write(folder, self.snapshot())
        except OSError as error:
            log.warning("snapshot_not_written", error=error)
