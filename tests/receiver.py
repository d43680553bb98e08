"""A real web server of somebody else's on loopback, for one test: keeps what it is sent, answers as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Answer:
    """One answer. `pause` is in seconds, before it; an `endless` one goes on until the caller leaves."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pause: float = 0.0
    endless: bool = False


@dataclass
class Receiver:
    """What arrived, and what is answered next: 200 with no body once nothing else is left."""

    host: str
    port: int = 0
    answers: deque[Answer] = field(default_factory=deque)
    always: Answer = field(default_factory=Answer)
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, str(request.rel_url)))
        self.headers.append(request.headers.copy())
        self.bodies.append(await request.read())
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        answer = self.answers.popleft() if self.answers else self.always
        await asyncio.sleep(answer.pause)
        if not answer.endless:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(headers=answer.headers)
        await response.prepare(request)
        while True:
            await response.write(b"." * 1024)
            await asyncio.sleep(0.01)

    async def heard(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def receiver(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Receiver]:
    """Open a receiver."""
    opened = Receiver(host)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", opened.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        opened.port = runner.addresses[0][1]
        yield opened
    finally:
        await runner.cleanup()
