"""Scope tokens and audiences: what a permission, a scope value and a token's audience may look like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.refusals import InvalidAudience, InvalidScope, TooMany

if TYPE_CHECKING:
    from uuid import UUID

SCOPE_TOKEN_LIMIT = 128
SCOPE_LIST_LIMIT = 200
AUDIENCE_LIMIT = 512
AUDIENCE_LIST_LIMIT = 100
ORGANIZATION_AUDIENCE = "urn:logto:organization:"
"""Begins the audience of tokens for what an account is, and ends in its id: nobody may have it by naming it."""

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
# The same characters without "#": an audience carries no fragment (RFC 8707 section 2).
_AUDIENCE = re.compile(r"[\x21\x24-\x5B\x5D-\x7E]+")


def scope_list(values: Iterable[str], *, field: str = "scope") -> list[str]:
    """Return the scope tokens sorted, each once. Raises InvalidScope or TooMany (more than 200 of them)."""
    tokens = sorted(set(values))
    if len(tokens) > SCOPE_LIST_LIMIT:
        raise TooMany(f"more than {SCOPE_LIST_LIMIT} scope tokens", field=field)
    for token in tokens:
        if len(token) > SCOPE_TOKEN_LIMIT or not _SCOPE_TOKEN.fullmatch(token):
            raise InvalidScope(repr(token), field=field)
    return tokens


def audience(value: str, *, field: str = "audience") -> str:
    """Return the audience unchanged: audiences are compared as strings. Raises InvalidAudience.

    It is an absolute URI without fragment (RFC 8707 section 2) or a free token, of at most 512 characters, but not an
    account's: whoever listed that would have tokens that say they come of a membership.
    """
    if len(value) > AUDIENCE_LIMIT or not _AUDIENCE.fullmatch(value):
        raise InvalidAudience(repr(value), field=field)
    if value.lower().startswith(ORGANIZATION_AUDIENCE):
        raise InvalidAudience(repr(value), field=field)
    if "://" in value:
        try:
            complete = bool(urlsplit(value).hostname)
        except ValueError:  # such as an unclosed bracket of an IPv6 address
            complete = False
        if not complete:
            raise InvalidAudience(repr(value), field=field)
    return value


def organization_audience(account: UUID) -> str:
    """Return the audience of tokens for what an account is (spec/logto.md section 8)."""
    return f"{ORGANIZATION_AUDIENCE}{account}"


def audience_list(values: Iterable[str], *, field: str = "audiences") -> list[str]:
    """Return the audiences sorted, each once. Raises InvalidAudience or TooMany (more than 100 of them)."""
    audiences = sorted({audience(value, field=field) for value in values})
    if len(audiences) > AUDIENCE_LIST_LIMIT:
        raise TooMany(f"more than {AUDIENCE_LIST_LIMIT} audiences", field=field)
    return audiences
