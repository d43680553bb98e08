"""Grant: an application's right to tokens for an audience with certain scopes, in force once somebody else approves it.

Nobody approves their own request, root included. A grant stops counting from `expires_at` on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.permissions import assignable
from domain.refusals import (
    GrantExpired,
    GrantNotEffective,
    GrantNotPending,
    InvalidExpiry,
    SelfApproval,
    UnknownApplication,
    UnknownGrant,
)
from domain.scope import audience as checked_audience
from domain.scope import scope_list

if TYPE_CHECKING:
    from domain.application import Application
    from domain.caller import Caller


class Status(StrEnum):
    """What was decided about a grant; time adds whether it still counts."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKED = "revoked"


class Grant(Aggregate):
    """One application, one audience, some scopes. `expires_at` None: for as long as nobody revokes it."""

    TOPIC = "grant"

    class Event(Recorded, Aggregate.Event):
        """What happens to a grant."""

        TOPIC = "grant.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"grant:{self.originator_id}",)

    class Requested(Event, Aggregate.Created):
        """Somebody asks for a right on behalf of an application."""

        TOPIC = "grant.requested"
        organization: UUID
        application: UUID
        audience: str
        scope: list[str]
        requested_by: UUID
        expires_at: datetime | None

    class Approved(Event):
        """The right is in force until `expires_at`, which may differ from the one asked for."""

        TOPIC = "grant.approved"
        application: UUID
        approver: UUID
        expires_at: datetime | None

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"application:{self.application}", f"grant:{self.originator_id}")

        def apply(self, grant: Grant) -> None:
            grant.status, grant.expires_at = Status.APPROVED, self.expires_at

    class Rejected(Event):
        """The right is denied."""

        TOPIC = "grant.rejected"
        application: UUID
        by: UUID
        reason: str | None

        def apply(self, grant: Grant) -> None:
            grant.status = Status.REJECTED

    class Revoked(Event):
        """The right was in force and is not any more."""

        TOPIC = "grant.revoked"
        application: UUID
        by: UUID
        reason: str | None

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"application:{self.application}", f"grant:{self.originator_id}")

        def apply(self, grant: Grant) -> None:
            grant.status = Status.REVOKED

    def __init__(
        self,
        *,
        organization: UUID,
        application: UUID,
        audience: str,
        scope: list[str],
        requested_by: UUID,
        expires_at: datetime | None,
    ) -> None:
        """Start pending."""
        self.organization = organization
        self.application = application
        self.audience = audience
        self.scope = scope
        self.requested_by = requested_by
        self.expires_at = expires_at
        self.status = Status.PENDING

    @classmethod
    def request(
        cls,
        *,
        id: UUID,
        application: Application,
        audience: str,
        scope: Iterable[str],
        expires_at: datetime | None,
        by: Caller,
        now: datetime,
    ) -> Grant:
        """Ask for a right.

        Raises UnknownApplication (deleted, or outside the caller's organization), SignInOnly (a third party that may
        call no interface), InvalidAudience, InvalidScope, TooMany, InvalidExpiry (not after now), RootRequired or
        MissingPermission (see `assignable`).
        """
        application.require_known()
        if not by.sees(application.organization):
            raise UnknownApplication
        application.require_api()
        scope = scope_list(scope)
        assignable(by, scope)
        _check_expiry(expires_at, now)
        return cls._create(
            cls.Requested,
            id=id,
            timestamp=now,
            organization=application.organization,
            application=application.id,
            audience=checked_audience(audience),
            scope=scope,
            requested_by=by.actor,
            expires_at=expires_at,
        )

    def approve(self, by: Caller, now: datetime, expires_at: datetime | None = None) -> None:
        """Put a pending grant in force, until `expires_at` when given, else as long as was asked for.

        Raises UnknownGrant, GrantNotPending, GrantExpired (from the requested `expires_at` on), SelfApproval (the
        requester, or the application that would profit), RootRequired, MissingPermission or InvalidExpiry.
        """
        self._require_seen(by)
        if self.status is not Status.PENDING:
            raise GrantNotPending
        if self.expires_at is not None and now >= self.expires_at:
            raise GrantExpired
        if by.actor == self.requested_by or by.application == self.application:
            raise SelfApproval
        assignable(by, self.scope)
        _check_expiry(expires_at, now)
        self.trigger_event(
            self.Approved,
            timestamp=now,
            application=self.application,
            approver=by.actor,
            expires_at=self.expires_at if expires_at is None else expires_at,
        )

    def reject(self, by: Caller, reason: str | None, now: datetime) -> None:
        """Deny a pending grant, or withdraw one's own. Raises UnknownGrant, InvalidReason or GrantNotPending."""
        self._require_seen(by)
        reason = text.reason(reason)
        if self.status is Status.REJECTED:
            return
        if self.status is not Status.PENDING:
            raise GrantNotPending
        self.trigger_event(self.Rejected, timestamp=now, application=self.application, by=by.actor, reason=reason)

    def revoke(self, by: Caller, reason: str | None, now: datetime) -> None:
        """End an approved grant, expired or not. Raises UnknownGrant, InvalidReason or GrantNotEffective."""
        self._require_seen(by)
        reason = text.reason(reason)
        if self.status is Status.REVOKED:
            return
        if self.status is not Status.APPROVED:
            raise GrantNotEffective
        self.trigger_event(self.Revoked, timestamp=now, application=self.application, by=by.actor, reason=reason)

    def effective(self, now: datetime) -> bool:
        """Whether tokens may rest on the grant: approved, and `now` before `expires_at`."""
        return self.status is Status.APPROVED and (self.expires_at is None or now < self.expires_at)

    def _require_seen(self, by: Caller) -> None:
        if not by.sees(self.organization):
            raise UnknownGrant


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidExpiry(field="expires_at")
