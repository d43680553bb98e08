"""Signing key: a key pair that signs tokens, first published, then active, then retired but published for a while.

The private key is sealed under a key of its own, so that destroying that one destroys it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.refusals import InvalidExpiry, KeyNotActive, KeyNotIntroduced, KeyTooYoung


class Algorithm(StrEnum):
    """How tokens are signed (RFC 7518 section 3.1, RFC 8037 section 3.1)."""

    ES256 = "ES256"
    RS256 = "RS256"
    EDDSA = "EdDSA"


class Status(StrEnum):
    """Where a key is in its life."""

    INTRODUCED = "introduced"
    ACTIVE = "active"
    RETIRED = "retired"


class SigningKey(Aggregate):
    """One key pair. `public_key` is a JWK; `private_key` is PEM, None once destroyed."""

    TOPIC = "signing_key"

    class Event(Recorded, Aggregate.Event):
        """What happens to a key; whoever signs or publishes keys decides again."""

        TOPIC = "signing_key.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return ("signing-keys",)

    class Introduced(Event, Aggregate.Created):
        """A key is published, so that verifiers know it before it signs. It has no organization (the nil UUID)."""

        TOPIC = "signing_key.introduced"
        PERSONAL = frozenset({"private_key"})
        organization: UUID
        kid: str
        algorithm: Algorithm
        public_key: dict[str, Any]
        private_key: str | None

    class Activated(Event):
        """A key signs."""

        TOPIC = "signing_key.activated"

        def apply(self, key: SigningKey) -> None:
            key.status = Status.ACTIVE

    class Retired(Event):
        """A key no longer signs; it stays published until its last tokens have expired."""

        TOPIC = "signing_key.retired"
        published_until: datetime

        def apply(self, key: SigningKey) -> None:
            key.status, key.published_until = Status.RETIRED, self.published_until

    def __init__(
        self, organization: UUID, kid: str, algorithm: Algorithm, public_key: dict[str, Any], private_key: str | None
    ) -> None:
        """Start published, not yet signing."""
        self.organization = organization
        self.kid = kid
        self.algorithm = Algorithm(algorithm)
        self.public_key = public_key
        self.private_key = private_key
        self.status = Status.INTRODUCED
        self.published_until: datetime | None = None

    @classmethod
    def introduce(
        cls, *, id: UUID, kid: str, algorithm: Algorithm, public_key: dict[str, Any], private_key: str, now: datetime
    ) -> SigningKey:
        """Publish a new key."""
        return cls._create(
            cls.Introduced,
            id=id,
            timestamp=now,
            organization=UUID(int=0),
            kid=kid,
            algorithm=Algorithm(algorithm),
            public_key=public_key,
            private_key=private_key,
        )

    def activate(self, now: datetime, *, published_for: timedelta, force: bool = False) -> None:
        """Let the key sign once it has been published this long; `force` skips the wait (first start, a leaked key).

        Raises KeyNotIntroduced (retired), or KeyTooYoung before that moment; at that moment it may.
        """
        if self.status is Status.ACTIVE:
            return
        if self.status is not Status.INTRODUCED:
            raise KeyNotIntroduced
        if not force and now < self.created_on + published_for:
            raise KeyTooYoung
        self.trigger_event(self.Activated, timestamp=now)

    def retire(self, now: datetime, until: datetime) -> None:
        """Let the key sign no more, yet stay published `until` then. Raises KeyNotActive or InvalidExpiry (past)."""
        if self.status is Status.RETIRED:
            return
        if self.status is not Status.ACTIVE:
            raise KeyNotActive
        if until < now:
            raise InvalidExpiry(field="until")
        self.trigger_event(self.Retired, timestamp=now, published_until=until)

    def published(self, now: datetime) -> bool:
        """Whether verifiers should still find the key; from `published_until` on they need not."""
        return self.published_until is None or now < self.published_until
