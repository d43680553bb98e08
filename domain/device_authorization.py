"""Device authorization: an application on a device without browser or keyboard asks, and a person answers elsewhere.

RFC 8628. The device holds the device code, the person types the user code; only digests of both are known here.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.refusals import DeviceAnswered, DeviceNotApproved, UnknownDevice


class Status(StrEnum):
    """Where a device authorization stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REDEEMED = "redeemed"


class DeviceAuthorization(Aggregate):
    """A request for what `scope` names at an audience. It is answered once and redeemed once."""

    TOPIC = "device"

    class Event(Recorded, Aggregate.Event):
        """What happens to a device authorization. Its version keeps answers and redemptions apart: no guard."""

        TOPIC = "device.event"

    class Requested(Event, Aggregate.Created):
        """A device waits for a person. `digest` is SHA-256 in hex of the device code, the user code's is keyed."""

        TOPIC = "device.requested"
        organization: UUID
        application: UUID
        scope: str
        audience: str
        user_code_digest: str
        digest: str
        expires_at: datetime

    class Approved(Event):
        """A person lets the application on the device act for them, signed in at this session since then, thus.

        `scope` is what of the device's scope they were asked about; None: all of it.
        """

        TOPIC = "device.approved"
        organization: UUID
        application: UUID
        user: UUID
        session: UUID
        authenticated_at: datetime
        methods: list[str]
        scope: str | None = None

        def apply(self, device: DeviceAuthorization) -> None:
            device.status = Status.APPROVED

    class Denied(Event):
        """A person refused."""

        TOPIC = "device.denied"
        user: UUID

        def apply(self, device: DeviceAuthorization) -> None:
            device.status = Status.DENIED

    class Redeemed(Event):
        """The device has its tokens: those of this family."""

        TOPIC = "device.redeemed"
        family: UUID

        def apply(self, device: DeviceAuthorization) -> None:
            device.status = Status.REDEEMED

    def __init__(self, *, organization: UUID, application: UUID, expires_at: datetime) -> None:
        """Start unanswered."""
        self.organization = organization
        self.application = application
        self.expires_at = expires_at
        self.status = Status.PENDING

    @classmethod
    def request(
        cls,
        *,
        id: UUID,
        organization: UUID,
        application: UUID,
        scope: str,
        audience: str,
        user_code_digest: str,
        digest: str,
        expires_at: datetime,
        now: datetime,
    ) -> DeviceAuthorization:
        """Let a device wait. That its application may do so, and that the user code is free, the caller sees to."""
        return cls._create(
            cls.Requested,
            id=id,
            timestamp=now,
            organization=organization,
            application=application,
            scope=scope,
            audience=audience,
            user_code_digest=user_code_digest,
            digest=digest,
            expires_at=expires_at,
        )

    @classmethod
    def recalled(
        cls,
        *,
        id: UUID,
        version: int,
        organization: UUID,
        application: UUID,
        status: str,
        expires_at: datetime,
        at: datetime,
    ) -> DeviceAuthorization:
        """Return a device authorization as a read model remembers it at a version: enough to redeem it."""
        device = cls.__new__(cls)
        device.__base_init__(id, version, at)
        device.__init__(organization=organization, application=application, expires_at=expires_at)  # type: ignore[misc]
        device.status = Status(status)
        return device

    def approve(
        self,
        *,
        user: UUID,
        organization: UUID,
        session: UUID,
        authenticated_at: datetime,
        methods: tuple[str, ...],
        scope: str | None = None,
        now: datetime,
    ) -> None:
        """Let the device act for a user of an organization, within a scope if one is told.

        Raises UnknownDevice (another organization's, or at its expiry), or DeviceAnswered.
        """
        self._require_open(organization, now)
        self.trigger_event(
            self.Approved,
            timestamp=now,
            organization=self.organization,
            application=self.application,
            user=user,
            session=session,
            authenticated_at=authenticated_at,
            methods=list(methods),
            scope=scope,
        )

    def deny(self, *, user: UUID, organization: UUID, now: datetime) -> None:
        """Refuse the device in a user's name. Raises as `approve` does."""
        self._require_open(organization, now)
        self.trigger_event(self.Denied, timestamp=now, user=user)

    def redeem(self, family: UUID, now: datetime) -> None:
        """Give an approved device the tokens of a family, once. Raises UnknownDevice (expired) or DeviceNotApproved."""
        if now >= self.expires_at:
            raise UnknownDevice
        if self.status is not Status.APPROVED:
            raise DeviceNotApproved
        self.trigger_event(self.Redeemed, timestamp=now, family=family)

    def _require_open(self, organization: UUID, now: datetime) -> None:
        if organization != self.organization or now >= self.expires_at:
            raise UnknownDevice
        if self.status is not Status.PENDING:
            raise DeviceAnswered
