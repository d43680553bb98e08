"""Every request's id, address and limits: the outermost middleware."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from service.http.unexpected import answered
from service.operations import logging
from service.parts import PARTS, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST_ID_HEADER = "X-Request-Id"
INTROSPECTION = "/oauth2/introspect"
QUIET = frozenset({"/oauth2/token", "/oauth2/v1/token", "/oidc/token", INTROSPECTION})
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

UNDER_WAY: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("under_way", set[asyncio.Task[Any]])
"""The tasks of the requests that are being served."""

log = structlog.get_logger("access")


def client_address(request: web.Request) -> str:
    """Return the peer's address. Forwarding headers are the peer's word and are not believed."""
    return request.remote or ""


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

    The id is ours (UUIDv7: the journal is partitioned by it) and is answered as `X-Request-Id`.
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
        if status >= web.HTTPBadRequest.status_code or (request.method != "GET" and path != INTROSPECTION):
            # What left an event or a refusal, whose readers may ask where it came from. The rest leaves no trace.
            parts.journal.note(
                request_id, parts.clock.now(), client_address(request), request.headers.get("User-Agent", "")
            )
        route = request.match_info.route.resource
        template = route.canonical if route is not None else "unknown"
        parts.metrics.observe(template, request.method, status, seconds)
        if status >= web.HTTPBadRequest.status_code or (path not in QUIET and path not in PROBES):
            log.info(
                "request",
                method=request.method,
                path=template if route is not None else path[:200],
                status=status,
                ms=round(seconds * 1000, 2),
                request_id=str(request_id),
            )
    response.headers[REQUEST_ID_HEADER] = str(request_id)
    return response
