"""Starts children, ends them, and checks that the log and its read models are as they must be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg

from projections import MODELS, registry
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import connections
from service.store.log import head
from service.store.rebuild import differences
from service.store.vault import Vault
from tests.service.store.given import assert_sound, until
from tests.store_fixture import MASTER_KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name LIKE $1 ORDER BY random()
"""
ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
BY_CAUSATION = "SELECT causation, max(notification_id), count(*) FROM muniment.log GROUP BY causation"
# What a log line may begin to tell while the database is disturbed. Everything else is a defect.
EXPECTED = (
    "append_connection_lost", "append_outcome_settled", "append_outcome_unknown", "append_given_up",
    "append_batch_split", "bell_connection_lost", "projector_interrupted", "rebuilder_interrupted",
    "generation_adopted", "generation_promoted",
)  # fmt: skip


class Acknowledged(NamedTuple):
    """One append that somebody was told to be committed."""

    causation: UUID
    position: int
    events: int


class Child:
    """One commanding process, and perhaps one that rebuilds: see `child`."""

    def __init__(self, dsn: str, seed: int, folder: Path, *duties: str) -> None:
        self.said, self.complained = folder / f"{seed}.out", folder / f"{seed}.err"
        with self.said.open("wb") as said, self.complained.open("wb") as complained:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.child", dsn, str(seed), *duties],
                cwd=ROOT,
                stdout=said,
                stderr=complained,
            )

    def acknowledged(self) -> list[Acknowledged]:
        *lines, _ = self.said.read_text().split("\n")  # what was cut off in the middle is not told
        told = (line.split() for line in lines)
        return [Acknowledged(UUID(causation), int(position), int(events)) for causation, position, events in told]

    def complaints(self, *expected: str) -> list[str]:
        """Return what the service logged and should not have; what the driver says of its pool is its own affair."""
        ours = [line for line in self.complained.read_text().splitlines() if line[:2] == "20"]
        return [line for line in ours if not any(word in line for word in (*EXPECTED, *expected))]

    def is_busy(self, more_than: int = 0) -> bool:
        """Say whether it has been told more than so much; fails when it ended by itself."""
        assert self.process.poll() is None, self.complained.read_text()
        return len(self.acknowledged()) > more_than

    async def become_busy(self) -> None:
        """Wait until it goes on."""
        before = len(self.acknowledged())
        await until(lambda: self.is_busy(before + 5), PATIENCE)

    def kill(self) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@asynccontextmanager
async def owning(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connections.owner(dsn)
    try:
        yield connection
    finally:
        if not connection.is_closed():
            await connection.close()


async def check(dsn: str, children: list[Child], *expected: str) -> int:
    """Check everything that must hold, these log lines being expected; return how many appends were acknowledged."""
    acknowledged = [one for child in children for one in child.acknowledged()]
    async with owning(dsn) as owner:
        await assert_sound(owner)
        landed = {row[0]: (row[1], row[2]) for row in await owner.fetch(BY_CAUSATION)}
        for one in acknowledged:
            assert landed.get(one.causation) == (one.position, one.events)
        assert len({one.causation for one in acknowledged}) == len(acknowledged)
        ring = MasterKeys([MASTER_KEY])
        vault = Vault(owner, SubjectKeys(ring, lambda: 0.0), ring)
        for model in MODELS.values():
            assert await differences(owner, model, vault) == [], model.name
        errors = [
            tuple(row) for row in await owner.fetch("SELECT name, error FROM muniment.models WHERE error IS NOT NULL")
        ]
        assert errors == []
    complaints = [line for child in children for line in child.complaints(*expected)]
    assert complaints == [], complaints
    return len(acknowledged)


async def audit_catches_up(dsn: str) -> None:
    """Wait until the audit shows everything that is in the log at this moment."""
    async with owning(dsn) as owner:
        goal = await head(owner)

        async def reached() -> bool:
            return await registry.position(owner, "audit") >= goal

        await until(reached, PATIENCE)


async def kill_session(owner: asyncpg.Connection, name: str) -> None:
    """Kill the process that serves one session of these names, once there is one."""
    found: list[int] = []

    async def some() -> bool:
        found.extend(row[0] for row in await owner.fetch(BACKENDS, name))
        return bool(found)

    await until(some, PATIENCE)
    os.kill(found[0], signal.SIGKILL)


async def wait_for_end(owner: asyncpg.Connection) -> None:
    """Wait until this session was ended, as all are when one process of PostgreSQL died."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await owner.execute("SELECT pg_sleep(10)")
    assert owner.is_closed()
