"""Ten million token events are replayed while tokens are issued and introspected: nobody is refused or waits long."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.bench import contenders, sized
from tests.bench.contenders import HEADERS, introspect_body
from tests.bench.figures import INTROSPECT, ISSUE, percentile
from tests.soak.watch import owning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from service.postgres import EmbeddedPostgres
    from tests.bench.contenders import Contender

pytestmark = pytest.mark.soak
# With fewer to try it out, the moment of the promotion weighs more: a rebuild of seconds has no p99 to speak of.
TOKENS = int(os.environ.get("MUNIMENT_SOAK_TOKENS", "10000000"))
RATE = 100  # requests a second of each kind: a machine at its limit has no p99 to keep
QUIET_SECONDS = 30.0
PATIENCE = aiohttp.ClientTimeout(total=10)
LATEST = "SELECT state, differences, applied FROM muniment.rebuilds WHERE model = 'tokens' ORDER BY id DESC LIMIT 1"


class Seen:
    """What the clients saw meanwhile: latencies in ms by job, and answers that no client should see."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = {ISSUE: [], INTROSPECT: []}
        self.failures: list[str] = []

    def p99(self, job: str) -> float:
        return percentile(sorted(self.took[job]), 0.99)

    def told(self) -> str:
        return ", ".join(
            f"{job}: {len(took):,} answers, p50 {percentile(sorted(took), 0.5):.1f}, p99 {self.p99(job):.1f}, "
            f"longest {max(took):.0f} ms"
            for job, took in self.took.items()
        )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder on a disk: this is more than memory should hold."""
    folder = Path(tempfile.mkdtemp(prefix="muniment-soak-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def load(contender: Contender, tokens: Sequence[str]) -> AsyncIterator[Seen]:
    """Ask for tokens, and about tokens, so and so often a second, whether or not there is an answer yet."""
    seen, pending = Seen(), set[asyncio.Task[None]]()
    dice = random.Random(1)

    async def ask(session: aiohttp.ClientSession, job: str) -> None:
        issue = job == ISSUE
        path, body = (
            (contender.issue, contender.issue_body)
            if issue
            else (str(contender.introspect), introspect_body(dice.choice(tokens)))
        )
        began = time.perf_counter()
        try:
            async with session.post(contender.url(path), data=body, headers=HEADERS) as reply:
                text = await reply.text()
                right = "access_token" in text if issue else json.loads(text).get("active") is True
                if reply.status != 200 or not right:
                    seen.failures.append(f"{job}: {reply.status} {text[:200]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            seen.failures.append(f"{job}: {error!r}")
        seen.took[job].append((time.perf_counter() - began) * 1000)

    async def ask_on(session: aiohttp.ClientSession) -> None:
        due = time.perf_counter()
        while True:
            for job in (ISSUE, INTROSPECT):
                task = asyncio.create_task(ask(session, job))
                pending.add(task)
                task.add_done_callback(pending.discard)
            due += 1 / RATE
            await asyncio.sleep(max(due - time.perf_counter(), 0))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector) as session:
        asking = asyncio.create_task(ask_on(session))
        yield seen
        asking.cancel()
        await asyncio.gather(*pending, asking, return_exceptions=True)


async def rebuild(dsn: str, folder: Path) -> int:
    """Rebuild the tokens by the command that operators have; return its exit status."""
    program = Path(sys.executable).with_name("muniment")
    environment = {**os.environ, **sized.environment(dsn), "MUNIMENT_DATA_DIR": str(folder)}
    with (folder / "rebuild.out").open("wb") as said:
        command = await asyncio.create_subprocess_exec(
            program, "projections", "rebuild", "tokens", env=environment, cwd=folder, stdout=said, stderr=said
        )
        return await command.wait()


async def test_a_rebuild_under_load_fails_no_request_and_at_most_doubles_the_p99(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    _, tokens = await sized.fill(server.address, tmp_path, TOKENS)
    with contenders.muniment(1, tmp_path, **sized.environment(server.address)) as contender:
        async with load(contender, tokens):
            await asyncio.sleep(QUIET_SECONDS / 3)
        async with load(contender, tokens) as before:
            await asyncio.sleep(QUIET_SECONDS)
        async with load(contender, tokens) as meanwhile:
            began = time.perf_counter()
            status = await rebuild(server.address, tmp_path)
            took = time.perf_counter() - began
    print(f"quiet: {before.told()}\nrebuild of {TOKENS:,} in {took:,.0f} s: {meanwhile.told()}")  # noqa: T201
    assert status == 0, (tmp_path / "rebuild.out").read_text()
    async with owning(server.address) as owner:
        job = await owner.fetchrow(LATEST)
    assert job["state"] == "promoted"
    assert json.loads(job["differences"])["count"] == 0  # the whole of the two was compared
    assert job["applied"] >= TOKENS
    assert before.failures == meanwhile.failures == []
    for job_ in (ISSUE, INTROSPECT):
        assert len(meanwhile.took[job_]) > 0.9 * RATE * took
        assert meanwhile.p99(job_) <= 2 * before.p99(job_), job_
