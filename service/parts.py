"""The parts of one running worker, as handlers find them. The composition root (worker.py) fills it, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web

if TYPE_CHECKING:
    from service.clock import Clock
    from service.http.bearer import Bearer
    from service.http.limiter import Limiter
    from service.messages.links import Links
    from service.oauth.clients import Client, Clients
    from service.oauth.issuing import Issuer
    from service.oauth.key_ring import KeyRing
    from service.operations.metrics import Metrics
    from service.settings import Settings
    from service.store.follower import Bell
    from service.store.idempotency import Idempotency
    from service.store.journal import Journal
    from service.store.refused import RefusalRecorder
    from service.store.store import Store
    from service.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a request may need."""

    settings: Settings
    clock: Clock
    store: Store
    bell: Bell
    clients: Clients
    keys: KeyRing
    issuer: Issuer
    tokens: Tokens
    bearer: Bearer
    links: Links
    limiter: Limiter
    idempotency: Idempotency
    journal: Journal
    refused: RefusalRecorder
    metrics: Metrics


PARTS: web.AppKey[Parts] = web.AppKey("parts", Parts)

REQUEST_ID: web.RequestKey[UUID] = web.RequestKey("request_id", UUID)
PRESENTED_CLIENT: web.RequestKey[str] = web.RequestKey("presented_client", str)
"""The client id that an OAuth request came with; it may name nobody."""
CLIENT: web.RequestKey[Client] = web.RequestKey("client")
"""The client that an OAuth request was authenticated as."""
