"""What the command line does to a database: beside the running service, or on the embedded one, started for it."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from projections import MODELS, registry
from service import initialization
from service.clock import Clock
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import connections, migrations
from service.store.append import Appender
from service.store.rebuild import APPEND_LOCK
from service.store.store import Store
from service.store.vault import Vault
from service.supervisor import database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg

    from service.settings import Settings

NAME = "muniment-cli"


class Tools(NamedTuple):
    """What commands of the command line work with."""

    dsn: str
    store: Store
    pool: asyncpg.Pool
    owner: asyncpg.Connection
    vault: Vault


@contextmanager
def address(settings: Settings) -> Iterator[str]:
    """Yield the database's address: that of the running service if there is one, else one started for the while."""
    if settings.database_url is None:
        from service.postgres.running import running_address  # noqa: PLC0415 - not needed with one's own database

        running = running_address(settings.data_dir)
        if running is not None:
            yield running
            return
    with database(settings) as found:
        yield found.dsn


@asynccontextmanager
async def tools(dsn: str, settings: Settings) -> AsyncIterator[Tools]:
    """Yield a store over an initialised database. Raises DatabaseUnreachable, SchemaMismatch and WrongMasterKey."""
    ring = initialization.master_keys(settings)
    async with _owner(dsn) as owner:
        # Before anything else connects: the service's own role exists only once the schema does.
        await migrations.check(owner)
        await initialization.require_master_key(owner, ring)
        async with _working(dsn, ring, owner) as working:
            yield working


@asynccontextmanager
async def _owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connections.owner(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _working(dsn: str, ring: MasterKeys, owner: asyncpg.Connection) -> AsyncIterator[Tools]:
    pool = await connections.pool(dsn, size=2, name=NAME)
    try:
        clock = Clock()
        vault = Vault(pool, SubjectKeys(ring, time.monotonic), ring)
        appender = Appender(
            connections.named_connector(dsn),
            application_name=f"{NAME}-{clock.new_id().hex[-12:]}",
            writers=registry.expected_writers(MODELS.values(), await registry.rows(pool)),
            master_key=lambda: ring.current_id,
        )
        await appender.start()
        try:
            yield Tools(dsn, Store(pool, appender, vault, clock), pool, owner, vault)
        finally:
            await appender.stop()
    finally:
        await pool.close()


async def rotate_master(dsn: str, settings: Settings) -> tuple[str, int]:
    """Wrap all subject keys under a new master key; return its id and how many keys were wrapped again.

    On a key file the new key is added first, so that workers find it when they meet it. With keys in the environment
    the new one must stand first there (and second in the workers' environment already).
    """
    path = settings.data_dir / initialization.MASTER_KEY_FILE
    ring = initialization.master_keys(settings) if settings.master_key is not None else MasterKeys.rotate(path)
    async with _owner(dsn) as owner:
        await migrations.check(owner)
        vault = Vault(owner, SubjectKeys(ring, time.monotonic), ring)
        async with owner.transaction():
            await owner.execute(APPEND_LOCK)
            count = await vault.rewrap(owner)
            await migrations.change_master_key(owner, ring.current_id)
    return ring.current_id, count
