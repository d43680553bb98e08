"""A real nginx before a small service, set up by the very example that deploy/gateways holds."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.service.access.guarded import Guarded

EXAMPLE = Path(__file__).resolve().parents[4] / "deploy" / "gateways" / "nginx.conf"
PLACEHOLDER = re.compile(r"\$\{([A-Z]+)\}")
PATIENCE = 10.0
MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Arrived:
    """A request as the service behind the gateway was sent it."""

    method: str
    target: str
    headers: dict[str, list[str]]
    body: bytes


@dataclass
class Upstream:
    """The service behind the gateway."""

    port: int = 0
    arrived: list[Arrived] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        self.arrived.append(Arrived(request.method, request.raw_path, headers, await request.read()))
        return web.Response(text="served")


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Open the service."""
    opened = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", opened.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        opened.port = runner.addresses[0][1]
        yield opened
    finally:
        await runner.cleanup()


@dataclass
class Reply:
    """What a caller got, and whether the service was reached."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Front:
    """nginx, and what is behind it."""

    port: int
    behind: Upstream

    async def ask(
        self,
        target: str,
        token: str | None = None,
        *headers: tuple[str, str],
        method: str = "GET",
        body: bytes = b"",
        address: str = "127.0.0.1",
    ) -> Reply:
        """Send a request whose target is written as it is; no client tidies it up on the way."""
        lines = [f"{method} {target} HTTP/1.1", "Host: orders.test", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"Authorization: Bearer {token}"] if token else []
        lines += [f"Content-Length: {len(body)}"] if body else []
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
            try:
                writer.write("\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + body)
                await writer.drain()
                head, _, content = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
                await writer.wait_closed()
        status, *fields = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in fields)
        return Reply(int(status.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, content)


def filled(**values: str) -> str:
    """Return the example with its placeholders filled in, as envsubst does."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], EXAMPLE.read_text())


@asynccontextmanager
async def before(
    orders: Guarded,
    folder: Path,
    *,
    gateway: tuple[str, str] | None = None,
    muniment: int | None = None,
    query: str = "",
) -> AsyncIterator[Front]:
    """Open nginx before a service of its own.

    `muniment` is another port than where it listens, `query` what the URL that nginx asks by has besides.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("not installed: nginx")
    credentials = base64.b64encode(":".join(gateway or orders.proof).encode()).decode()
    with socket.socket() as kept:
        # Bound from now on: otherwise the port may be anybody's by the time nginx listens there.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = kept.getsockname()[1]
        async with upstream() as behind:
            site = filled(
                LISTEN=f"127.0.0.1:{port}", MUNIMENT=f"127.0.0.1:{muniment or orders.app.client.port}",
                UPSTREAM=f"127.0.0.1:{behind.port}", RESOURCE=orders.resource["id"] + query, GATEWAY=credentials,
            )  # fmt: skip
            (folder / "site.conf").write_text(site)
            (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
            process = await asyncio.create_subprocess_exec(
                program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"),
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                await _started(process, folder)
                yield Front(port, behind)
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()
            assert process.returncode == 0, (folder / "error.log").read_text()


async def _started(process: asyncio.subprocess.Process, folder: Path) -> None:
    """Wait until nginx serves; it says why when it does not."""
    async with asyncio.timeout(PATIENCE):
        while not (folder / "pid").exists():
            assert process.returncode is None, (folder / "error.log").read_text()
            await asyncio.sleep(0.01)
