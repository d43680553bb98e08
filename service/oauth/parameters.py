"""Reads the parameters of a token, introspection or revocation request: a form or a JSON object, each name once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.http.body import BadBody, Repeated, called, parse_form, parse_json, read_bytes
from service.oauth.errors import OAuthError, invalid_request, invalid_target

if TYPE_CHECKING:
    from aiohttp import web

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MAX_VALUE = 16 * 1024


async def read(request: web.Request, *, json: bool = True) -> dict[str, str]:
    """Return the request's parameters; those without a value are left out (RFC 6749 section 3.2).

    `json` says whether this endpoint's dialect takes a JSON object too. Raises OAuthError.
    """
    try:
        values: dict[str, object]
        raw = await read_bytes(request)
        kind = request.content_type
        if kind == FORM:
            values = dict(parse_form(raw))
        elif kind == JSON and json:
            values = _object(parse_json(raw))
        elif not raw:
            values = {}
        else:
            expected = f"{FORM} or {JSON}" if json else FORM
            raise OAuthError("invalid_request", f"The content type must be {expected}", status=415)
    except Repeated as bad:
        if bad.name == "resource":
            raise invalid_target("A token is for one resource") from None  # RFC 8707 section 2
        raise invalid_request(bad.sentence) from None
    except BadBody as bad:
        raise OAuthError("invalid_request", bad.sentence, status=bad.status) from None
    return {name: _checked(name, value) for name, value in values.items() if value != ""}


def with_query(request: web.Request, values: dict[str, str]) -> dict[str, str]:
    """Return the parameters of a body together with those of the query. Raises OAuthError, for one in both places too.

    Only for the dialect that clients speak in queries (spec/README.md 9): there, secrets end in other people's logs.
    """
    try:
        queried = parse_form(request.rel_url.raw_query_string.encode())
    except BadBody as bad:
        raise invalid_request(bad.sentence) from None
    if repeated := queried.keys() & values.keys():
        raise invalid_request(Repeated(min(repeated)).sentence)
    return values | {name: _checked(name, value) for name, value in queried.items() if value != ""}


def _object(document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise invalid_request("The JSON body must be an object")
    return document


def _checked(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise invalid_request(f"{called(name)} must be a string")
    if len(value) > MAX_VALUE or "\x00" in value:
        raise invalid_request(f"{called(name)} is malformed")
    return value
