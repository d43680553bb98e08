"""What one worker has counted, in a form that adds up: the sum of all workers' tallies is the service's.

Counting costs a dictionary look-up and three additions, without a lock: one thread counts.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)  # seconds
BATCH_BUCKETS = (1, 4, 16, 64, 256, 512)  # appends
MAX_KINDS = 2_000
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Cells = list[float]
"""A histogram: how many, their sum, and how many in each bucket; the last bucket has no upper bound."""


def cells(buckets: tuple[float, ...]) -> Cells:
    """Return an empty histogram."""
    return [0.0] * (len(buckets) + 3)


class Tally(msgspec.Struct):
    """All counts of a worker. `requests` is by route template, method and status."""

    requests: dict[tuple[str, str, int], Cells] = {}
    batches: Cells = msgspec.field(default_factory=lambda: cells(BATCH_BUCKETS))
    events: float = 0
    counters: dict[str, float] = {}

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is a template, never a path: paths have no end."""
        cell = self.requests.get((route, method, status))
        if cell is None:
            cell = self._new(route, method, status)
        cell[0] += 1
        cell[1] += seconds
        cell[2 + bisect_left(REQUEST_BUCKETS, seconds)] += 1

    def batch(self, appends: int, events: int) -> None:
        """Count a committed batch of appends, and the events it added."""
        self.batches[0] += 1
        self.batches[1] += appends
        self.batches[2 + bisect_left(BATCH_BUCKETS, appends)] += 1
        self.events += events

    def add(self, other: Tally) -> None:
        """Add another worker's counts."""
        for kind, theirs in other.requests.items():
            mine = self.requests.setdefault(kind, cells(REQUEST_BUCKETS))
            mine[:] = [a + b for a, b in zip(mine, theirs, strict=True)]
        self.batches = [a + b for a, b in zip(self.batches, other.batches, strict=True)]
        self.events += other.events
        for name, value in other.counters.items():
            self.counters[name] = self.counters.get(name, 0) + value

    def _new(self, route: str, method: str, status: int) -> Cells:
        # A method is the client's word; only those we know have a row of their own.
        kind = (route, method if method in METHODS else "other", status)
        if len(self.requests) >= MAX_KINDS:
            kind = ("other", "other", status if status in (200, 400, 500) else 0)
        return self.requests.setdefault(kind, cells(REQUEST_BUCKETS))
