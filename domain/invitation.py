"""Invitation: the secret link by which an invited user is let in, once, within seven days.

Rules from spec/melody.md section 4.2. Only the digest of the link's secret is known here; sending it again makes
another secret, and the one before is dead. The address belongs to the user, so it is sealed under the user's key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.person import locale as checked_locale
from domain.refusals import InvitationClosed, UnknownInvitation

LIFETIME = timedelta(days=7)


class Status(StrEnum):
    """Where an invitation is in its life; time adds whether its link still works."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"


class Invitation(Aggregate):
    """One user's invitation. `sendings` counts how often a link was made for it."""

    TOPIC = "invitation"

    class Event(Recorded, Aggregate.Event):
        """What happens to an invitation."""

        TOPIC = "invitation.event"

    class Issued(Event, Aggregate.Created):
        """A user is invited by mail. `digest` is SHA-256 in hex of the link's secret, dead from `expires_at` on.

        `locale` is the language that is wished for, `signin_url` where to go on after accepting; None: not said.
        """

        TOPIC = "invitation.issued"
        PERSONAL = frozenset({"email"})
        organization: UUID
        user: UUID
        email: str | None
        digest: str
        expires_at: datetime
        locale: str | None
        signin_url: str | None

        @property
        def subject(self) -> UUID:
            return self.user

    class Resent(Event):
        """A user is reminded with a new link."""

        TOPIC = "invitation.resent"
        PERSONAL = frozenset({"email"})
        user: UUID
        email: str | None
        digest: str
        expires_at: datetime
        locale: str | None
        signin_url: str | None

        @property
        def subject(self) -> UUID:
            return self.user

        def apply(self, invitation: Invitation) -> None:
            invitation.digest, invitation.expires_at = self.digest, self.expires_at
            invitation.locale, invitation.signin_url = self.locale, self.signin_url
            invitation.sendings += 1

    class Revoked(Event):
        """The link is dead, and there will be no other."""

        TOPIC = "invitation.revoked"
        user: UUID

        def apply(self, invitation: Invitation) -> None:
            invitation.status = Status.REVOKED

    class Accepted(Event):
        """The link was used."""

        TOPIC = "invitation.accepted"
        user: UUID

        def apply(self, invitation: Invitation) -> None:
            invitation.status = Status.ACCEPTED

    def __init__(
        self,
        *,
        organization: UUID,
        user: UUID,
        digest: str,
        expires_at: datetime,
        locale: str | None,
        signin_url: str | None,
    ) -> None:
        """Start pending, with one link made."""
        self.organization = organization
        self.user = user
        self.digest = digest
        self.expires_at = expires_at
        self.locale = locale
        self.signin_url = signin_url
        self.status = Status.PENDING
        self.sendings = 1

    @classmethod
    def issue(
        cls,
        *,
        id: UUID,
        organization: UUID,
        user: UUID,
        email: str,
        digest: str,
        locale: str | None,
        signin_url: str | None,
        now: datetime,
    ) -> Invitation:
        """Invite a user. Where `signin_url` may lead is for the command to check. Raises InvalidLocale."""
        return cls._create(
            cls.Issued,
            id=id,
            timestamp=now,
            organization=organization,
            user=user,
            email=email,
            digest=digest,
            expires_at=now + LIFETIME,
            locale=checked_locale(locale),
            signin_url=signin_url,
        )

    def resend(self, *, email: str, digest: str, locale: str | None, signin_url: str | None, now: datetime) -> None:
        """Make another link; None leaves language or sign-in address as they were.

        Raises InvitationClosed (accepted or revoked) or InvalidLocale.
        """
        self._require_pending()
        self.trigger_event(
            self.Resent,
            timestamp=now,
            user=self.user,
            email=email,
            digest=digest,
            expires_at=now + LIFETIME,
            locale=checked_locale(locale) or self.locale,
            signin_url=signin_url or self.signin_url,
        )

    def revoke(self, now: datetime) -> None:
        """Call the invitation back. Raises InvitationClosed (accepted or revoked)."""
        self._require_pending()
        self.trigger_event(self.Revoked, timestamp=now, user=self.user)

    def accept(self, digest: str, now: datetime) -> None:
        """Use the link whose secret has this digest.

        Raises UnknownInvitation for every other link, and for this one once it was used, revoked, replaced or has
        expired (from `expires_at` on): whoever has a dead link learns nothing from it.
        """
        if self.status is not Status.PENDING or digest != self.digest or now >= self.expires_at:
            raise UnknownInvitation
        self.trigger_event(self.Accepted, timestamp=now, user=self.user)

    def _require_pending(self) -> None:
        if self.status is not Status.PENDING:
            raise InvitationClosed
