"""Personal access token: what a user lets a program come by access tokens with, without credentials or signing in.

Rules from spec/logto.md section 8. Its value is a secret that is shown once; only a digest is known here. Its name, by
which its user tells it from others, is sealed under that user's own key. One that was deleted stays so, and so do the
access tokens that were made of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.refusals import (
    InvalidExpiry,
    InvalidTokenName,
    TooManyPersonalAccessTokens,
    UnknownPersonalAccessToken,
)

if TYPE_CHECKING:
    from domain.user import User

NAME_LIMIT = 256
LIMIT = 1_000
"""How many a user has at most, expired ones too: all are listed at once, and end with the user in one append."""


class PersonalAccessToken(Aggregate):
    """A user's token. `hint` is the end of its value; it is over from `expires_at` on (None: never)."""

    TOPIC = "personal_access_token"

    class Event(Recorded, Aggregate.Event):
        """What happens to a personal access token."""

        TOPIC = "personal_access_token.event"
        user: UUID

        @property
        def subject(self) -> UUID:
            return self.user

    class Issued(Event, Aggregate.Created):
        """A user has a token. `digest` is SHA-256 in hex of its value."""

        TOPIC = "personal_access_token.issued"
        PERSONAL = frozenset({"name"})
        organization: UUID
        name: str | None
        digest: str
        hint: str
        expires_at: datetime | None

        @property
        def touches(self) -> tuple[str, ...]:
            """Decisions on all tokens of a user; on this one nobody can have relied yet."""
            return (of_user(self.user),)

    class Renamed(Event):
        """A token has another name; no decision depends on names, which are claimed."""

        TOPIC = "personal_access_token.renamed"
        PERSONAL = frozenset({"name"})
        name: str | None

        def apply(self, token: PersonalAccessToken) -> None:
            token.name = self.name

    class Deleted(Event):
        """A token is worth nothing any more, and neither is what it was exchanged for."""

        TOPIC = "personal_access_token.deleted"

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.originator_id),)

        def apply(self, token: PersonalAccessToken) -> None:
            token.deleted = True

    def __init__(
        self,
        *,
        user: UUID,
        organization: UUID,
        name: str | None,
        digest: str,
        hint: str,
        expires_at: datetime | None,
    ) -> None:
        """Start usable."""
        self.user = user
        self.organization = organization
        self.name = name
        self.digest = digest
        self.hint = hint
        self.expires_at = expires_at
        self.deleted = False

    @classmethod
    def issue(
        cls,
        *,
        id: UUID,
        user: User,
        name: str,
        digest: str,
        hint: str,
        expires_at: datetime | None,
        others: int,
        now: datetime,
    ) -> PersonalAccessToken:
        """Give a user one more than these `others`. That no other has the name is for the caller's claim to ensure.

        Raises UnknownUser, InvalidTokenName, InvalidExpiry (unless it lies after `now`) or
        TooManyPersonalAccessTokens (1,000 others).
        """
        user.require_known()
        name = checked_name(name)
        if expires_at is not None and expires_at <= now:
            raise InvalidExpiry(field="expires_at")
        if others >= LIMIT:
            raise TooManyPersonalAccessTokens
        return cls._create(
            cls.Issued,
            id=id,
            timestamp=now,
            user=user.id,
            organization=user.organization,
            name=name,
            digest=digest,
            hint=hint,
            expires_at=expires_at,
        )

    def rename(self, name: str, now: datetime) -> None:
        """Give it another name; nothing happens when it has that one. Raises as `delete` does, and InvalidTokenName."""
        self._require_known()
        name = checked_name(name)
        if name != self.name:
            self.trigger_event(self.Renamed, timestamp=now, user=self.user, name=name)

    def delete(self, now: datetime) -> None:
        """End it and what was made of it, for ever. Raises UnknownPersonalAccessToken when it was deleted."""
        self._require_known()
        self.trigger_event(self.Deleted, timestamp=now, user=self.user)

    def _require_known(self) -> None:
        if self.deleted:
            raise UnknownPersonalAccessToken


def guard(token: UUID) -> str:
    """Return the guard of whoever relies on a token: only its end touches it."""
    return f"{PersonalAccessToken.TOPIC}:{token}"


def of_user(user: UUID) -> str:
    """Return the guard of whoever decides on all tokens of a user: a further one touches it."""
    return f"user-tokens:{user}"


def checked_name(name: str) -> str:
    """Return a name in NFC without outer space. Raises InvalidTokenName unless 1 to 256 characters remain."""
    line = text.line(name, NAME_LIMIT, InvalidTokenName, "name")
    if not line:
        raise InvalidTokenName(field="name")
    return line
