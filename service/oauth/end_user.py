"""Whom an application serves by a token: the end user that it asserts, where its own setting says that the id stands.

A pseudonym of the application's choice, which nobody proves: it says whose tokens these are when they are looked up or
ended, and gives no right to anything (spec/apigee.md A4, A8, A16).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.end_user import end_user
from domain.refusals import InvalidEndUser
from service.http.body import BadBody, parse_form
from service.oauth.errors import invalid_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from aiohttp import web

    from service.oauth.clients import Client


def asserted(
    request: web.Request, parameters: Mapping[str, str], client: Client, user: UUID | None = None
) -> str | None:
    """Return the end user that a token request names; None when it names none, or the application has no setting.

    `user` is the person whom the token is for, if there is one. Raises OAuthError for what no end user can be called.
    """
    source = client.end_user_from
    if source is None:
        return None
    match source.place:
        case "user":
            return None if user is None else str(user)
        case "header":
            named = _header(request, source.name)
        case "query":
            named = _query(request, source.name)
        case "form":
            named = parameters.get(source.name)
    if not named:
        return None
    try:
        return end_user(named)
    except InvalidEndUser as refused:
        raise invalid_request(refused.sentence) from None


def _header(request: web.Request, name: str) -> str | None:
    given = request.headers.getall(name, [])
    if len(given) > 1:  # readers could disagree about which one counts
        raise invalid_request(f"The header {name} is repeated")
    return given[0] if given else None


def _query(request: web.Request, name: str) -> str | None:
    try:
        return parse_form(request.rel_url.raw_query_string.encode()).get(name)
    except BadBody as bad:
        raise invalid_request(bad.sentence) from None
