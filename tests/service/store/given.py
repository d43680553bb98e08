"""The givens of the store's tests: appends made by hand, sessions that hold the log, and what is in it afterwards."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg

from domain.account import Account
from domain.token_family import TokenFamily
from projections import MODELS, registry
from service.secrets.digests import sha256_hex
from service.store import connections
from service.store.append import Appender
from service.store.decision import Origin
from service.store.log import read_page
from service.store.pending import Envelope
from service.store.rebuild import APPEND_LOCK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from eventsourcing.domain import Aggregate

    from service.store.log import Entry
    from service.store.pending import Append, Committed
    from tests.store_fixture import StoreParts

ORGANIZATION, ACTOR, CLIENT, REQUEST = (UUID(int=n) for n in range(1, 5))
ENVELOPE = Envelope(ORGANIZATION, ACTOR, CLIENT, REQUEST)
PATIENCE = 10.0
WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND NOT l.granted AND a.application_name = $1
"""
BATCHES = "SELECT first, last, recorded_at FROM muniment.batches WHERE last > 0 ORDER BY last"


def an_origin() -> Origin:
    return Origin(ACTOR, ORGANIZATION, CLIENT, REQUEST)


def an_account(parts: StoreParts, name: str = "Acme", *, id: UUID | None = None) -> Account:
    return Account.create(id=id or parts.clock.new_id(), name=name, parent=None, now=parts.clock.now())


def a_token(parts: StoreParts, *, id: UUID | None = None, **told: Any) -> TokenFamily:
    fields = {
        "organization": ORGANIZATION, "application": CLIENT, "scope": "read_user", "audience": "api", "format": "jwt",
        "digest": sha256_hex(str(uuid4())), "expires_at": parts.clock.now() + timedelta(hours=1),
        "grant_type": "client_credentials", "now": parts.clock.now(),
    }  # fmt: skip
    return TokenFamily.issue(id=id or parts.clock.new_id(), **{**fields, **told})


def prepared(parts: StoreParts, *aggregates: Aggregate, reads: dict[str, int] | None = None, **more: Any) -> Append:
    """Return the append of what these aggregates have done since they were last asked."""
    events = [event for aggregate in aggregates for event in aggregate.collect_events()]
    append = parts.store.prepare(events, ENVELOPE)  # type: ignore[arg-type]
    append.reads.update(reads or {})
    for name, value in more.items():
        setattr(append, name, value)
    return append


async def write(parts: StoreParts, *aggregates: Aggregate, **more: Any) -> Committed:
    return await parts.appender.append(prepared(parts, *aggregates, **more))


@asynccontextmanager
async def an_appender(
    parts: StoreParts, connect: Callable[[str], Awaitable[asyncpg.Connection]] | None = None, **more: Any
) -> AsyncIterator[Appender]:
    """Open one more appender on the same database, as another process has it; stopped afterwards."""
    appender = Appender(
        connect or connections.named_connector(parts.dsn),
        application_name=f"other-{uuid4().hex[:8]}",
        writers=registry.expected_writers(MODELS.values(), await registry.rows(parts.pool)),
        master_key=lambda: parts.master_keys.current_id,
        **more,
    )
    await appender.start()
    try:
        yield appender
    finally:
        await appender.stop()


@asynccontextmanager
async def log_held(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Hold the lock of the log in a transaction of another session, as somebody who was stopped in it does."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "holder"})
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(APPEND_LOCK)
    try:
        yield connection
    finally:
        if not connection.is_closed():
            await transaction.rollback()
            await connection.close()


@asynccontextmanager
async def batched(parts: StoreParts, *appends: Append) -> AsyncIterator[list[asyncio.Task[Committed]]]:
    """Let these appends wait together, so that afterwards they are taken as one batch, as far as they may be.

    Position 1 is that of the account which kept the appender busy until then.
    """
    async with log_held(parts.dsn):
        plug = await keep_busy(parts, parts.appender)
        tasks = [asyncio.create_task(parts.appender.append(append)) for append in appends]
        await until(lambda: parts.appender.pending == len(tasks))
        yield tasks
    await plug
    await asyncio.wait(tasks)


async def keep_busy(parts: StoreParts, appender: Appender) -> asyncio.Task[Committed]:
    """Give an appender something to do while somebody holds the log: whatever comes now waits in its queue."""
    plug = asyncio.create_task(appender.append(prepared(parts, an_account(parts, "Plug"))))
    await until(lambda: waits(parts, appender))
    return plug


async def waits(parts: StoreParts, appender: Appender | None = None) -> bool:
    """Say whether a batch has reached the database and waits for the lock."""
    name = (appender or parts.appender)._lane._name
    return bool(await parts.owner.fetchval(WAITING, name))


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if held if isinstance(held, bool) else await held:
            return
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.005)


async def history(parts: StoreParts, *, after: int = 0) -> list[Entry]:
    return await read_page(parts.owner, after=after, until=2**62, limit=1_000_000)


async def batch_sizes(parts: StoreParts) -> list[int]:
    """Return how many events each batch added, after the one that kept the appender busy (see `batched`)."""
    return [row["last"] - row["first"] + 1 for row in await parts.owner.fetch(BATCHES)][1:]


async def names(parts: StoreParts) -> list[str]:
    """Return the names in the accounts' read model, in the order in which they were committed."""
    rows = await parts.owner.fetch("SELECT name FROM models.accounts WHERE name <> 'Plug' ORDER BY position")
    return [row[0] for row in rows]


async def assert_sound(connection: asyncpg.Connection) -> int:
    """Check what holds of every log: no gap, no double, batches that tile it, time that never goes back."""
    positions = [row[0] for row in await connection.fetch("SELECT notification_id FROM muniment.log ORDER BY 1")]
    assert positions == list(range(1, len(positions) + 1))
    batches = await connection.fetch(BATCHES)
    assert [row["first"] for row in batches] == [1, *(row["last"] + 1 for row in batches)][: len(batches)]
    assert not batches or batches[-1]["last"] == len(positions)
    times = [row["recorded_at"] for row in batches]
    assert times == sorted(times)
    torn = await connection.fetchval(
        "SELECT count(*) FROM muniment.log l JOIN muniment.batches b ON l.notification_id BETWEEN b.first AND b.last"
        " WHERE l.recorded_at <> b.recorded_at"
    )
    assert torn == 0
    return len(positions)
