"""The background process: what works on the whole service's behalf and answers no request.

It keeps the eventual read models up with the log, builds read models anew, sends mail, tells applications whose session
is over, and keeps the store in order. A process of its own, so that workers spend all their time on requests. Locks in
the database pick one of several services' background processes for each duty.
"""

from __future__ import annotations

import os
import time
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from projections import EVENTUAL, MODELS
from service import initialization
from service.clock import Clock
from service.connectors.sending import sender_for
from service.lifetime import Lifetime, tell_ready
from service.messages import smtp
from service.messages.delivery import Delivery
from service.messages.links import Links
from service.messages.logout_delivery import LogoutDelivery
from service.messages.sender import Messages
from service.oauth.key_ring import KeyRing
from service.outbound import Outbound
from service.secrets.subject_keys import SubjectKeys
from service.store import connections
from service.store.follower import Bell
from service.store.projector import Projector
from service.store.rebuilder import Rebuilder
from service.store.retention import Retention
from service.store.upkeep import Upkeep
from service.store.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from service.settings import Settings

POOL_SIZE = 2


async def duties(dsn: str, settings: Settings, clock: Clock) -> AsyncGenerator[None]:
    """Start all duties and yield; end them in the opposite order afterwards."""
    name = f"muniment-background-{os.getpid()}-{clock.new_id().hex[-8:]}"
    ring = initialization.master_keys(settings)
    pool = await connections.pool(dsn, size=POOL_SIZE, name=name)

    def reload() -> None:
        ring.adopt(initialization.master_keys(settings))

    vault = Vault(pool, SubjectKeys(ring, time.monotonic), ring, reload)
    outbound = Outbound(settings.outbound_allow)
    bell = Bell(connections.connector(dsn, name=f"{name}-bell"))
    started = (
        bell,
        outbound,
        Projector(connections.connector(dsn, name=f"{name}-projector"), EVENTUAL.values(), vault, bell),
        Upkeep(
            connections.connector(dsn, name=f"{name}-upkeep"),
            clock,
            journal_days=settings.journal_days,
            call_log_days=settings.call_log_days,
        ),
        Rebuilder(lambda: connections.owner(dsn), MODELS.values(), vault),
        Retention(lambda: connections.owner(dsn), clock, expired_for=timedelta(hours=settings.expired_token_hours)),
        Delivery(
            pool,
            vault,
            bell,
            clock,
            links=Links(ring, settings.issuer, reload),
            messages=Messages.of(
                settings,
                clock,
                outbound,
                connected=partial(sender_for, pool, vault, outbound, clock),
                seconds=smtp.WHOLE_SECONDS,
            ),
        ),
        LogoutDelivery(
            pool,
            clock,
            keys=KeyRing(
                pool,
                vault,
                clock,
                access_tokens=settings.signing_algorithm,
                id_tokens=settings.id_token_algorithm,
            ),
            outbound=outbound,
            issuer=settings.issuer,
        ),
    )
    try:
        for duty in started:
            await duty.start()
        yield
    finally:
        for duty in reversed(started):
            with suppress(Exception):
                await duty.stop()
        await pool.close()


async def serve(dsn: str, settings: Settings, *, parent: int, ready: int) -> None:
    """Work until SIGTERM, SIGINT or the parent's end. Writes one byte to `ready` when the work has begun."""
    lifetime = Lifetime(parent)
    async with aclosing(duties(dsn, settings, Clock())) as working:
        await anext(working)
        tell_ready(ready)
        await lifetime.over()
