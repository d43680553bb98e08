"""One worker process: the composition root. Wires the parts, serves until it is told to stop, then ends in order."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from projections import MODELS, registry
from service import erasures, initialization
from service.access.call_log import CallLog
from service.access.decisions import Decisions
from service.access.frequency import Frequency
from service.access.gateways import Gateways
from service.access.route_tables import RouteTables
from service.clock import Clock
from service.connectors.sending import sender_for
from service.http.app import build
from service.http.bearer import Bearer
from service.http.limiter import Limiter
from service.http.request import ALL_STRINGS, drained
from service.http.serving import LIMITS
from service.interface_import.documents import Documents
from service.lifetime import Lifetime, leave, tell_ready
from service.messages.links import Links
from service.messages.sender import Messages
from service.oauth.clients import Clients
from service.oauth.issuing import Issuer
from service.oauth.key_ring import KeyRing
from service.operations.metrics import Metrics
from service.outbound import Outbound
from service.parts import Parts
from service.secrets.known_devices import KnownDevices
from service.secrets.passwords import Passwords
from service.secrets.subject_keys import SubjectKeys
from service.sessions import Sessions
from service.sign_in import SignIn
from service.store import connections
from service.store.append import Appender
from service.store.follower import Bell
from service.store.idempotency import Idempotency
from service.store.journal import Journal
from service.store.refused import RefusalRecorder
from service.store.store import Store
from service.store.throttle import Throttle
from service.store.vault import Vault
from service.tokens import Tokens
from service.verifications import Verifications

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from service.settings import Settings

POOL_SIZE = 5
LOOKUP_POOL_SIZE = 4  # one query at a time for tokens, for clients, for calls and to count these: see the coalescer
DRAIN_SECONDS = 12.0  # longer than a body may take to arrive
SHUTDOWN_SECONDS = 8.0
BACKLOG = 1024
WORKER_NUMBER_VARIABLE = "MUNIMENT_WORKER_NUMBER"
RUN_FOLDER_VARIABLE = "MUNIMENT_WORKER_RUN_FOLDER"

log = structlog.get_logger(__name__)


async def parts(dsn: str, settings: Settings, clock: Clock) -> AsyncGenerator[Parts]:
    """Yield the wired parts of a worker, all started; stop them in the opposite order afterwards."""
    name = f"muniment-{os.getpid()}-{clock.new_id().hex[-8:]}"
    ring = initialization.master_keys(settings)

    def reload() -> None:
        ring.adopt(initialization.master_keys(settings))

    subject_keys = SubjectKeys(ring, time.monotonic)
    pool = await connections.pool(dsn, size=POOL_SIZE, name=name)
    lookups = await connections.pool(dsn, size=LOOKUP_POOL_SIZE, name=f"{name}-lookups", planned_once=True)
    vault = Vault(pool, subject_keys, ring, reload)
    bell = Bell(connections.connector(dsn, name=f"{name}-bell"))
    folder = os.environ.get(RUN_FOLDER_VARIABLE)
    metrics = Metrics(
        worker=int(os.environ.get(WORKER_NUMBER_VARIABLE, "0")), folder=None if folder is None else Path(folder)
    )
    appender = Appender(
        connections.named_connector(dsn),
        application_name=f"{name}-append",
        writers=registry.expected_writers(MODELS.values(), await registry.rows(pool)),
        master_key=lambda: ring.current_id,
        on_commit=bell.ring,
        on_batch=metrics.batch,
        on_newer_generation=_leave,
    )
    store = Store(pool, appender, vault, clock, on_destroyed=erasures.recorder(settings.data_dir, clock))
    tokens = Tokens(lookups)
    clients = Clients(lookups)
    keys = KeyRing(pool, vault, clock, access_tokens=settings.signing_algorithm, id_tokens=settings.id_token_algorithm)
    journal = Journal(pool)
    refused = RefusalRecorder(pool, clock)
    call_log = CallLog(pool, clock)
    passwords, throttle = Passwords(), Throttle(pool, clock)
    outbound = Outbound(settings.outbound_allow)
    connected = partial(sender_for, pool, vault, outbound, clock)
    messages = Messages.of(settings, clock, outbound, connected=connected)
    decisions = Decisions(lookups, RouteTables(pool), Frequency(lookups, clock), clock, settings.management_audiences)
    issuer = settings.issuer
    endpoints = (
        "/oauth2/token", "/oauth2/v1/token", "/oidc/token", "/oauth/token", "/token", ALL_STRINGS, "/oauth2/par",
    )  # fmt: skip
    metrics.watch(pool=pool, appender=appender, journal=journal, refused=refused, call_log=call_log)
    started = (metrics, outbound, appender, bell, journal, refused, call_log)
    try:
        for part in started:
            await part.start()
        await keys.load()
        yield Parts(
            settings=settings,
            clock=clock,
            ring=ring,
            reload_ring=reload,
            store=store,
            bell=bell,
            clients=clients,
            keys=keys,
            issuer=Issuer(
                store,
                clients,
                keys,
                issuer=issuer,
                assertion_audiences=(issuer, *(f"{issuer}{path}" for path in endpoints)),
            ),
            tokens=tokens,
            sessions=Sessions(store, hours=settings.session_hours),
            passwords=passwords,
            throttle=throttle,
            sign_in=SignIn(store, passwords, throttle, KnownDevices(ring), refused),
            bearer=Bearer(tokens, clock, settings.management_audiences),
            links=Links(ring, issuer, reload),
            outbound=outbound,
            documents=Documents(outbound),
            messages=messages,
            verifications=Verifications(store, messages, ring, reload),
            limiter=Limiter(time.monotonic, default=settings.rate_limit, workers=settings.workers),
            idempotency=Idempotency(pool, ring, reload),
            journal=journal,
            refused=refused,
            call_log=call_log,
            gateways=Gateways(clients, clock),
            decisions=decisions,
            metrics=metrics,
        )
    finally:
        passwords.close()
        for part in reversed(started):
            with suppress(Exception):
                await part.stop()
        await lookups.close()
        await pool.close()


def _leave() -> None:
    """End this worker: its read models are of another generation, and the supervisor starts a new one."""
    log.error("newer_generation_is_live")
    leave()


async def serve(dsn: str, settings: Settings, *, parent: int, ready: int) -> None:
    """Serve until SIGTERM, SIGINT or the parent's end. Writes one byte to `ready` when requests are taken."""
    lifetime = Lifetime(parent)
    wired = parts(dsn, settings, Clock())
    app = build(await anext(wired))
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS, **LIMITS)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, reuse_port=True, backlog=BACKLOG)
    try:
        await site.start()
        tell_ready(ready)
        await lifetime.over()
        await site.stop()
        await drained(app, DRAIN_SECONDS)
    finally:
        await runner.cleanup()
        await wired.aclose()
