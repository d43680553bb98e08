"""Lets scripts of other sites call what they need (Fetch standard, CORS protocol): applications that run in browsers.

Only what proves itself by what it sends: a code and its verifier, a token. No cookie counts there, and none is let
through: `*` forbids credentials. What browsers navigate to (authorization, sign-in, sign-out) is not opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ANYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Muniment-Position, Retry-After, WWW-Authenticate, X-Request-Id",
}
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "7200",  # seconds; browsers keep it no longer
}
"""The answer to a browser that asks first. Its methods are those of the path."""

PATHS = {
    "/oauth2/token": ("POST",),
    "/oauth/token": ("POST",),
    "/token": ("POST",),
    "/oauth2/revoke": ("POST",),
    "/oauth2/userinfo": ("GET", "POST"),
    "/.well-known/openid-configuration": ("GET",),
    "/.well-known/oauth-authorization-server": ("GET",),
    "/.well-known/jwks.json": ("GET",),
}
"""What is opened, and how it is called."""


def add_to(app: web.Application) -> None:
    """Answer the browsers that ask first, and let them hand every answer to the script that called."""
    for path, methods in PATHS.items():
        app.router.add_route("OPTIONS", path, _preflight(methods))


def _preflight(methods: tuple[str, ...]) -> Callable[[web.Request], Awaitable[web.Response]]:
    headers = {**PREFLIGHT, "Access-Control-Allow-Methods": ", ".join(methods)}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=204, headers=headers)

    return answer


def open_up(path: str, response: web.StreamResponse) -> None:
    """Let the browser hand this answer to the script that called, be it a refusal or a failure."""
    if path in PATHS:
        response.headers.update(ANYBODY)
