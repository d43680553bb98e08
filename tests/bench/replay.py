"""Measures replays: events a second from the log into a new generation of a read model, indexes included.

Each is made by a process of its own, whose memory counts: python -m tests.bench.replay DSN MODEL.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from projections import MODELS
from service.child_process import GC_THRESHOLD
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import connections, generation, migrations, rebuild
from service.store.vault import Vault
from tests.bench import filled
from tests.bench.children import die_with_parent, environment
from tests.bench.figures import Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SCHEMA = "models_bench"
KEY = bytes(32)  # of a database that lives as long as the benchmark
PAST_OF = 10  # one person for so many token events, and a quarter as many applications
ENOUGH = 10_000  # events, for a rate that says something


class ReplayFailed(Exception):
    """A replay ended badly; the text holds its last words."""


def measure(dsn: str, events: int) -> Iterator[Replay]:
    """Fill the empty database `dsn` with so many token events and the rest of a past, and replay it model by model."""
    asyncio.run(_prepare(dsn, events))
    for name in ("tokens", *sorted(MODELS.keys() - {"tokens"})):
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, dsn, name],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=die_with_parent,
        )
        if done.returncode != 0:
            message = f"replay of {name}: {done.stderr[-1000:]}"
            raise ReplayFailed(message)
        figure = Replay(**json.loads(done.stdout))
        if figure.events >= min(ENOUGH, events):
            yield figure


async def _prepare(dsn: str, events: int) -> None:
    ring = MasterKeys([KEY])
    owner = await connections.owner(dsn)
    try:
        await migrations.migrate(owner)
        await rebuild.install(owner, list(MODELS.values()), Vault(owner, SubjectKeys(ring, time.monotonic), ring))
        await migrations.note_master_key(owner, ring.current_id)
        await migrations.ensure_partitions(owner)
        people = max(events // PAST_OF, 1)
        await filled.fill(owner, ring, filled.Past(events, people=people, applications=max(people // 4, 1)))
        # Whoever follows a log has read it before: what a first reader writes down, and what was written until here, is
        # no business of the replays.
        await owner.execute("VACUUM muniment.events, muniment.token_events")
        await owner.execute("CHECKPOINT")
    finally:
        await owner.close()


async def _replay(dsn: str, name: str) -> Replay:
    model, ring = MODELS[name], MasterKeys([KEY])
    owner = await connections.owner(dsn)
    keys = await connections.owner(dsn)
    applied = 0

    async def count(_: int, events: int) -> None:
        nonlocal applied
        applied += events

    try:
        before, busy = time.perf_counter(), time.process_time()
        vault = Vault(keys, SubjectKeys(ring, time.monotonic), ring)
        await rebuild.scratch(owner, model, vault, SCHEMA, on_page=count)
        async with owner.transaction():
            await generation.complete(owner, model, SCHEMA)
        took, busy = time.perf_counter() - before, time.process_time() - busy
        await owner.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    finally:
        await keys.close()
        await owner.close()
    return Replay(name, applied, applied / took, busy / max(applied, 1) * 1e6, _peak())


def _peak() -> float:
    """Return the most MB that this process ever held (what getrusage tells begins with the parent's)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    # As in the background process, which is where rebuilds are carried out.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    figure = uvloop.run(_replay(*sys.argv[1:]))
    print(json.dumps(vars(figure)))  # noqa: T201 - read by the benchmark
