"""Verification: a code that was sent to an address, until it is typed, misses too often, or makes room for another.

Rules from spec/logto.md section 5. Neither the code nor whom it went to is here: the code is derived from the stream's
id, and what finds the stream by its recipient is a claim. How long a code lives and how many tries it has are settings
of the organization, which count as they are when it is typed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.refusals import CodeBurnt, CodeExpired, NoCodeSent, NotVerified

GENERIC, ACCOUNT, SIGN_IN = "generic", "account", "sign-in"
"""What a code is for: nothing that the service knows of, a change on the account page, signing in."""
PURPOSES = frozenset({GENERIC, ACCOUNT, SIGN_IN})
GOOD_FOR = timedelta(seconds=600)
"""How long after it was verified an address may be written to a user."""


class Verification(Aggregate):
    """One code that was sent. `key` is the id of the master key that it is derived from."""

    TOPIC = "verification"

    class Event(Recorded, Aggregate.Event):
        """What happens to a verification. The stream's version decides races, no guard."""

        TOPIC = "verification.event"

    class Sent(Event, Aggregate.Created):
        """A code was sent, and taken by what sends it on."""

        TOPIC = "verification.sent"
        organization: UUID
        purpose: str
        channel: str
        key: str

    class Missed(Event):
        """Another code was typed."""

        TOPIC = "verification.missed"

        def apply(self, verification: Verification) -> None:
            verification.misses += 1

    class Consumed(Event):
        """The code was typed."""

        TOPIC = "verification.consumed"

        def apply(self, verification: Verification) -> None:
            verification.consumed_at = self.timestamp

    class Replaced(Event):
        """Another code was sent in this one's place."""

        TOPIC = "verification.replaced"

        def apply(self, verification: Verification) -> None:
            verification.replaced = True

    class Spent(Event):
        """What the code showed was made use of: the address was written to a user."""

        TOPIC = "verification.spent"

        def apply(self, verification: Verification) -> None:
            verification.spent = True

    def __init__(self, organization: UUID, purpose: str, channel: str, key: str) -> None:
        """Start without a try."""
        self.organization = organization
        self.purpose = purpose
        self.channel = channel
        self.key = key
        self.misses = 0
        self.consumed_at: datetime | None = None
        self.replaced = False
        self.spent = False

    @classmethod
    def send(cls, *, id: UUID, organization: UUID, purpose: str, channel: str, key: str, now: datetime) -> Verification:
        """Record that a code was sent."""
        return cls._create(
            cls.Sent,
            id=id,
            timestamp=now,
            organization=organization,
            purpose=purpose,
            channel=channel,
            key=key,
        )

    @property
    def waits(self) -> bool:
        """Whether the code, expired and burnt or not, is the one that whoever types one is judged by."""
        return self.consumed_at is None and not self.replaced

    def replace(self, now: datetime) -> None:
        """Make room for another code; one that was typed is none any more."""
        if self.waits:
            self.trigger_event(self.Replaced, timestamp=now)

    def judge(self, *, right: bool, lifetime: timedelta, tries: int, now: datetime) -> bool:
        """Return whether the code that was typed is the right one; either is on record then.

        Raises NoCodeSent (typed or replaced before), CodeExpired (from `lifetime` after it was sent on) or CodeBurnt
        (with so many misses even for the right one), and nothing is on record.
        """
        if not self.waits:
            raise NoCodeSent
        if now >= self.created_on + lifetime:
            raise CodeExpired
        if self.misses >= tries:
            raise CodeBurnt
        if right:
            self.trigger_event(self.Consumed, timestamp=now)
        else:
            self.trigger_event(self.Missed, timestamp=now)
        return right

    def spend(self, now: datetime) -> None:
        """Make use of what the code showed, once. Raises NotVerified (from ten minutes after it was typed on)."""
        if self.consumed_at is None or self.spent or now >= self.consumed_at + GOOD_FOR:
            raise NotVerified
        self.trigger_event(self.Spent, timestamp=now)
