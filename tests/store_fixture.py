"""An event store on a database of its own, ready to decide commands: `parts` for one process, `open_parts` for more."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from projections import MODELS, registry
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import connections, migrations, rebuild
from service.store.append import Appender
from service.store.store import Store
from service.store.vault import Vault
from tests.fake_clock import FakeClock
from tests.postgres_fixture import copied, database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import asyncpg

MASTER_KEY = bytes(range(32))


@dataclass(frozen=True)
class StoreParts:
    """What one process has open. `owner` may do anything, `pool` only what the service may."""

    dsn: str
    store: Store
    appender: Appender
    pool: asyncpg.Pool
    owner: asyncpg.Connection
    vault: Vault
    clock: FakeClock
    master_keys: MasterKeys


@pytest.fixture(scope="session")
def store_template(postgres_dsn: str) -> Iterator[str]:
    """The name of a database with the schema and empty read models, to be copied: that is faster than to migrate."""
    name = f"template_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    asyncio.run(install(database(postgres_dsn, name)))
    yield name
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def store_database(postgres_dsn: str, store_template: str) -> Iterator[str]:
    """The address of a database with an empty log, dropped after the test."""
    with copied(postgres_dsn, store_template) as dsn:
        yield dsn


@pytest.fixture
async def open_parts(store_database: str) -> AsyncIterator[Callable[[], Awaitable[StoreParts]]]:
    """A function that opens a store as one more process would: same database and clock, memory of its own."""
    clock = FakeClock()
    async with AsyncExitStack() as stack:

        async def open_one() -> StoreParts:
            return await stack.enter_async_context(opened(store_database, clock))

        yield open_one


@pytest.fixture
async def parts(open_parts: Callable[[], Awaitable[StoreParts]]) -> StoreParts:
    """An open store on a database with an empty log."""
    return await open_parts()


async def install(dsn: str) -> None:
    """Bring an empty database to where a store can be opened on it."""
    keys = MasterKeys([MASTER_KEY])
    owner = await connections.owner(dsn)
    try:
        await migrations.migrate(owner)
        await rebuild.install(owner, list(MODELS.values()), Vault(owner, SubjectKeys(keys, lambda: 0.0), keys))
        await migrations.note_master_key(owner, keys.current_id)
        await migrations.ensure_partitions(owner)
    finally:
        await owner.close()


@asynccontextmanager
async def opened(dsn: str, clock: FakeClock) -> AsyncIterator[StoreParts]:
    keys = MasterKeys([MASTER_KEY])
    name = f"test-{uuid.uuid4().hex[:8]}"
    owner = await connections.owner(dsn)
    pool = await connections.pool(dsn, size=4, name=name)
    vault = Vault(pool, SubjectKeys(keys, clock.monotonic), keys)
    appender = Appender(
        connections.named_connector(dsn),
        application_name=f"{name}-append",
        writers=registry.expected_writers(MODELS.values(), await registry.rows(pool)),
        master_key=lambda: keys.current_id,
    )
    await appender.start()
    try:
        yield StoreParts(dsn, Store(pool, appender, vault, clock), appender, pool, owner, vault, clock, keys)
    finally:
        await appender.stop()
        await pool.close()
        await owner.close()
