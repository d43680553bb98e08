"""Measures the event log alone: events appended a second, with the read models written in the same transaction."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvloop

from tests.bench.figures import Append, Plan, percentile

PRODUCERS = (1, 32, 128)

One = Callable[[], Awaitable[object]]


class NotWired(Exception):
    """No append can be measured; the text says why."""


@asynccontextmanager
async def append_workload(dsn: str) -> AsyncIterator[One]:
    """Open the store on the empty database `dsn` and yield `one`, closing the store afterwards.

    `await one()` appends one event of the hot path - a token issued, its immediate read model included - and returns
    when it is committed. Many producers call it at once. Raises NotWired.
    """
    message = f"append: the store offers no workload on {dsn}"
    raise NotWired(message)
    yield _nothing


async def _nothing() -> None:
    return


async def _producers(one: One, producers: int, seconds: float) -> Append:
    """Let so many producers append, each its next event when its last is durable."""
    latencies = array("d")
    start = time.perf_counter()
    end = start + seconds

    async def produce() -> None:
        before = time.perf_counter()
        while before < end:
            await one()
            after = time.perf_counter()
            latencies.append(after - before)
            before = after

    async with asyncio.TaskGroup() as group:
        for _ in range(producers):
            group.create_task(produce())
    took = time.perf_counter() - start
    ordered = sorted(latencies)
    return Append(
        producers=producers,
        rate=len(ordered) / took,
        p50=percentile(ordered, 0.50) * 1000,
        p99=percentile(ordered, 0.99) * 1000,
    )


async def _measure(dsn: str, plan: Plan) -> list[Append]:
    found = []
    async with append_workload(dsn) as one:
        for producers in PRODUCERS:
            await _producers(one, producers, plan.warm_up)
            found.append(await _producers(one, producers, plan.seconds))
    return found


def measure(dsn: str, plan: Plan) -> list[Append]:
    """Return one figure for each number of producers. Raises NotWired, and whatever an append raises."""
    return uvloop.run(_measure(dsn, plan))
