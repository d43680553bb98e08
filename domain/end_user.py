"""End users: pseudonyms that an application asserts for whom its tokens serve, and where a request says them.

They are taken as they come and compared so: never normalised, never looked up. spec/apigee.md A14 to A16.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple, cast

from domain.refusals import InvalidEndUser, InvalidEndUserSource

END_USER_LIMIT = 255

Place = Literal["header", "query", "form", "user"]

_PARAMETER = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,64}")  # RFC 9110 section 5.6.2
# What a request is made of or proves itself with, in lower case: a token must not be marked with that.
_RESERVED_PARAMETERS = frozenset({
    "access_token", "account", "acr_values", "actor_token", "actor_token_type", "assertion", "audience", "claims",
    "client_assertion", "client_assertion_type", "client_id", "client_secret", "code", "code_challenge",
    "code_challenge_method", "code_verifier", "device_code", "grant_type", "id_token", "id_token_hint", "max_age",
    "nonce", "password", "prompt", "redirect_uri", "refresh_token", "request", "request_uri", "requested_token_type",
    "resource", "response_mode", "response_type", "scope", "state", "subject_token", "subject_token_type", "token",
    "token_type_hint", "user_code", "username",
})  # fmt: skip
_RESERVED_HEADERS = frozenset({
    "authorization", "connection", "cookie", "dpop", "expect", "forwarded", "host", "idempotency-key", "origin",
    "referer", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-authorization-access_token",
    "x-authorization-systemid", "x-real-ip", "x-request-id",
})  # fmt: skip
_RESERVED_FAMILIES = ("accept", "content-", "proxy-", "sec-", "x-forwarded-")


class Source(NamedTuple):
    """Where a request names its end user. `name` is that of the header or parameter, empty for the signed-in user."""

    place: Place
    name: str


def end_user(value: str, *, field: str = "end_user") -> str:
    """Return an end user as given. Raises InvalidEndUser unless it has 1 to 255 characters, none of control."""
    # Not normalised: applications compare the names of their end users as they gave them.
    if not 1 <= len(value) <= END_USER_LIMIT or any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise InvalidEndUser(field=field)
    return value


def source(text: str, *, field: str = "end_user_from") -> Source:
    """Return what `header:NAME`, `query:NAME`, `form:NAME` or `user` says. Raises InvalidEndUserSource.

    Names that a request to a token endpoint has other uses for are refused: no secret becomes a mark on a token.
    """
    place, colon, name = text.partition(":")
    if text == "user":
        return Source("user", "")
    if not colon or place not in ("header", "query", "form"):
        raise InvalidEndUserSource(repr(text), field=field)
    if not (_free_header(name) if place == "header" else _free_parameter(name)):
        raise InvalidEndUserSource(f"{name!r} is malformed or has another use", field=field)
    return Source(cast("Place", place), name)


def _free_header(name: str) -> bool:
    lower = name.lower()
    return bool(_HEADER.fullmatch(name)) and lower not in _RESERVED_HEADERS and not lower.startswith(_RESERVED_FAMILIES)


def _free_parameter(name: str) -> bool:
    return bool(_PARAMETER.fullmatch(name)) and name.lower() not in _RESERVED_PARAMETERS
