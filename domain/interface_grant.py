"""Interface grant: an application's right to call an interface so often, in force once somebody else approves it.

Rules from spec/iform.md sections 0.3, 0.5, 1.4 and 2. There is one at a time for an application and an interface. What
was rejected, or has expired, may be requested again; what was withdrawn or deleted is gone for ever. Whether the
application and the interface are still there, and may be used, is looked at when a call is decided.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import interface as interfaces
from domain import text, third_party
from domain.event import Recorded
from domain.refusals import (
    GrantExpired,
    GrantNotEffective,
    GrantNotPending,
    InvalidExpiry,
    MissingPermission,
    SelfApproval,
    UnknownInterface,
    UnknownInterfaceGrant,
)

if TYPE_CHECKING:
    from domain.application import Application
    from domain.caller import Caller
    from domain.interface import Interface

APPROVAL = third_party.APPROVAL
"""The permission of those who decide about grants."""


class Status(StrEnum):
    """What was decided about a grant; time adds whether an approval still counts."""

    PENDING = "pending"
    EFFECTIVE = "effective"
    REJECTED = "rejected"


EXPIRED = "expired"
"""What an effective grant is from the end of its approval on."""


class InterfaceGrant(Aggregate):
    """One application, one interface. `frequency` and `test_frequency` are calls a minute.

    `expires_at` is what was asked for while the grant is pending (None: for as long as whoever approves it says), and
    the end of its approval, exclusive, once it was approved.
    """

    TOPIC = "interface_grant"

    class Event(Recorded, Aggregate.Event):
        """What happens to a grant. Whoever decided on the application's right to the interface must decide again."""

        TOPIC = "interface_grant.event"
        organization: UUID
        application: UUID
        interface: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.application, self.interface),)

    class Requested(Event, Aggregate.Created):
        """Somebody asks for a right on behalf of an application."""

        TOPIC = "interface_grant.requested"
        resource: UUID
        frequency: int
        test_frequency: int
        requested_by: UUID
        expires_at: datetime | None

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.application, self.interface), of_interface(self.interface))

    class RequestedAgain(Event):
        """Somebody asks once more, after the right was denied or had expired."""

        TOPIC = "interface_grant.requested_again"
        frequency: int
        test_frequency: int
        requested_by: UUID
        expires_at: datetime | None

        def apply(self, grant: InterfaceGrant) -> None:
            grant.status, grant.expires_at = Status.PENDING, self.expires_at
            grant.frequency, grant.test_frequency = self.frequency, self.test_frequency
            grant.requested_by, grant.requested_at = self.requested_by, self.timestamp
            grant.decided_by, grant.decided_at, grant.reason = None, None, None

    class Approved(Event):
        """The right is in force until `expires_at`, so often; both may differ from what was asked for."""

        TOPIC = "interface_grant.approved"
        approver: UUID
        frequency: int
        test_frequency: int
        expires_at: datetime

        def apply(self, grant: InterfaceGrant) -> None:
            grant.status, grant.expires_at = Status.EFFECTIVE, self.expires_at
            grant.frequency, grant.test_frequency = self.frequency, self.test_frequency
            grant.decided_by, grant.decided_at, grant.reason = self.approver, self.timestamp, None

    class Rejected(Event):
        """The right is denied, or not in force any more."""

        TOPIC = "interface_grant.rejected"
        by: UUID
        reason: str

        def apply(self, grant: InterfaceGrant) -> None:
            grant.status, grant.expires_at = Status.REJECTED, None
            grant.decided_by, grant.decided_at, grant.reason = self.by, self.timestamp, self.reason

    class Withdrawn(Event):
        """The grant is gone, since its interface is."""

        TOPIC = "interface_grant.withdrawn"
        by: UUID
        reason: str

        def apply(self, grant: InterfaceGrant) -> None:
            grant.ended = True

    class Deleted(Event):
        """The grant is gone, since somebody wanted that."""

        TOPIC = "interface_grant.deleted"
        by: UUID

        def apply(self, grant: InterfaceGrant) -> None:
            grant.ended = True

    def __init__(
        self,
        *,
        organization: UUID,
        application: UUID,
        interface: UUID,
        resource: UUID,
        frequency: int,
        test_frequency: int,
        requested_by: UUID,
        expires_at: datetime | None,
    ) -> None:
        """Start pending."""
        self.organization = organization
        self.application = application
        self.interface = interface
        self.resource = resource
        self.frequency = frequency
        self.test_frequency = test_frequency
        self.requested_by = requested_by
        self.requested_at: datetime = self.created_on
        self.expires_at = expires_at
        self.status = Status.PENDING
        self.decided_by: UUID | None = None
        self.decided_at: datetime | None = None
        self.reason: str | None = None
        self.ended = False

    @classmethod
    def request(
        cls,
        *,
        id: UUID,
        application: Application,
        interface: Interface,
        frequency: int | None,
        test_frequency: int | None,
        expires_at: datetime | None,
        by: Caller,
        now: datetime,
    ) -> InterfaceGrant:
        """Ask for a right. That there is no other grant of the two is for the caller to see to.

        The limits are the interface's unless given. Raises UnknownApplication, SignInOnly (a third party that may call
        no interface), ThirdPartyNotEffective, UnknownInterface (of another organization than the application, too),
        InvalidFrequency or InvalidExpiry (not after now).
        """
        require_requestable(application, by, now)
        _require_target(application, interface)
        return cls._create(
            cls.Requested,
            id=id,
            timestamp=now,
            organization=application.organization,
            application=application.id,
            interface=interface.id,
            resource=interface.resource,
            requested_by=by.actor,
            **_asked(interface, frequency, test_frequency, expires_at, now),
        )

    def request_again(
        self,
        *,
        application: Application,
        interface: Interface,
        frequency: int | None,
        test_frequency: int | None,
        expires_at: datetime | None,
        by: Caller,
        now: datetime,
    ) -> bool:
        """Ask once more for a right that was denied or has expired; say whether there was anything to ask for.

        Nothing happens to a grant that is pending or in force. Raises what `request` does.
        """
        require_requestable(application, by, now)
        _require_target(application, interface)
        asked = _asked(interface, frequency, test_frequency, expires_at, now)
        if self.status is Status.PENDING or self.effective(now):
            return False
        self.trigger_event(self.RequestedAgain, timestamp=now, requested_by=by.actor, **asked, **self._whose())
        return True

    def approve(
        self,
        *,
        application: Application,
        interface: Interface,
        by: Caller,
        now: datetime,
        otherwise: datetime,
        expires_at: datetime | None = None,
        frequency: int | None = None,
        test_frequency: int | None = None,
    ) -> None:
        """Put a pending grant in force, until when and with the limits that were asked for unless given.

        Where nobody said until when, it is `otherwise`. Raises UnknownInterfaceGrant, UnknownApplication,
        UnknownInterface, GrantNotPending, MissingPermission, SelfApproval (the requester, whoever made or submitted the
        third party, root too, and the application that would profit), SignInOnly, ThirdPartyNotEffective,
        InvalidFrequency, InvalidExpiry (not after now) or GrantExpired (what was asked for is over).
        """
        self.require_known(by)
        application.require_known()
        _require_target(application, interface)
        if self.status is not Status.PENDING:
            raise GrantNotPending
        self._require_approver(application, by)
        _require_of_use(application, now)
        _check_expiry(expires_at, now)
        until = expires_at or self.expires_at or otherwise
        if until <= now:
            raise GrantExpired
        self.trigger_event(
            self.Approved,
            timestamp=now,
            approver=by.actor,
            frequency=_calls(frequency, self.frequency, "frequency"),
            test_frequency=_calls(test_frequency, self.test_frequency, "test_frequency"),
            expires_at=until,
            **self._whose(),
        )

    def reject(self, by: Caller, reason: str, now: datetime) -> None:
        """Deny a pending grant, or end one that is in force; one that was rejected stays as it is.

        Raises UnknownInterfaceGrant, InvalidReason, ReasonMissing, MissingPermission or GrantNotEffective (expired).
        """
        self.require_known(by)
        reason = third_party.reason(reason)
        if not by.holds(APPROVAL):
            raise MissingPermission(APPROVAL)
        if self.status is Status.REJECTED:
            return
        if self.status is Status.EFFECTIVE and not self.effective(now):
            raise GrantNotEffective
        self.trigger_event(self.Rejected, timestamp=now, by=by.actor, reason=reason, **self._whose())

    def withdraw(self, by: Caller, reason: str, now: datetime) -> None:
        """End the grant because its interface ends; nothing happens when it is gone. Raises InvalidReason."""
        if not self.ended:
            reason = text.reason(reason) or ""
            self.trigger_event(self.Withdrawn, timestamp=now, by=by.actor, reason=reason, **self._whose())

    def delete(self, by: Caller, now: datetime) -> None:
        """End the grant for ever, whatever was decided about it. Raises UnknownInterfaceGrant."""
        self.require_known(by)
        self.trigger_event(self.Deleted, timestamp=now, by=by.actor, **self._whose())

    def effective(self, now: datetime) -> bool:
        """Whether the grant is in force: approved, and the approval has not expired."""
        return self.status is Status.EFFECTIVE and self.expires_at is not None and now < self.expires_at

    def require_known(self, by: Caller) -> None:
        """Raise UnknownInterfaceGrant when the grant is gone or outside the caller's organization."""
        if self.ended or not by.sees(self.organization):
            raise UnknownInterfaceGrant

    def _require_approver(self, application: Application, by: Caller) -> None:
        if not by.holds(APPROVAL):
            raise MissingPermission(APPROVAL)
        if by.actor == self.requested_by or by.application == application.id:
            raise SelfApproval
        if application.submission is not None:
            application.submission.require_approver(by, application.id)

    def _whose(self) -> dict[str, UUID]:
        return {"organization": self.organization, "application": self.application, "interface": self.interface}


