"""The parts of one running worker, as handlers find them. The composition root (worker.py) fills it, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.access.call_log import CallLog
    from service.access.decisions import Decisions
    from service.access.gateways import Gateways
    from service.clock import Clock
    from service.http.bearer import Bearer
    from service.http.limiter import Limiter
    from service.interface_import.documents import Documents
    from service.messages.links import Links
    from service.messages.sender import Messages
    from service.oauth.clients import Client, Clients
    from service.oauth.issuing import Issuer
    from service.oauth.key_ring import KeyRing
    from service.operations.metrics import Metrics
    from service.outbound import Outbound
    from service.secrets.master_key import MasterKeys
    from service.secrets.passwords import Passwords
    from service.sessions import Sessions
    from service.settings import Settings
    from service.sign_in import SignIn
    from service.store.follower import Bell
    from service.store.idempotency import Idempotency
    from service.store.journal import Journal
    from service.store.refused import RefusalRecorder
    from service.store.store import Store
    from service.store.throttle import Throttle
    from service.tokens import Tokens
    from service.verifications import Verifications


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a request may need. `reload_ring` brings the ring up to date, when it misses a key."""

    settings: Settings
    clock: Clock
    ring: MasterKeys
    reload_ring: Callable[[], None]
    store: Store
    bell: Bell
    clients: Clients
    keys: KeyRing
    issuer: Issuer
    tokens: Tokens
    sessions: Sessions
    passwords: Passwords
    throttle: Throttle
    sign_in: SignIn
    bearer: Bearer
    links: Links
    outbound: Outbound
    documents: Documents
    messages: Messages
    verifications: Verifications
    limiter: Limiter
    idempotency: Idempotency
    journal: Journal
    refused: RefusalRecorder
    call_log: CallLog
    gateways: Gateways
    decisions: Decisions
    metrics: Metrics


PARTS: web.AppKey[Parts] = web.AppKey("parts", Parts)

REQUEST_ID: web.RequestKey[UUID] = web.RequestKey("request_id", UUID)
PRESENTED_CLIENT: web.RequestKey[str] = web.RequestKey("presented_client", str)
"""The client id that an OAuth request came with; it may name nobody."""
CLIENT: web.RequestKey[Client] = web.RequestKey("client")
"""The client that an OAuth request was authenticated as."""
UNPROVED: web.RequestKey[bool] = web.RequestKey("unproved", bool)
"""Set where a dialect lets a trusted third party come by its id alone, without proving itself."""
NAMED_BY_CALLER: web.RequestKey[str] = web.RequestKey("named_by_caller", str)
"""How the caller calls the request, where a dialect has it told back."""
