"""Per-client rate limits: a token bucket each, refilled evenly over a minute. Off unless a limit is set."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REMEMBERED = 10_000
MINUTE = 60.0


class Limiter:
    """Buckets by client. Each worker keeps its own and allows its share of the limit."""

    def __init__(self, monotonic: Callable[[], float], *, default: int | None, workers: int) -> None:
        """`default` is the limit a minute of clients without one of their own, None for no limit."""
        self._monotonic = monotonic
        self._default = default
        self._workers = workers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, client_id: str, limit: int | None) -> int:
        """Take one request out of a client's bucket; return 0, or the seconds after which to try again."""
        limit = limit or self._default
        if limit is None:
            return 0
        share = max(1.0, limit / self._workers)
        now = self._monotonic()
        level, at = self._buckets.get(client_id, (share, now))
        level = min(share, level + (now - at) * share / MINUTE)
        allowed = level >= 1
        self._buckets[client_id] = (level - 1 if allowed else level, now)
        self._buckets.move_to_end(client_id)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - level) * MINUTE / share))