def guard(application: UUID, interface: UUID) -> str:
    """Return the guard key of an application's right to an interface, one that is not there included."""
    return f"interface-grant:{application}:{interface}"


def of_interface(interface: UUID) -> str:
    """Return the guard key of those who decide on all grants of an interface: a further one touches it."""
    return f"interface-grants:{interface}"


def require_requestable(application: Application, by: Caller, now: datetime) -> None:
    """Refuse unless somebody may ask for rights on behalf of the application. Raises as `request` does of it."""
    application.require_known(by)
    _require_of_use(application, now)


def _require_of_use(application: Application, now: datetime) -> None:
    application.require_api()
    if application.submission is not None:
        application.submission.require_effective(now)


def _require_target(application: Application, interface: Interface) -> None:
    interface.require_known()
    if interface.organization != application.organization:
        raise UnknownInterface


def _asked(
    interface: Interface, frequency: int | None, test_frequency: int | None, expires_at: datetime | None, now: datetime
) -> dict[str, int | datetime | None]:
    _check_expiry(expires_at, now)
    return {
        "frequency": _calls(frequency, interface.frequency, "frequency"),
        "test_frequency": _calls(test_frequency, interface.test_frequency, "test_frequency"),
        "expires_at": expires_at,
    }


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidExpiry(field="expires_at")


def _calls(value: int | None, default: int, field: str) -> int:
    return default if value is None else interfaces.calls(value, field=field)
