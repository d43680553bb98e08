"""The answers of the authorization endpoint: a code or an error to the client, or a page where it cannot have one.

Each answer to a client carries `iss` (RFC 9207) and the `state` of its request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from aiohttp import web

from service.http.request import client_address
from service.oauth.answers import NO_STORE
from service.oauth.authorization import form_post
from service.pages.rendering import problem as problem_page
from service.parts import CLIENT, REQUEST_ID

if TYPE_CHECKING:
    from service.oauth.authorization.asking import Unanswerable
    from service.oauth.errors import OAuthError
    from service.parts import Parts

OPERATION = "authorize"
HEADERS = {**NO_STORE, "Referrer-Policy": "no-referrer"}  # addresses hold what nobody else should see


class Address(Protocol):
    """Where an answer goes, and how."""

    @property
    def redirect_uri(self) -> str: ...
    @property
    def response_mode(self) -> str: ...
    @property
    def state(self) -> str | None: ...
    @property
    def ui_locales(self) -> str | None: ...


def code(request: web.Request, parts: Parts, to: Address, text: str) -> web.Response:
    """Return the answer with a code."""
    return _sent(request, parts, to, {"code": text})


def error(request: web.Request, parts: Parts, to: Address, problem: OAuthError) -> web.Response:
    """Return the answer with an error (RFC 6749 section 4.1.2.1), and record that somebody was refused."""
    _record(request, parts, problem, None)
    return _sent(request, parts, to, {"error": problem.error, "error_description": problem.description})


def told(
    request: web.Request,
    parts: Parts,
    problem: Unanswerable,
    *,
    client_id: str | None = None,
    locales: str | None = None,
) -> web.Response:
    """Return the page that tells an error which must not leave us, and record it.

    `client_id` is what the request said, where no client was found.
    """
    _record(request, parts, problem, client_id)
    return problem_page(request, "request_problem_title", problem.words, problem.status, locales=locales)


def elsewhere(location: str) -> web.Response:
    """Return a redirect that never repeats a form (RFC 9700 section 4.12)."""
    return web.Response(status=303, headers={**HEADERS, "Location": location})


def _sent(request: web.Request, parts: Parts, to: Address, members: dict[str, str]) -> web.Response:
    if to.state is not None:
        members["state"] = to.state
    members["iss"] = parts.settings.issuer
    if to.response_mode == "form_post":
        return form_post.answer_page(request, to.redirect_uri, members, locales=to.ui_locales)
    return elsewhere(extended(to.redirect_uri, members))


def extended(redirect_uri: str, members: dict[str, str]) -> str:
    """Return a redirect URI with an answer in its query; what the query holds already stays (RFC 6749 3.1.2)."""
    _, mark, query = redirect_uri.partition("?")
    between = "&" if query and not query.endswith("&") else "" if mark else "?"
    return f"{redirect_uri}{between}{urlencode(members)}"


def _record(request: web.Request, parts: Parts, problem: OAuthError, client_id: str | None) -> None:
    known = request.get(CLIENT)
    parts.refused.note(
        organization=known.organization if known else None,
        actor=known.id if known else None,
        client=known.client_id if known else client_id,
        operation=OPERATION,
        status=problem.status,
        code=problem.error,
        detail=problem.detail or problem.description,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )
