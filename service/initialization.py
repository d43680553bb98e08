"""Brings a database to where workers can serve from it: schema, read models, master key, first start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from projections import MODELS, registry
from service import bootstrap, erasures, root_application
from service.commands import administrators, signing_keys
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import connections, migrations, rebuild
from service.store.append import Appender
from service.store.store import Store
from service.store.vault import Vault

if TYPE_CHECKING:
    import asyncpg

    from service.bootstrap import RootApplication
    from service.clock import Clock
    from service.settings import Settings

MASTER_KEY_FILE = "master.key"
NAME = "muniment-init"


class WrongMasterKey(Exception):
    """The database's secrets were wrapped under a master key that this process does not have."""


def master_keys(settings: Settings) -> MasterKeys:
    """Return the ring of the environment, or else of the data folder's file, made when there is none."""
    if settings.master_key is not None:
        return MasterKeys.from_base64(settings.master_key)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return MasterKeys.load_or_create(settings.data_dir / MASTER_KEY_FILE)


async def initialize(dsn: str, settings: Settings, clock: Clock) -> RootApplication | None:
    """Migrate, make the read models, fill an empty log; return the root application when it was made just now.

    Of processes that start at once, one does all this and the others find it done. Whoever may not create anything in
    the database only checks that all is there. Raises SchemaMismatch,
    WrongMasterKey and whatever the database says.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    ring = master_keys(settings)
    owner = await connections.owner(dsn)
    try:
        await migrations.take_turn(owner)
        if await migrations.may_create(owner):
            await migrations.migrate(owner)
            vault = Vault(owner, SubjectKeys(ring, time.monotonic), ring)
            await rebuild.install(owner, list(MODELS.values()), vault)
            await migrations.note_master_key(owner, ring.current_id)
        else:
            await migrations.check(owner)
        await migrations.ensure_partitions(owner)
        await require_master_key(owner, ring)
        return await _first_start(dsn, settings, clock, ring)
    finally:
        await owner.close()


async def require_master_key(owner: asyncpg.Connection, ring: MasterKeys) -> None:
    """Raise WrongMasterKey unless the ring opens what the database holds."""
    noted = await migrations.noted_master_key(owner)
    if noted not in ring.ids:
        msg = (
            f"the database's secrets are wrapped under master key {noted}, and this process has {', '.join(ring.ids)}: "
            f"set MUNIMENT_MASTER_KEY, or bring {MASTER_KEY_FILE} back to the data folder"
        )
        raise WrongMasterKey(msg)


async def _first_start(dsn: str, settings: Settings, clock: Clock, ring: MasterKeys) -> RootApplication | None:
    pool = await connections.pool(dsn, size=1, name=NAME)
    appender = None
    try:
        writers = registry.expected_writers(MODELS.values(), await registry.rows(pool))
        appender = Appender(
            connections.named_connector(dsn),
            application_name=f"{NAME}-{clock.new_id().hex[-12:]}",
            writers=writers,
            master_key=lambda: ring.current_id,
        )
        await appender.start()
        store = Store(pool, appender, Vault(pool, SubjectKeys(ring, time.monotonic), ring), clock)
        root = await bootstrap.first_start(store, settings, clock)
        await signing_keys.ensure(store, bootstrap.origin(clock), settings.algorithms)
        await root_application.follow_audiences(store, settings, clock)
        await administrators.ensure(store, clock)
        await erasures.apply_again(store, settings.data_dir)
    finally:
        if appender is not None:
            await appender.stop()
        await pool.close()
    return root
