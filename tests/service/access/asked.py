"""How gateways of these tests ask about calls."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.service.wire import exchange

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.access.guarded import Guarded

VERIFY = "/access/v1/verify"
GATEWAY = "Muniment-Gateway"
METHOD, URI = "X-Original-Method", "X-Original-URI"
IDENTITY = ("Client-Id", "Application", "User", "Account", "Scope", "Interface", "Request-Id")


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def proof(firm: Guarded) -> dict[str, str]:
    return {GATEWAY: basic(*firm.proof)}


async def verify(
    firm: Guarded, method: str, path: str, token: str | None = None, *, at: Running | None = None, **more: Any
) -> Reply:
    """Ask about a call as nginx does: with the client's token unless another one, or "", is given.

    `at` is the worker that is asked; `headers`, `query` and `resource` take the place of what is right.
    """
    headers = proof(firm) | {METHOD: method, URI: path} | more.get("headers", {})
    query = {"resource": more.get("resource", firm.resource["id"])} | more.get("query", {})
    token = firm.token if token is None else token
    return await (at or firm.app).call("GET", VERIFY, token, params=query, headers=headers)


def told(reply: Reply) -> tuple[int, str | None]:
    """Return status and code of an answer, None for a call that may pass."""
    return reply.status, None if reply.status == 200 else reply.json["code"]


def identity(reply: Reply) -> dict[str, str]:
    """Return what an answer says of who calls: every header must be there."""
    return {name: reply.headers[f"Muniment-{name}"] for name in IDENTITY}


async def by_wire(app: Running, line: str, *headers: str) -> tuple[int, bytes]:
    """Send a request line and headers as they are; return status and the whole answer."""
    lines = [f"{line} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
    raw = "\r\n".join(lines).encode("utf-8", "surrogateescape")
    answer = await exchange(app.client.port, raw, until=b"\0 is never there")
    return int(answer.split(b" ", 2)[1]), answer
