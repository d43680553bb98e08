"""Revocation: one record that ends many tokens at once, by application, by user, by end user, or by several of them.

It ends the tokens issued up to its own position in the log; `before` narrows that to those issued before a time.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import event, text
from domain.end_user import end_user as checked_end_user
from domain.refusals import NothingToRevoke, UnknownAccount

if TYPE_CHECKING:
    from domain.caller import Caller


class Revocation(Aggregate):
    """A revocation is recorded once and never changes."""

    TOPIC = "revocation"

    class Event(event.Recorded, Aggregate.Event):
        """What happens to a revocation."""

        TOPIC = "revocation.event"

    class Recorded(Event, Aggregate.Created):
        """The tokens of everything named together are dead. `cascade`: their refresh tokens too."""

        TOPIC = "revocation.recorded"
        organization: UUID
        application: UUID | None
        user: UUID | None
        end_user: str | None
        before: datetime | None
        cascade: bool
        reason: str | None
        by: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            """Whatever is named."""
            keys = []
            if self.application is not None:
                keys.append(f"revocation:application:{self.application}")
            if self.user is not None:
                keys.append(f"revocation:user:{self.user}")
            if self.end_user is not None:
                keys.append(end_user_guard(self.organization, self.end_user))
            return tuple(keys)

    @classmethod
    def record(
        cls,
        *,
        id: UUID,
        organization: UUID,
        application: UUID | None,
        user: UUID | None,
        end_user: str | None,
        before: datetime | None,
        cascade: bool,
        reason: str | None,
        by: Caller,
        now: datetime,
    ) -> Revocation:
        """End the tokens that match everything named.

        Raises UnknownAccount (an organization that the caller does not see), NothingToRevoke (nothing named),
        InvalidEndUser or InvalidReason.
        """
        if not by.sees(organization):
            raise UnknownAccount
        if application is None and user is None and end_user is None:
            raise NothingToRevoke
        return cls._create(
            cls.Recorded,
            id=id,
            timestamp=now,
            organization=organization,
            application=application,
            user=user,
            end_user=None if end_user is None else checked_end_user(end_user),
            before=before,
            cascade=cascade,
            reason=text.reason(reason),
            by=by.actor,
        )


def end_user_guard(organization: UUID, end_user: str) -> str:
    """Return the guard key of an end user: by digest, since a guard key is not the place for a person's name."""
    return f"revocation:end-user:{organization}:{sha256(end_user.encode()).hexdigest()}"
