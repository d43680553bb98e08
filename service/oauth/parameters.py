"""Reads the parameters of a token, introspection or revocation request: a form or a JSON object, each name once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.http.body import BadBody, parse_form, parse_json, read_bytes
from service.oauth.errors import OAuthError, invalid_request

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
        raw = await read_bytes(request)
        kind = request.content_type
        if kind == FORM:
            values = parse_form(raw)
        elif kind == JSON and json:
            values = _flat(parse_json(raw))
        elif not raw:
            values = {}
        else:
            expected = f"{FORM} or {JSON}" if json else FORM
            raise OAuthError("invalid_request", f"The content type must be {expected}", status=415)
    except BadBody as bad:
        raise OAuthError("invalid_request", bad.sentence, status=bad.status) from None
    return {name: value for name, value in values.items() if value}


def _flat(document: object) -> dict[str, str]:
    """Return a JSON object of strings as parameters."""
    if not isinstance(document, dict):
        raise invalid_request("The JSON body must be an object")
    for name, value in document.items():
        if not isinstance(value, str):
            raise invalid_request(f"The member {name[:64]} must be a string")
        if len(value) > MAX_VALUE or "\x00" in value:
            raise invalid_request(f"The member {name[:64]} is malformed")
    return document
