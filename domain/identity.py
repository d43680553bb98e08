"""Identity: who a user is elsewhere, at a social provider or at their enterprise's own.

Rules from spec/logto.md sections 6.1 and 7. A user is one person at a provider, and nobody else of the organization is
the same person there: both are for the caller's claims to ensure. Who somebody is there, and what is told of them, is
sealed under the user's own key. An identity that was unlinked stays so; what is linked afterwards is another one.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.connector import TARGET
from domain.event import Recorded
from domain.refusals import (
    InvalidDetails,
    InvalidIdentity,
    InvalidTarget,
    TooMany,
    UnknownEnterpriseIdentity,
    UnknownIdentity,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.user import User

PERSON_LIMIT = 256
"""Of how a social provider calls a person: subjects have 255 characters at most (OpenID Connect Core section 2)."""
ISSUER_LIMIT = 256
IDENTITY_ID_LIMIT = 128
LIMIT = 100
"""How many identities of a kind a user has at most: all of them are ended in one append."""
DETAILS_LIMIT = 64 * 1024
"""Bytes of what is told of somebody, as JSON."""
TOGETHER_LIMIT = 256 * 1024
"""The same of a user at all social providers together: lists show a hundred users at once, with all that is told."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
# An escaped NUL, told from an escaped backslash before "u0000": PostgreSQL keeps no such text.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Identity(Aggregate):
    """A user at a social provider. `target` is the word for the provider."""

    TOPIC = "identity"

    class Event(Recorded, Aggregate.Event):
        """What happens to an identity. Whoever decided on the identities of its user must decide again."""

        TOPIC = "identity.event"
        user: UUID

        @property
        def subject(self) -> UUID:
            return self.user

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.user),)

    class Linked(Event, Aggregate.Created):
        """A user is this person at a provider: by a connector, or (None) because somebody said so."""

        TOPIC = "identity.linked"
        PERSONAL = frozenset({"person", "details"})
        organization: UUID
        target: str
        connector: UUID | None
        person: str | None
        details: dict[str, Any] | None

    class Replaced(Event):
        """A user is another person at the provider, or something else is told of them there."""

        TOPIC = "identity.replaced"
        PERSONAL = frozenset({"person", "details"})
        connector: UUID | None
        person: str | None
        details: dict[str, Any] | None

        def apply(self, identity: Identity) -> None:
            identity.connector, identity.person, identity.details = self.connector, self.person, self.details

    class Unlinked(Event):
        """A user is nobody at the provider any more."""

        TOPIC = "identity.unlinked"

        def apply(self, identity: Identity) -> None:
            identity.unlinked, identity.person, identity.details = True, None, None

    def __init__(
        self,
        *,
        user: UUID,
        organization: UUID,
        target: str,
        connector: UUID | None,
        person: str | None,
        details: dict[str, Any] | None,
    ) -> None:
        """Start linked."""
        self.user = user
        self.organization = organization
        self.target = target
        self.connector = connector
        self.person = person
        self.details = details
        self.unlinked = False

    @classmethod
    def link(
        cls,
        *,
        id: UUID,
        user: User,
        target: str,
        connector: UUID | None,
        person: str,
        details: dict[str, Any] | None,
        others: int,
        now: datetime,
    ) -> Identity:
        """Let a user, who has that many others, be this person at a provider.

        Raises UnknownUser, TooMany (from 100 on), InvalidTarget, InvalidIdentity or InvalidDetails.
        """
        _require_room(user, others)
        return cls._create(
            cls.Linked,
            id=id,
            timestamp=now,
            user=user.id,
            organization=user.organization,
            target=checked_target(target),
            connector=connector,
            person=checked_person(person),
            details=checked_details(details),
        )

    def replace(self, *, connector: UUID | None, person: str, details: dict[str, Any] | None, now: datetime) -> None:
        """Let the user be this person there, of whom this is told and nothing else.

        Raises UnknownIdentity, InvalidIdentity or InvalidDetails.
        """
        self._require_linked()
        said = {"connector": connector, "person": checked_person(person), "details": checked_details(details)}
        if not _same(said, self):
            self.trigger_event(self.Replaced, timestamp=now, user=self.user, **said)

    def unlink(self, now: datetime) -> None:
        """Let the user be nobody there. Raises UnknownIdentity when that is so already."""
        self._require_linked()
        self.trigger_event(self.Unlinked, timestamp=now, user=self.user)

    def _require_linked(self) -> None:
        if self.unlinked:
            raise UnknownIdentity


