"""Where orchestrators and Prometheus look. Open to whoever reaches the port: nothing here names people or secrets."""

from __future__ import annotations

from aiohttp import web

from service.operations import health
from service.operations.metrics import CONTENT_TYPE
from service.parts import PARTS

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


def add_to(app: web.Application) -> None:
    """Mount the probes."""
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
