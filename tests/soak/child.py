"""A process that commands without end and says what was acknowledged: `python -m tests.soak.child DSN SEED [DUTY …]`.

Each line of its output is one acknowledged append: causation, position of its last event, number of events. It keeps
the audit up as a worker does; further duties are to `rebuild` what is asked for, and to `operate`: to ask for it. It
ends when it is killed, with its parent, or when something happens that no caller should ever see.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from typing import TYPE_CHECKING

import asyncpg
import structlog

from projections import EVENTUAL, MODELS, registry
from service.clock import Clock
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import connections, rebuilder
from service.store.append import LOST, Appender
from service.store.follower import Bell
from service.store.projector import Projector
from service.store.rebuilder import Rebuilder
from service.store.refusals import Overloaded
from service.store.store import Store
from service.store.vault import SubjectKeyDestroyed, Vault
from tests.soak import operations
from tests.soak.deeds import Deeds
from tests.store_fixture import MASTER_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.store.pending import Append, Committed

WORKERS = 8
# What a caller is told while the database is away or busy; and that a subject was destroyed a moment ago.
TOLD = (*LOST, Overloaded, SubjectKeyDestroyed, asyncpg.QueryCanceledError)
# More happens in a second than operators would wait for.
QUICK = {"POLL_SECONDS": 0.05, "STANDBY_SECONDS": 0.2, "RETRY_SECONDS": 0.1, "FOLLOW_SECONDS": 1.0}


class Telling(Appender):
    """An appender that writes down each acknowledgement before its caller hears of it."""

    async def append(self, append: Append) -> Committed:
        committed = await super().append(append)
        if append.events:
            os.write(1, f"{append.causation} {committed.position} {len(append.events)}\n".encode())
        return committed


async def go_on(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except TOLD:
            await asyncio.sleep(0.02)


def owning(dsn: str, name: str) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """Return a function that opens an owner's sessions by a name that a test can pick."""

    async def connect() -> asyncpg.Connection:
        connection = await connections.owner(dsn)
        await connection.execute(f"SET application_name = '{name}'")
        return connection

    return connect


async def end_with_parent(parent: int) -> None:
    """Leave no process behind, however the test that started this one has ended."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the parent sends no word of its end
        await asyncio.sleep(0.5)
    os._exit(1)


async def main(dsn: str, seed: int, *duties: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    ring, name = MasterKeys([MASTER_KEY]), f"child-{os.getpid()}"
    pool = await connections.pool(dsn, size=3, name=name)
    vault = Vault(pool, SubjectKeys(ring, time.monotonic), ring)
    bell = Bell(connections.connector(dsn, name=f"{name}-bell"))
    appender = Telling(
        connections.named_connector(dsn),
        application_name=f"{name}-append",
        writers=registry.expected_writers(MODELS.values(), await registry.rows(pool)),
        master_key=lambda: ring.current_id,
        on_commit=bell.ring,
    )
    projector = Projector(connections.connector(dsn, name=f"{name}-projector"), EVENTUAL.values(), vault, bell)
    for part in (appender, bell, projector):
        await part.start()
    if "rebuild" in duties:
        vars(rebuilder).update(QUICK)
        await Rebuilder(owning(dsn, f"{name}-rebuilder"), MODELS.values(), vault).start()
    store = Store(pool, appender, vault, Clock())
    first = Deeds(store, random.Random(seed))
    if await first.any("application") is None:
        await first.begin()
    async with asyncio.TaskGroup() as group:
        group.create_task(end_with_parent(os.getppid()))
        for number in range(WORKERS):
            group.create_task(go_on(Deeds(store, random.Random(seed * 1_000 + number)).go_on))
        if "operate" in duties:
            dice = random.Random(seed)
            group.create_task(go_on(lambda: operations.go_on(pool, dice)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
