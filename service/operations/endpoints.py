"""Where orchestrators and Prometheus look. Open to whoever reaches the port: nothing here names people or secrets."""

from __future__ import annotations

from aiohttp import web

from service.http.document import Output
from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.operations import health
from service.operations.metrics import CONTENT_TYPE
from service.parts import PARTS


class Live(Output):
    """That the process lives."""

    status: str


class Ready(Live):
    """How each check went: "ok", or a reason without addresses and secrets."""

    checks: dict[str, str]


NO_STORE = {"Cache-Control": "no-store"}


async def healthz(_: web.Request) -> web.Response:
    """Answer 200 while the process serves."""
    return web.json_response(health.live(), headers=NO_STORE)


async def readyz(request: web.Request) -> web.Response:
    """Answer 200 when requests would succeed, else 503; the body says how each check went."""
    store = request.app[PARTS].store
    is_ready, checks = await health.ready(store.pool, store.appender)
    return web.json_response(
        {"status": health.OK if is_ready else "not ready", "checks": checks},
        status=200 if is_ready else 503,
        headers=NO_STORE,
    )


async def metrics(request: web.Request) -> web.Response:
    """Answer with the numbers of the whole service, whichever worker is asked."""
    text = await request.app[PARTS].metrics.scrape()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE, **NO_STORE})


ENDPOINTS = (
    Endpoint(
        "GET",
        "/healthz",
        healthz,
        Group.OPERATIONS,
        "health",
        "Say whether the process serves",
        {200: Reply("It does.", Live)},
    ),
    Endpoint(
        "GET",
        "/readyz",
        readyz,
        Group.OPERATIONS,
        "health",
        "Say whether requests would succeed",
        {200: Reply("They would.", Ready), 503: Reply("They would not.", Ready)},
    ),
    Endpoint(
        "GET",
        "/metrics",
        metrics,
        Group.OPERATIONS,
        "health",
        "The numbers of the whole service",
        {200: Reply("In Prometheus' text format.", str, content_type=CONTENT_TYPE), **UNAVAILABLE},
    ),
)
