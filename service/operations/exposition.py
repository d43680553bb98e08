"""Renders counts in Prometheus' text format. Names and labels are an interface: dashboards and alerts use them."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from service.operations.tally import BATCH_BUCKETS, REQUEST_BUCKETS, cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

    from service.operations.snapshots import Snapshot
    from service.operations.tally import Cells, Tally
    from service.store.lag import Lag

COUNTERS = {
    "journal_written": "Request journal rows written",
    "journal_lost": "Request journal rows lost because the queue was full or the database refused them",
    "refusals_noted": "Refusals of any kind",
    "refusals_counted": "Refusals recorded as a count only, because their client and address had too many",
    "refusals_lost": "Refusal rows lost because the queue was full or the database refused them",
    "calls_written": "Call log rows written",
    "calls_counted": "Refused calls recorded as a count only, because their gateway and address had too many",
    "calls_lost": "Call log rows lost because the database refused them",
}
DECISION = "decision:"
"""Begins the names of the counters of decisions, one an outcome."""
GAUGES = {
    "append_queue_length": "Appends that wait for their batch",
    "journal_queue_length": "Request journal rows not written yet",
    "refusal_queue_length": "Refusal rows not written yet",
    "call_queue_length": "Call log rows not written yet",
    "pool_connections": "Connections of the read pool",
    "pool_connections_idle": "Connections of the read pool that nobody uses",
    "resident_bytes": "Memory that the process holds",
}


class Exposition:
    """One answer to a scrape; what prometheus_client calls a collector."""

    def __init__(
        self,
        total: Tally,
        current: Sequence[Snapshot],
        models: Sequence[Lag] | None,
        jobs: Mapping[str, tuple[bool, float]] | None = None,
    ) -> None:
        """Take the sum of all counts, the snapshots of living workers, and the models, None without the database.

        Of each recurring job: whether its last run failed, and when it last succeeded, in seconds since 1970.
        """
        self._total = total
        self._current = current
        self._models = models
        self._jobs = jobs or {}

    def text(self) -> bytes:
        """Return the text format, version 0.0.4."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._requests()
        yield from self._appends()
        for name, text in COUNTERS.items():
            counter = CounterMetricFamily(f"muniment_{name}", text)
            counter.add_metric([], self._total.counters.get(name, 0))
            yield counter
        yield self._decisions()
        workers = GaugeMetricFamily("muniment_workers", "Workers that serve")
        workers.add_metric([], len(self._current))
        yield workers
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(f"muniment_{name}", text, labels=["worker"])
            for snapshot in self._current:
                if name in snapshot.gauges:
                    gauge.add_metric([str(snapshot.worker)], snapshot.gauges[name])
            yield gauge
        yield from self._database()

    def _requests(self) -> Iterator[Metric]:
        counter = CounterMetricFamily("muniment_requests", "Requests answered", labels=["route", "method", "status"])
        seconds = HistogramMetricFamily("muniment_request_seconds", "Time to answer", labels=["route", "method"])
        by_route: dict[tuple[str, str], Cells] = {}
        for (route, method, status), counted in sorted(self._total.requests.items()):
            counter.add_metric([route, method, str(status)], counted[0])
            both = by_route.setdefault((route, method), cells(REQUEST_BUCKETS))
            both[:] = [a + b for a, b in zip(both, counted, strict=True)]
        for labels, counted in by_route.items():
            seconds.add_metric(list(labels), _buckets(REQUEST_BUCKETS, counted), counted[1])
        yield counter
        yield seconds

    def _decisions(self) -> Metric:
        decisions = CounterMetricFamily("muniment_decisions", "Calls that gateways asked about", labels=["outcome"])
        for name, count in sorted(self._total.counters.items()):
            if name.startswith(DECISION):
                decisions.add_metric([name.removeprefix(DECISION)], count)
        return decisions

    def _appends(self) -> Iterator[Metric]:
        total = self._total
        batch = HistogramMetricFamily("muniment_batch_appends", "Appends committed together")
        batch.add_metric([], _buckets(BATCH_BUCKETS, total.batches), total.batches[1])
        yield batch
        events = CounterMetricFamily("muniment_events_appended", "Events added to the log")
        events.add_metric([], total.events)
        yield events

    def _database(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("muniment_database_up", "Whether the database answered this scrape")
        up.add_metric([], 0 if self._models is None else 1)
        yield up
        if not self._models:
            return
        head = GaugeMetricFamily("muniment_log_head_position", "Position of the last event")
        head.add_metric([], self._models[0].head)
        yield head
        events = GaugeMetricFamily("muniment_model_lag_events", "Events not yet shown", labels=["model"])
        seconds = GaugeMetricFamily("muniment_model_lag_seconds", "Age of the first of them", labels=["model"])
        stopped = GaugeMetricFamily("muniment_model_stopped", "Whether a read model stopped", labels=["model", "mode"])
        aside = GaugeMetricFamily(
            "muniment_model_quarantined", "Events that a read model goes without", labels=["model"]
        )
        for model in self._models:
            stopped.add_metric([model.name, model.mode], float(model.stopped))
            aside.add_metric([model.name], model.quarantined)
            if model.mode == "eventual":
                events.add_metric([model.name], model.events)
                seconds.add_metric([model.name], model.seconds)
        failed = GaugeMetricFamily("muniment_job_failed", "Whether a job's last run failed", labels=["job"])
        succeeded = GaugeMetricFamily(
            "muniment_job_succeeded_timestamp_seconds", "When a job last ended well, 0 for never", labels=["job"]
        )
        for name, (error, at) in self._jobs.items():
            failed.add_metric([name], float(error))
            succeeded.add_metric([name], at)
        yield from (events, seconds, stopped, aside, failed, succeeded)


def _buckets(bounds: tuple[float, ...], counted: Cells) -> list[tuple[str, float]]:
    return list(zip([*(str(bound) for bound in bounds), "+Inf"], accumulate(counted[2:]), strict=True))
