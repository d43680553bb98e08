"""Scopes in words that people understand: ours in their language, an organization's own as it describes them.

What a permission of ours allows is told in our words alone: an organization that described it could make it look like
anything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from domain.permissions import PERMISSIONS, PERSONAL_SCOPES, ROOT
from projections import scopes
from service.pages.language import in_language
from service.pages.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from service.parts import Parts

OTHER = "other"
MANAGEMENT = tuple(name for name in PERMISSIONS if name != ROOT)
"""The permissions that a person's token can carry."""


class Described(NamedTuple):
    """A scope in words: its icon, what it allows, and perhaps a little more about that."""

    icon: str
    told: str
    more: str | None


async def described(parts: Parts, organization: UUID, scope: Iterable[str], language: str) -> list[Described]:
    """Return scopes in words: what somebody may do here, what is told of them, then what the organization describes."""
    names = list(scope)
    others = [name for name in names if name not in PERSONAL_SCOPES and name not in MANAGEMENT]
    said = await scopes.said_of(parts.store.pool, organization, others) if others else {}
    return [
        *(_permission(name, language) for name in MANAGEMENT if name in names),
        *(_personal(name, language) for name in PERSONAL_SCOPES if name in names),
        *(_other(name, said.get(name), language) for name in others),
    ]


def _personal(name: str, language: str) -> Described:
    words = WORDS[language]
    return Described(name, words[f"scope_{name}"], words[f"scope_{name}_more"])


def _permission(name: str, language: str) -> Described:
    words = WORDS[language]
    return Described(OTHER, words[f"permission_{name}"], words["permission_more"].format(scope=name))


def _other(name: str, row: asyncpg.Record | None, language: str) -> Described:
    told = None if row is None else in_language(json.loads(row["locales"]), language) or row["note"]
    if told:
        return Described(OTHER, told, name)
    return Described(OTHER, WORDS[language]["scope_other"].format(scope=name), None)
