"""Answers that go by a form (OAuth 2.0 Form Post Response Mode), on a page with a button: no script is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.oauth.authorization.addressing import origin
from service.pages.rendering import HEADERS, page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

POLICY = HEADERS["Content-Security-Policy"]


def answer_page(
    request: web.Request, redirect_uri: str, members: Mapping[str, str], *, locales: str | None
) -> web.Response:
    """Return the page whose form takes an answer to the client, and can take it nowhere else."""
    place = origin(redirect_uri) or "'none'"
    response = page(
        request,
        "form_post.html",
        locales=locales,
        action=redirect_uri,
        host=urlsplit(redirect_uri).netloc,
        members=members,
    )
    # A window that an application opened must not lose touch with it on its way through this page.
    del response.headers["Cross-Origin-Opener-Policy"]
    response.headers["Content-Security-Policy"] = POLICY.replace("form-action 'self'", f"form-action {place}")
    return response
