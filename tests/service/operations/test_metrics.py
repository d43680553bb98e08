"""Whichever worker is asked answers for the service, and a scrape never fails."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.access.call_log import IN_FULL, CallLog
from service.operations import metrics as metrics_module
from service.operations import snapshots
from service.operations.metrics import Metrics
from service.operations.tally import Tally
from service.store.job_reports import report, started
from service.store.journal import Journal
from service.store.refused import RefusalRecorder
from tests.service.access.calling import Gateway

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store_fixture import StoreParts

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(given.items()))


def watching(parts: StoreParts, metrics: Metrics, call_log: CallLog | None = None) -> tuple[Journal, RefusalRecorder]:
    journal, refused = Journal(parts.pool), RefusalRecorder(parts.pool, parts.clock)
    call_log = call_log or CallLog(parts.pool, parts.clock)
    metrics.watch(pool=parts.pool, appender=parts.appender, journal=journal, refused=refused, call_log=call_log)
    return journal, refused


async def test_requests_are_counted_by_route_method_and_status() -> None:
    metrics = Metrics()
    for status, seconds in ((200, 0.0005), (200, 0.004), (401, 9.0)):
        metrics.observe("/oauth2/token", "POST", status, seconds)
    samples = read(await metrics.scrape())
    route = {"route": "/oauth2/token", "method": "POST"}
    assert samples["muniment_requests_total", labels(**route, status="200")] == 2
    assert samples["muniment_requests_total", labels(**route, status="401")] == 1
    assert samples["muniment_request_seconds_bucket", labels(**route, le="0.001")] == 1
    assert samples["muniment_request_seconds_bucket", labels(**route, le="0.005")] == 2
    assert samples["muniment_request_seconds_bucket", labels(**route, le="+Inf")] == 3
    assert samples["muniment_request_seconds_count", labels(**route)] == 3
    assert samples["muniment_request_seconds_sum", labels(**route)] == pytest.approx(9.0045)


async def test_queues_pools_and_models_are_told(parts: StoreParts) -> None:
    metrics = Metrics(worker=3)
    journal, refused = watching(parts, metrics)
    metrics.batch(4, 6)
    journal.note(parts.clock.new_id(), parts.clock.now(), "", "")
    for _ in range(62):
        refused.note(organization=None, actor=None, client="a", operation="o", status=400, code="c", detail=None,
                     request_id=parts.clock.new_id(), address="")  # fmt: skip
    await parts.owner.execute("INSERT INTO muniment.batches VALUES (7, 1, clock_timestamp() - interval '1 minute')")
    await parts.owner.execute("UPDATE muniment.models SET error = 'poison' WHERE name = 'audit'")
    samples = read(await metrics.scrape())
    own = labels(worker="3")
    assert samples["muniment_append_queue_length", own] == 0
    assert samples["muniment_journal_queue_length", own] == 1
    assert samples["muniment_refusal_queue_length", own] == 60
    assert samples["muniment_pool_connections", own] == 4
    assert samples["muniment_resident_bytes", own] > 1e7
    assert samples["muniment_refusals_noted_total", ()] == 62
    assert samples["muniment_refusals_counted_total", ()] == 2
    assert samples["muniment_batch_appends_bucket", labels(le="4")] == 1
    assert samples["muniment_batch_appends_sum", ()] == 4
    assert samples["muniment_events_appended_total", ()] == 6
    assert samples["muniment_database_up", ()] == 1
    assert samples["muniment_log_head_position", ()] == 7
    assert samples["muniment_model_lag_events", labels(model="audit")] == 7
    assert 60 <= samples["muniment_model_lag_seconds", labels(model="audit")] < 90
    assert samples["muniment_model_stopped", labels(model="audit", mode="eventual")] == 1
    assert samples["muniment_model_stopped", labels(model="tokens", mode="immediate")] == 0


async def test_decisions_are_counted_by_outcome_and_outlive_their_worker(tmp_path: Path, parts: StoreParts) -> None:
    first = Metrics(worker=1, folder=tmp_path)
    gateway = Gateway(parts, CallLog(parts.pool, parts.clock))
    watching(parts, first, gateway.log)
    gateway.asked()
    for _ in range(IN_FULL + 2):
        gateway.refused(cause="grant_missing")
    samples = read(await first.scrape())
    assert samples["muniment_decisions_total", labels(outcome="allowed")] == 1
    assert samples["muniment_decisions_total", labels(outcome="grant_missing")] == IN_FULL + 2
    assert samples["muniment_calls_counted_total", ()] == 2
    assert samples["muniment_calls_written_total", ()] == samples["muniment_calls_lost_total", ()] == 0
    assert samples["muniment_call_queue_length", labels(worker="1")] == IN_FULL + 1
    await first.stop()
    second = Metrics(worker=1, folder=tmp_path)
    gateway = Gateway(parts, CallLog(parts.pool, parts.clock))
    watching(parts, second, gateway.log)
    gateway.asked()
    samples = read(await second.scrape())
    assert samples["muniment_decisions_total", labels(outcome="allowed")] == 2
    assert samples["muniment_decisions_total", labels(outcome="grant_missing")] == IN_FULL + 2


async def test_a_model_at_the_head_is_not_behind(parts: StoreParts) -> None:
    metrics = Metrics()
    watching(parts, metrics)
    samples = read(await metrics.scrape())
    assert samples["muniment_model_lag_events", labels(model="audit")] == 0
    assert samples["muniment_model_lag_seconds", labels(model="audit")] == 0


async def test_recurring_jobs_tell_whether_they_failed_and_when_they_last_succeeded(parts: StoreParts) -> None:
    metrics = Metrics()
    watching(parts, metrics)
    since = await started(parts.owner)
    await report(parts.owner, "purge", since, {})
    await report(parts.owner, "purge", since, {}, "why")
    await report(parts.owner, "upkeep", since, {}, "why")
    samples = read(await metrics.scrape())
    assert samples["muniment_job_failed", labels(job="purge")] == 1
    assert 0 <= time.time() - samples["muniment_job_succeeded_timestamp_seconds", labels(job="purge")] < 60
    assert samples["muniment_job_succeeded_timestamp_seconds", labels(job="upkeep")] == 0
    await report(parts.owner, "purge", since, {})
    assert read(await metrics.scrape())["muniment_job_failed", labels(job="purge")] == 0


async def test_any_worker_answers_for_all(tmp_path: Path) -> None:
    workers = [Metrics(worker=n, folder=tmp_path) for n in range(3)]
    for n, worker in enumerate(workers):
        await worker.start()
        for _ in range(n + 1):
            worker.observe("/r", "GET", 200, 0.001)
    for worker in workers:
        await worker.stop()
    for worker in workers:
        samples = read(await worker.scrape())
        assert samples["muniment_requests_total", labels(route="/r", method="GET", status="200")] == 6
        assert samples["muniment_workers", ()] == 3
        assert {key[1] for key in samples if key[0] == "muniment_resident_bytes"} == {
            labels(worker=str(n)) for n in range(3)
        }


async def test_snapshots_follow_within_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "SNAPSHOT_SECONDS", 0.01)
    one, other = Metrics(worker=0, folder=tmp_path), Metrics(worker=1, folder=tmp_path)
    await one.start()
    one.observe("/r", "GET", 200, 0.001)
    async with asyncio.timeout(5):
        while b'muniment_requests_total{method="GET",route="/r",status="200"} 1.0' not in await other.scrape():  # noqa: ASYNC110 - another task's work is awaited from outside
            await asyncio.sleep(0.01)
    await one.stop()


async def test_counts_outlive_their_worker_and_its_gauges_do_not(tmp_path: Path, parts: StoreParts) -> None:
    first = Metrics(worker=1, folder=tmp_path)
    _, refused = watching(parts, first)
    refused.noted = 5
    first.observe("/r", "GET", 200, 0.001)
    await first.stop()
    second = Metrics(worker=1, folder=tmp_path)
    assert read(await second.scrape())["muniment_refusals_noted_total", ()] == 5
    _, refused = watching(parts, second)
    refused.noted = 2
    second.observe("/r", "GET", 200, 0.001)
    samples = read(await second.scrape())
    assert samples["muniment_requests_total", labels(route="/r", method="GET", status="200")] == 2
    assert samples["muniment_refusals_noted_total", ()] == 7
    assert read(await second.scrape()).keys() == samples.keys()
    gone = snapshots.Snapshot(4, time.time() - snapshots.DEAD_AFTER, Tally(counters={"journal_lost": 3}),
                              {"resident_bytes": 1.0})  # fmt: skip
    snapshots.write(tmp_path, gone)
    samples = read(await second.scrape())
    assert samples["muniment_journal_lost_total", ()] == 3
    assert ("muniment_resident_bytes", labels(worker="4")) not in samples


async def test_a_spoilt_snapshot_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "worker-1.counts").write_bytes(b"\x00")
    assert snapshots.read(tmp_path, 1) is None
    samples = read(await Metrics(worker=0, folder=tmp_path).scrape())
    assert samples["muniment_workers", ()] == 1


async def test_without_the_database_the_workers_numbers_are_answered(parts: StoreParts) -> None:
    metrics = Metrics()
    watching(parts, metrics)
    await parts.pool.close()
    samples = read(await metrics.scrape())
    assert samples["muniment_database_up", ()] == 0
    assert ("muniment_log_head_position", ()) not in samples


async def test_a_slow_database_does_not_hold_a_scrape(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_module, "DATABASE_SECONDS", 0.1)
    metrics = Metrics()
    watching(parts, metrics)
    async with parts.owner.transaction():
        await parts.owner.execute("LOCK TABLE muniment.models")
        samples = read(await metrics.scrape())
    assert samples["muniment_database_up", ()] == 0


async def test_a_worker_whose_folder_is_gone_goes_on(tmp_path: Path) -> None:
    metrics = Metrics(worker=0, folder=tmp_path / "gone")
    await metrics.start()
    await asyncio.sleep(0.01)
    assert read(await metrics.scrape())["muniment_workers", ()] == 1
    await metrics.stop()
