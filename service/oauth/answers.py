"""Writes the answers of the OAuth endpoints: never cached, errors in each dialect's own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.oauth.errors import OAuthError

_encode = msgspec.json.encode
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def document(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a JSON answer that nobody may store (RFC 6749 section 5.1)."""
    return web.Response(
        body=_encode(value),
        status=status,
        content_type="application/json",
        headers=NO_STORE if headers is None else {**NO_STORE, **headers},
    )


def error(problem: OAuthError, render: Callable[[OAuthError], dict[str, Any]] | None = None) -> web.Response:
    """Return the answer of RFC 6749 section 5.2, or what `render` makes of it for another dialect."""
    headers = {}
    if problem.challenge is not None:
        headers["WWW-Authenticate"] = problem.challenge
    if problem.status in (429, 503):
        headers["Retry-After"] = str(problem.retry_after)
    body = render(problem) if render else {"error": problem.error, "error_description": problem.description}
    return document(body, status=problem.status, headers=headers)
