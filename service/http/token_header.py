"""The frame of doors that speak iForm's dialect: a token may stand in a header of its own (spec/iform.md F10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.http.bearer import Unauthenticated
from service.http.door import Door

if TYPE_CHECKING:
    from aiohttp import web

    from service.http.bearer import Authenticated
    from service.parts import Parts

TOKEN_HEADER = "X-Authorization-access_token"  # noqa: S105 - the name of a header
SYSTEM_HEADER = "X-Authorization-systemid"


class TokenHeaderDoor(Door):
    """A native door whose callers may send their token in a header of its own, and name the system they mean."""

    async def authenticate(self, request: web.Request, parts: Parts) -> Authenticated:
        """Return the caller of a request, whichever of the two headers its token is in. Raises Unauthenticated."""
        tokens = request.headers.getall(TOKEN_HEADER, [])
        if not tokens:
            authenticated = await parts.bearer.authenticate(request)
        elif len(tokens) > 1 or "Authorization" in request.headers:
            raise _malformed("A token stands in one header, once")
        else:
            authenticated = await parts.bearer.by_token(_token(tokens[0]))
        systems = request.headers.getall(SYSTEM_HEADER, [])
        if systems and systems != [str(authenticated.caller.organization)]:
            raise _malformed(f"{SYSTEM_HEADER} names another organization than the token is from")
        return authenticated


def _token(header: str) -> str:
    token = header.strip()
    if not token or " " in token:
        raise _malformed(f"{TOKEN_HEADER} is malformed")
    return token


def _malformed(sentence: str) -> Unauthenticated:
    return Unauthenticated(sentence, error="invalid_request", status=400)
