"""Consent: what a user lets an application do in their name, remembered until they take it back.

There is one at a time for a user and an application; what it covers only grows, and withdrawing it ends all of it. A
third party that is submitted for approval once more may be another than people knew: they are asked anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.refusals import UnknownApplication
from domain.scope import scope_list

if TYPE_CHECKING:
    from domain.application import Application
    from domain.user import User


class Consent(Aggregate):
    """A user's consent to an application of their organization. `scope` is all it covers."""

    TOPIC = "consent"

    class Event(Recorded, Aggregate.Event):
        """What happens to a consent. Whoever decided on what a user lets an application do must decide again."""

        TOPIC = "consent.event"
        user: UUID
        application: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.user, self.application),)

    class Given(Event, Aggregate.Created):
        """A user lets an application do this."""

        TOPIC = "consent.given"
        organization: UUID
        scope: list[str]

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.user, self.application), f"user-consents:{self.user}")

    class Extended(Event):
        """A user lets an application do more, or what it may do anew: `scope` is all of it.

        What was before is included, unless the application was submitted for approval since.
        """

        TOPIC = "consent.extended"
        scope: list[str]

        def apply(self, consent: Consent) -> None:
            consent.scope = self.scope

    class Withdrawn(Event):
        """A user lets an application do nothing any more."""

        TOPIC = "consent.withdrawn"

        def apply(self, consent: Consent) -> None:
            consent.withdrawn = True

    def __init__(self, *, user: UUID, application: UUID, organization: UUID, scope: list[str]) -> None:
        """Start in force."""
        self.user = user
        self.application = application
        self.organization = organization
        self.scope = scope
        self.withdrawn = False

    @classmethod
    def give(cls, *, id: UUID, user: User, application: Application, scope: Iterable[str], now: datetime) -> Consent:
        """Let an application act for a user. That there is no other consent to it is for the caller to see to.

        Raises UnknownUser, UserNotActive, UnknownApplication (of another organization too), ApplicationNotActive,
        InvalidScope or TooMany (over 200).
        """
        require_parties(user, application, now)
        return cls._create(
            cls.Given,
            id=id,
            timestamp=now,
            user=user.id,
            application=application.id,
            organization=user.organization,
            scope=scope_list(scope),
        )

    def counts(self, application: Application) -> bool:
        """Whether the user decided since the application was last submitted for approval, if it ever was."""
        return application.submission is None or self.modified_on > application.submission.submitted_at

    def extend(self, application: Application, scope: Iterable[str], now: datetime) -> None:
        """Let the application do this too; nothing happens when it may already.

        A consent that does not count any more covers only this from now on. Raises InvalidScope or TooMany.
        """
        counts = self.counts(application)
        wider = scope_list((*(self.scope if counts else ()), *scope))
        if wider != self.scope or not counts:
            self.trigger_event(self.Extended, timestamp=now, user=self.user, application=self.application, scope=wider)

    def withdraw(self, now: datetime) -> None:
        """Take the consent back; nothing happens when it was taken back before."""
        if not self.withdrawn:
            self.trigger_event(self.Withdrawn, timestamp=now, user=self.user, application=self.application)


def guard(user: UUID, application: UUID) -> str:
    """Return the guard key of what a user lets an application do, a consent that is not there included."""
    return f"consent:{user}:{application}"


def require_parties(user: User, application: Application, now: datetime) -> None:
    """Refuse unless the user, active, may let this application, in use, act for them. Raises as `give` does."""
    user.require_active()
    application.require_active(now)
    if application.organization != user.organization:
        raise UnknownApplication
