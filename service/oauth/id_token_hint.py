"""`id_token_hint`: an ID token of ours that comes back, to say whom a request is about.

OpenID Connect Core section 3.1.2.1 and RP-Initiated Logout section 2: its signature counts and its expiry does not, for
the session it tells of may last longer. A key that signs no more still shows that a token was ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import jwt

from projections import signing_keys
from service.oauth.id_token import TYPE

if TYPE_CHECKING:
    import asyncpg

    from service.parts import Parts

MAX_LENGTH = 8192
UNREADABLE = (jwt.PyJWTError, RecursionError, UnicodeEncodeError, AttributeError, KeyError, TypeError, ValueError)
# Section 4 of RFC 7519 makes no claim required; these three are (OpenID Connect Core section 2).
OPTIONS = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}


class Hint(NamedTuple):
    """Whom an ID token was about: the client it was for, the user, the session (None: of no session)."""

    client_id: str
    user: UUID
    session: UUID | None


async def hinted(parts: Parts, text: str) -> Hint | None:
    """Return what an ID token says; None when it is none of ours, whatever is wrong with it."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        header = jwt.get_unverified_header(text)
    except UNREADABLE:
        return None
    # Access tokens and logout tokens are signed by us, too, and are no ID tokens (RFC 8725 section 3.11).
    if header.get("typ") != TYPE or "crit" in header:
        return None
    for row in await signing_keys.every(parts.store.pool):
        if row["kid"] == header.get("kid") and row["algorithm"] == header.get("alg"):
            return _read(text, row, parts.settings.issuer)
    return None


def _read(text: str, row: asyncpg.Record, issuer: str) -> Hint | None:
    try:
        key = jwt.PyJWK(signing_keys.public_key(row), algorithm=row["algorithm"])
        told = jwt.decode(text, key, algorithms=[row["algorithm"]], issuer=issuer, options=OPTIONS)  # type: ignore[arg-type]
        session = told.get("sid")
        if not isinstance(told["aud"], str):
            return None
        return Hint(told["aud"], UUID(told["sub"]), None if session is None else UUID(session))
    except UNREADABLE:
        return None
