"""Every request's id, address and limits: the outermost middleware."""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from service.http import cors
from service.http.unexpected import answered
from service.operations import logging
from service.parts import NAMED_BY_CALLER, PARTS, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.settings import Network

REQUEST_ID_HEADER = "X-Request-Id"
OWN_ID_HEADER = "Muniment-Request-Id"
"""Our id of a request, where the other header repeats how its caller calls it."""
FORWARDED_FOR = "X-Forwarded-For"
ADDRESS_LIMIT = 64  # characters, the zone of one of version 6 included
INTROSPECTION = "/oauth2/introspect"
DECISIONS = "/access/v1/"
"""Begins the paths where nothing happens, whatever the method: decisions are asked for."""
JUDGING = ("/access/v1/verify", "/access/v1/test/")
"""Begin the paths where gateways ask about calls."""
REFUSED_CALL = frozenset({401, 403, 429})
"""What speaks of the call there, and not of the gateway."""
ALL_STRINGS = "/oauth/client_credential/accesstoken"
QUIET = frozenset({
    "/oauth2/token", "/oauth2/v1/token", "/oidc/token", "/oauth/token", "/token", ALL_STRINGS, INTROSPECTION,
})  # fmt: skip
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
TELLING = frozenset({"/oauth2/authorize", "/oauth/authorize", "/oauth2/logout"})
"""Where a GET may leave an event or a refusal: browsers are led there, and can be led by nothing else."""

UNDER_WAY: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("under_way", set[asyncio.Task[Any]])
"""The tasks of the requests that are being served."""

log = structlog.get_logger("access")


def client_address(request: web.Request) -> str:
    """Return where a request comes from: the peer's address, whose forwarding headers nobody has to believe.

    Behind proxies that the operator trusts it is the last address they forwarded for that is none of theirs.
    """
    peer = request.remote or ""
    proxies = request.app[PARTS].settings.trusted_proxies
    if not proxies or not _is_among(proxies, peer):
        return peer
    return _forwarded_for(request, peer, proxies)


def caller_address(request: web.Request) -> str:
    """Return where a call comes from that a gateway asks about: the gateway is believed as a trusted proxy is.

    It is the gateway's own where it forwards for nobody.
    """
    return _forwarded_for(request, request.remote or "", request.app[PARTS].settings.trusted_proxies)


def _forwarded_for(request: web.Request, peer: str, proxies: tuple[Network, ...]) -> str:
    # The last entries are the proxies' own; what stands before an address that is not theirs is that one's word.
    for entry in reversed(",".join(request.headers.getall(FORWARDED_FOR, ())).split(",")):
        text = entry.strip()
        if not proxies or not _is_among(proxies, text):
            return _address(text) or peer
    return peer


def _is_among(proxies: tuple[Network, ...], text: str) -> bool:
    address = _address(text)
    return address is not None and any(ip_address(address) in network for network in proxies)


def _address(text: str) -> str | None:
    """Return an address in its usual form, None for what is none; IPv4 in the form of IPv6 is IPv4."""
    return _read_address(text) if 0 < len(text) <= ADDRESS_LIMIT else None


@lru_cache(maxsize=4096)
def _read_address(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


async def drained(app: web.Application, seconds: float) -> None:
    """Wait until what is under way now was served, for at most so long.

    Before aiohttp shuts down: from then on it drops what arrives, the rest of a body too.
    """
    if tasks := app[UNDER_WAY].copy():
        await asyncio.wait(tasks, timeout=seconds)


@web.middleware
async def identify(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give the request an id, note its address in the journal, count it, and log what deserves a line.

    The id is ours (UUIDv7: the journal is partitioned by it) and is answered as `X-Request-Id`; where callers have
    names for their requests, that repeats theirs, and ours is the `Muniment-Request-Id`.
    """
    parts = request.app[PARTS]
    request_id = parts.clock.new_id()
    request[REQUEST_ID] = request_id
    logging.request_id.set(request_id)
    under_way, task = request.app[UNDER_WAY], asyncio.current_task()
    assert task is not None  # noqa: S101 - aiohttp gives every request its own; `request.task` is the connection's
    under_way.add(task)
    path = request.path
    started = time.perf_counter()
    status = 500
    try:
        response = await answered(request, handler)
        status = response.status
    finally:
        under_way.discard(task)
        seconds = time.perf_counter() - started
        asking = request.method == "GET" or path == INTROSPECTION or path.startswith(DECISIONS)
        changing = path in TELLING or not asking
        # A call that was judged is in the call log, whatever became of it.
        judged = status in REFUSED_CALL and path.startswith(JUDGING)
        if (status >= web.HTTPBadRequest.status_code or changing) and not judged:
            # What left an event or a refusal, whose readers may ask where it came from. The rest leaves no trace.
            parts.journal.note(
                request_id, parts.clock.now(), client_address(request), request.headers.get("User-Agent", "")
            )
        route = request.match_info.route.resource
        template = route.canonical if route is not None else "unknown"
        parts.metrics.observe(template, request.method, status, seconds)
        quiet = path in QUIET or path in PROBES or path.startswith(DECISIONS)
        if (status >= web.HTTPBadRequest.status_code or not quiet) and not judged:
            log.info(
                "request",
                method=request.method,
                path=template if route is not None else path[:200],
                status=status,
                ms=round(seconds * 1000, 2),
                request_id=str(request_id),
            )
    named = request.get(NAMED_BY_CALLER)
    response.headers[REQUEST_ID_HEADER] = named or str(request_id)
    if named:
        response.headers[OWN_ID_HEADER] = str(request_id)
    if "Origin" in request.headers:
        cors.open_up(path, response)
    return response
