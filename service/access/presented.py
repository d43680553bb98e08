"""The token that a call comes with: a bearer token (RFC 6750 section 2.1), or as iForm's applications send it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.access.causes import INVALID_REQUEST, TOKEN_MISSING
from service.secrets.digests import sha256

if TYPE_CHECKING:
    from aiohttp import web

    from service.access.causes import Cause

IFORM = "X-Authorization-access_token"  # spec/iform.md F10


def digest(request: web.Request) -> bytes | Cause:
    """Return the digest of the call's token, by which it is known, or why there is none.

    Both headers, or one of them twice, may be read differently by whoever comes next, so they are refused.
    """
    headers = request.headers
    bearer, plain = headers.getall("Authorization", []), headers.getall(IFORM, [])
    if not bearer and not plain:
        return TOKEN_MISSING
    if len(bearer) + len(plain) > 1:
        return INVALID_REQUEST
    if plain:
        token = plain[0].strip()
    else:
        scheme, _, token = bearer[0].partition(" ")
        if scheme.lower() != "bearer":
            return TOKEN_MISSING
        token = token.strip()
    if not token or " " in token:
        return INVALID_REQUEST
    return sha256(token)
