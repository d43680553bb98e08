"""What the door to third parties calls the grant types that one is registered for (F6), and where one stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain import grant_types

if TYPE_CHECKING:
    from collections.abc import Iterable

GrantWord = Literal["code", "password", "client"]
Status = Literal["pending", "effective", "rejected", "expired"]

_GRANTS: dict[GrantWord, tuple[str, ...]] = {
    "code": (grant_types.AUTHORIZATION_CODE, grant_types.REFRESH_TOKEN),
    "password": (grant_types.PASSWORD, grant_types.REFRESH_TOKEN),
    "client": (grant_types.CLIENT_CREDENTIALS,),
}


def grants_of(words: Iterable[GrantWord]) -> tuple[str, ...]:
    """Return the grant types that these words stand for: where a person signs in, renewing goes with it."""
    return tuple(dict.fromkeys(name for word in words for name in _GRANTS[word]))


def words_of(names: Iterable[str]) -> list[GrantWord]:
    """Return the words for grant types; those that nobody here has a word for are left out."""
    held = set(names)
    return [word for word, grants in _GRANTS.items() if grants[0] in held]
