"""The frame of the door to third parties: where its callers put their token, and what they call a grant (F6, F10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain import grant_types
from service.http.bearer import Unauthenticated
from service.http.door import Door

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from service.http.bearer import Authenticated
    from service.parts import Parts

TOKEN_HEADER = "X-Authorization-access_token"  # noqa: S105 - the name of a header
SYSTEM_HEADER = "X-Authorization-systemid"

GrantWord = Literal["code", "password", "client"]
Status = Literal["pending", "effective", "rejected", "expired"]

_GRANTS: dict[GrantWord, tuple[str, ...]] = {
    "code": (grant_types.AUTHORIZATION_CODE, grant_types.REFRESH_TOKEN),
    "password": (grant_types.PASSWORD, grant_types.REFRESH_TOKEN),
    "client": (grant_types.CLIENT_CREDENTIALS,),
}


class ThirdPartyDoor(Door):
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


def grants_of(words: Iterable[GrantWord]) -> tuple[str, ...]:
    """Return the grant types that these words stand for: where a person signs in, renewing goes with it."""
    return tuple(dict.fromkeys(name for word in words for name in _GRANTS[word]))


def words_of(names: Iterable[str]) -> list[GrantWord]:
    """Return the words for grant types; those that nobody here has a word for are left out."""
    held = set(names)
    return [word for word, grants in _GRANTS.items() if grants[0] in held]


def _token(header: str) -> str:
    token = header.strip()
    if not token or " " in token:
        raise _malformed(f"{TOKEN_HEADER} is malformed")
    return token


def _malformed(sentence: str) -> Unauthenticated:
    return Unauthenticated(sentence, error="invalid_request", status=400)
