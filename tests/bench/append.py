"""Measures the event log alone: events appended a second, with the read models written in the same transaction."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import uvloop

from domain.application import TokenFormat
from domain.token_family import TokenFamily
from service.clock import Clock
from service.initialization import initialize
from service.secrets.digests import sha256_hex
from service.settings import Settings
from service.store.decision import collected
from service.store.pending import Envelope
from service.worker import parts
from tests.bench.figures import Append, Plan, percentile

if TYPE_CHECKING:
    from pathlib import Path

PRODUCERS = (1, 32, 128)

One = Callable[[], Awaitable[object]]


@asynccontextmanager
async def append_workload(dsn: str, folder: Path) -> AsyncIterator[One]:
    """Open the store on the empty database `dsn` and yield `one`, closing the store afterwards.

    `await one()` decides and appends one event of the hot path - a token issued, its immediate read model and the
    guards of its decision included - and returns when it is committed. Many producers call it at once.
    """
    clock = Clock()
    settings = Settings(data_dir=folder, root_client_id="bench", root_client_secret="bench-" * 5, issuer="http://bench",
                        management_audiences=("http://bench/api",))  # fmt: skip
    await initialize(dsn, settings, clock)
    async with aclosing(parts(dsn, settings, clock)) as opening:
        wired = await anext(opening)
        store = wired.store
        client = await wired.clients.fresh("bench")
        assert client is not None
        envelope = Envelope(client.organization, client.id, client.id, clock.new_id())
        guards = {**client.guards, **wired.keys.guards}

        async def one() -> object:
            now, id_ = clock.now(), clock.new_id()
            family = TokenFamily.issue(
                id=id_,
                organization=client.organization,
                application=client.id,
                scope="read_user write_user",
                audience="http://bench/api",
                format=TokenFormat.JWT,
                digest=sha256_hex(str(id_)),
                expires_at=now + timedelta(hours=1),
                grant_type="client_credentials",
                now=now,
            )
            append = store.prepare(collected(family), envelope)
            append.reads = guards
            return await store.appender.append(append)

        yield one


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


async def _measure(dsn: str, folder: Path, plan: Plan) -> list[Append]:
    found = []
    async with append_workload(dsn, folder) as one:
        for producers in PRODUCERS:
            await _producers(one, producers, plan.warm_up)
            found.append(await _producers(one, producers, plan.seconds))
    return found


def measure(dsn: str, folder: Path, plan: Plan) -> list[Append]:
    """Return one figure for each number of producers. Raises whatever an append raises."""
    return uvloop.run(_measure(dsn, folder, plan))
