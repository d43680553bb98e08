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
    with database(settings) as dsn:
        yield dsn


@asynccontextmanager
async def tools(dsn: str, settings: Settings) -> AsyncIterator[Tools]:
    """Yield a store over an initialised database. Raises SchemaMismatch when it is not this program's."""
    ring = initialization.master_keys(settings)
    owner = await connections.owner(dsn)
    pool = await connections.pool(dsn, size=2, name=NAME)
    try:
        await migrations.check(owner)
        vault = Vault(pool, SubjectKeys(ring, time.monotonic), ring)
        appender = Appender(
            connections.connector(dsn, name=NAME),
            application_name=NAME,
            writers=registry.expected_writers(MODELS.values(), await registry.rows(pool)),
            master_key=lambda: ring.current_id,
        )
        await appender.start()
        try:
            yield Tools(Store(pool, appender, vault, Clock()), pool, owner, vault)
        finally:
            await appender.stop()
    finally:
        await pool.close()
        await owner.close()


async def rotate_master(dsn: str, settings: Settings) -> tuple[str, int]:
    """Wrap all subject keys under a new master key; return its id and how many keys were wrapped again.

    On a key file the new key is added first, so that workers find it when they meet it. With keys in the environment
    the new one must stand first there (and second in the workers' environment already).
    """
    path = settings.data_dir / initialization.MASTER_KEY_FILE
    ring = initialization.master_keys(settings) if settings.master_key is not None else MasterKeys.rotate(path)
    owner = await connections.owner(dsn)
    try:
        vault = Vault(owner, SubjectKeys(ring, time.monotonic), ring)
        async with owner.transaction():
            await owner.execute(APPEND_LOCK)
            count = await vault.rewrap(owner)
            await migrations.change_master_key(owner, ring.current_id)
    finally:
        await owner.close()
    return ring.current_id, count
