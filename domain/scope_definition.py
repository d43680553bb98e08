"""Scope definition: a scope that an organization knows, with what is said about it (spec/melody.md section 4.4).

Built-in scopes are there without being defined. What an organization says about one is a definition of its name; it is
never renamed or deleted, and no other definition may have a name that reads like a built-in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.permissions import BUILT_IN_SCOPES, PERSONAL_SCOPES
from domain.refusals import BuiltInScope, InvalidLocale, InvalidName, TooMany, UnknownAccount, UnknownScope
from domain.scope import scope_list

if TYPE_CHECKING:
    from domain.caller import Caller

NAME_LIMIT = 50
LOCALE_LIMIT = 50
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_BUILT_IN_NAMES = frozenset(BUILT_IN_SCOPES)
_NAMESPACE = UUID("6d0a4f5e-3f0b-5c3c-9d55-3a4f1f8e7b21")


class ScopeType(StrEnum):
    """Whose tokens carry the scope: those of users, or those of server applications."""

    SPA = "spa"
    S2S = "s2s"


BUILT_IN = {uuid5(_NAMESPACE, name): name for name in BUILT_IN_SCOPES}
"""The built-in scopes by their ids, which are the same in every organization."""


def built_in_type(name: str) -> ScopeType:
    """Return the type of a built-in scope."""
    return ScopeType.SPA if name in PERSONAL_SCOPES else ScopeType.S2S


class ScopeDefinition(Aggregate):
    """What an organization says about a scope. `type` never changes; `locales` holds its note by language tag."""

    TOPIC = "scope"

    class Event(Recorded, Aggregate.Event):
        """What happens to a definition; who decides by which scopes there are is touched."""

        TOPIC = "scope.event"
        organization: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"organization-scopes:{self.organization}",)

    class Defined(Event, Aggregate.Created):
        """A scope is known, or something is said about a built-in one."""

        TOPIC = "scope.defined"
        name: str
        type: ScopeType
        note: str | None
        locales: dict[str, str]

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"organization-scopes:{self.organization}", f"organization-contents:{self.organization}")

    class Changed(Event):
        """A scope has another name, note or translations."""

        TOPIC = "scope.changed"
        name: str
        note: str | None
        locales: dict[str, str]

        def apply(self, scope: ScopeDefinition) -> None:
            scope.name, scope.note, scope.locales = self.name, self.note, self.locales

    class Deleted(Event):
        """A scope is known no longer."""

        TOPIC = "scope.deleted"

        def apply(self, scope: ScopeDefinition) -> None:
            scope.deleted = True

    def __init__(
        self, *, organization: UUID, name: str, type: ScopeType, note: str | None, locales: dict[str, str]
    ) -> None:
        """Start known."""
        self.organization = organization
        self.name = name
        self.type = ScopeType(type)
        self.note = note
        self.locales = locales
        self.deleted = False

    @property
    def built_in(self) -> bool:
        """Whether the definition is of a scope that is there without it."""
        return self.name in _BUILT_IN_NAMES

    @classmethod
    def define(
        cls,
        *,
        id: UUID,
        organization: UUID,
        name: str,
        type: ScopeType | None,
        note: str | None,
        locales: Mapping[str, str],
        by: Caller,
        now: datetime,
    ) -> ScopeDefinition:
        """Make a scope known, or with `type` None say something about a built-in one.

        That no other definition has the name is for the caller's claim to ensure. Raises UnknownAccount (an
        organization that the caller does not see), UnknownScope (there is no such built-in one), BuiltInScope,
        InvalidScope (a name that is no scope), InvalidName (over 50 characters), InvalidDescription, InvalidLocale or
        TooMany (over 50 languages).
        """
        if not by.sees(organization):
            raise UnknownAccount
        if type is None and name not in _BUILT_IN_NAMES:
            raise UnknownScope
        return cls._create(
            cls.Defined,
            id=id,
            timestamp=now,
            organization=organization,
            name=name if type is None else _free(name),
            type=built_in_type(name) if type is None else ScopeType(type),
            note=text.description(note),
            locales=_checked(locales),
        )

    def change(self, name: str, note: str | None, locales: Mapping[str, str], by: Caller, now: datetime) -> None:
        """Replace name, note and translations; a built-in one keeps its name. Raises what `define` raises of them."""
        self.require_known(by)
        if name != self.name:
            if self.built_in:
                raise BuiltInScope
            name = _free(name)
        values = {"name": name, "note": text.description(note), "locales": _checked(locales)}
        if any(getattr(self, field) != value for field, value in values.items()):
            self.trigger_event(self.Changed, timestamp=now, organization=self.organization, **values)

    def delete(self, by: Caller, now: datetime) -> None:
        """End the definition for ever. Raises UnknownScope or BuiltInScope."""
        self.require_known(by)
        if self.built_in:
            raise BuiltInScope
        self.trigger_event(self.Deleted, timestamp=now, organization=self.organization)

    def require_known(self, by: Caller) -> None:
        """Raise UnknownScope when the definition is deleted or outside the caller's organization."""
        if self.deleted or not by.sees(self.organization):
            raise UnknownScope


def _free(name: str) -> str:
    if text.folded(name) in _BUILT_IN_NAMES:
        raise BuiltInScope
    if len(name) > NAME_LIMIT:
        raise InvalidName(f"longer than {NAME_LIMIT} characters", field="name")
    return scope_list([name], field="name")[0]


def _checked(locales: Mapping[str, str]) -> dict[str, str]:
    if len(locales) > LOCALE_LIMIT:
        raise TooMany(f"more than {LOCALE_LIMIT} languages", field="locales")
    for locale in locales:
        if not _LOCALE.fullmatch(locale):
            raise InvalidLocale(repr(locale), field="locales")
    return {locale: text.description(value, field="locales") or "" for locale, value in sorted(locales.items())}