class EnterpriseIdentity(Aggregate):
    """A user at their enterprise's own provider. `connector` is the word for it, by which it is found."""

    TOPIC = "enterprise_identity"

    class Event(Recorded, Aggregate.Event):
        """What happens to an enterprise identity. Whoever decided on its user's identities must decide again."""

        TOPIC = "enterprise_identity.event"
        user: UUID

        @property
        def subject(self) -> UUID:
            return self.user

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.user),)

    class Linked(Event, Aggregate.Created):
        """A user is this person at an issuer."""

        TOPIC = "enterprise_identity.linked"
        PERSONAL = frozenset({"identity_id", "detail"})
        organization: UUID
        connector: str
        issuer: str
        identity_id: str | None
        detail: dict[str, Any] | None

    class Replaced(Event):
        """A user is another person at an issuer, or something else is told of them there."""

        TOPIC = "enterprise_identity.replaced"
        PERSONAL = frozenset({"identity_id", "detail"})
        issuer: str
        identity_id: str | None
        detail: dict[str, Any] | None

        def apply(self, identity: EnterpriseIdentity) -> None:
            identity.issuer, identity.identity_id, identity.detail = self.issuer, self.identity_id, self.detail

    class Unlinked(Event):
        """A user is nobody there any more."""

        TOPIC = "enterprise_identity.unlinked"

        def apply(self, identity: EnterpriseIdentity) -> None:
            identity.unlinked, identity.identity_id, identity.detail = True, None, None

    def __init__(
        self,
        *,
        user: UUID,
        organization: UUID,
        connector: str,
        issuer: str,
        identity_id: str | None,
        detail: dict[str, Any] | None,
    ) -> None:
        """Start linked."""
        self.user = user
        self.organization = organization
        self.connector = connector
        self.issuer = issuer
        self.identity_id = identity_id
        self.detail = detail
        self.unlinked = False

    @classmethod
    def link(
        cls,
        *,
        id: UUID,
        user: User,
        connector: str,
        issuer: str,
        identity_id: str,
        detail: dict[str, Any] | None,
        others: int,
        now: datetime,
    ) -> EnterpriseIdentity:
        """Let a user, who has that many others, be this person at an issuer.

        Raises UnknownUser, TooMany (from 100 on), InvalidIdentity or InvalidDetails.
        """
        _require_room(user, others)
        return cls._create(
            cls.Linked,
            id=id,
            timestamp=now,
            user=user.id,
            organization=user.organization,
            connector=_word(connector),
            **_at_an_enterprise(issuer, identity_id, detail),
        )

    def replace(self, *, issuer: str, identity_id: str, detail: dict[str, Any] | None, now: datetime) -> None:
        """Let the user be this person there, of whom this is told and nothing else.

        Raises UnknownEnterpriseIdentity, InvalidIdentity or InvalidDetails.
        """
        self._require_linked()
        said = _at_an_enterprise(issuer, identity_id, detail)
        if not _same(said, self):
            self.trigger_event(self.Replaced, timestamp=now, user=self.user, **said)

    def unlink(self, now: datetime) -> None:
        """Let the user be nobody there. Raises UnknownEnterpriseIdentity when that is so already."""
        self._require_linked()
        self.trigger_event(self.Unlinked, timestamp=now, user=self.user)

    def _require_linked(self) -> None:
        if self.unlinked:
            raise UnknownEnterpriseIdentity


def guard(user: UUID) -> str:
    """Return the guard key of a user's identities, social and enterprise, that there are none included."""
    return f"user-identities:{user}"


def checked_target(value: str) -> str:
    """Return the word for a provider as connectors have it. It stands in paths and, in plain form, in the log.

    Raises InvalidTarget.
    """
    if not TARGET.fullmatch(value):
        raise InvalidTarget(field="target")
    return value


def checked_person(value: str, *, field: str = "person", limit: int = PERSON_LIMIT) -> str:
    """Return how a provider calls a person, as it does. Raises InvalidIdentity: too long, empty, control characters."""
    # Not normalised: whom the provider tells apart must not become one person here.
    if not 1 <= len(value) <= limit or any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise InvalidIdentity(field=field)
    return value


def checked_details(value: dict[str, Any] | None, *, field: str = "details") -> dict[str, Any] | None:
    """Return what is told of somebody. Raises InvalidDetails: over 64 KiB as JSON, or what cannot be kept as such."""
    if value is None:
        return None
    try:
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        fits = len(written.encode()) <= DETAILS_LIMIT and not _NUL.search(written)
    except (UnicodeEncodeError, RecursionError):  # half a character, or a depth that nobody can read
        fits = False
    if not fits:
        raise InvalidDetails(field=field)
    return value


def require_room_for(details: dict[str, Any] | None, others: Iterable[dict[str, Any] | None]) -> None:
    """Raise InvalidDetails when, with what is told at other providers, it is over 256 KiB as JSON."""
    told = [each for each in (details, *others) if each is not None]
    if (
        details is not None
        and sum(len(json.dumps(each, ensure_ascii=False).encode()) for each in told) > TOGETHER_LIMIT
    ):
        raise InvalidDetails("more than 256 KiB at all providers together", field="details")


def _require_room(user: User, others: int) -> None:
    user.require_known()
    if others >= LIMIT:
        raise TooMany(f"more than {LIMIT} identities")


def _at_an_enterprise(issuer: str, identity_id: str, detail: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "issuer": checked_person(issuer, field="issuer", limit=ISSUER_LIMIT),
        "identity_id": checked_person(identity_id, field="identity_id", limit=IDENTITY_ID_LIMIT),
        "detail": checked_details(detail, field="detail"),
    }


def _same(said: dict[str, Any], identity: Identity | EnterpriseIdentity) -> bool:
    """Say whether that is known already. It is compared as JSON, where 1 is not true."""
    known = {name: getattr(identity, name) for name in said}
    return json.dumps(said, sort_keys=True, default=str) == json.dumps(known, sort_keys=True, default=str)


def _word(connector: str) -> str:
    if not _WORD.fullmatch(connector):
        raise InvalidIdentity(field="connector")
    return connector
