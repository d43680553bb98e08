"""User: a person known to an organization: who they are, what they sign in with, their roles, who else they are.

Rules from spec/inbox-manager.md section 3, for privileged roles spec/melody.md section 0 (M16, M17), for what people
sign in with spec/logto.md section 3. What is personal (names, addresses, the digest of the password) is sealed under
the user's own key and reads None once that key is destroyed with them.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import person, text
from domain.event import Recorded
from domain.permissions import require_held
from domain.person import Factor, Profile
from domain.refusals import (
    AlreadyLinked,
    EmailAlreadyVerified,
    EmailMissing,
    InvalidLink,
    InvalidStatus,
    InvitationPending,
    OwnDeletion,
    PrivilegedRole,
    TargetAlreadyLinked,
    UnknownRole,
    UnknownUser,
    UnknownVerification,
    UserAlreadyActive,
    UserNotActive,
)

if TYPE_CHECKING:
    from domain.caller import Caller
    from domain.role import Role

WITHDRAWN = "The invitation was revoked"


class Status(StrEnum):
    """Where a user is in their life."""

    INVITED = "invited"
    """Made by an invitation that is not accepted yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class User(Aggregate):
    """A user of one organization. `roles` holds the names of the assigned roles by the roles' ids."""

    TOPIC = "user"

    class Event(Recorded, Aggregate.Event):
        """What happens to a user; decisions that rely on the user are touched by default."""

        TOPIC = "user.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"user:{self.originator_id}",)

    class Created(Event, Aggregate.Created):
        """A user exists."""

        TOPIC = "user.created"
        PERSONAL = frozenset({"name"})
        organization: UUID
        application: UUID | None
        status: Status
        name: str | None

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"user:{self.originator_id}", f"organization-contents:{self.organization}")

    class Renamed(Event):
        """A user has another name, or none; no decision depends on names."""

        TOPIC = "user.renamed"
        PERSONAL = frozenset({"name"})
        name: str | None
        touches = ()

        def apply(self, user: User) -> None:
            user.name = self.name

    class Suspended(Event):
        """A user is locked out."""

        TOPIC = "user.suspended"
        reason: str | None

        def apply(self, user: User) -> None:
            user.status = Status.SUSPENDED

    class Reinstated(Event):
        """A user is let in again."""

        TOPIC = "user.reinstated"

        def apply(self, user: User) -> None:
            user.status = Status.ACTIVE

    class Activated(Event):
        """An invited user is let in for the first time."""

        TOPIC = "user.activated"

        def apply(self, user: User) -> None:
            user.status = Status.ACTIVE

    class ProfileChanged(Event):
        """A user is called and spoken to like this; no decision depends on it."""

        TOPIC = "user.profile_changed"
        PERSONAL = frozenset(member.name for member in fields(Profile))
        given_name: str | None
        family_name: str | None
        locale: str | None
        middle_name: str | None = None
        nickname: str | None = None
        preferred_username: str | None = None
        profile: str | None = None
        picture: str | None = None
        website: str | None = None
        gender: str | None = None
        birthdate: str | None = None
        zoneinfo: str | None = None
        address: dict[str, str] | None = None
        touches = ()

        def apply(self, user: User) -> None:
            user.profile = Profile(**{member.name: getattr(self, member.name) for member in fields(Profile)})

    class CustomDataChanged(Event):
        """A user has other data that applications keep about them, which mean nothing here; None: there are none."""

        TOPIC = "user.custom_data_changed"
        PERSONAL = frozenset({"custom_data"})
        custom_data: dict[str, Any] | None
        touches = ()

        def apply(self, user: User) -> None:
            user.custom_data = self.custom_data or {}

    class UsernameChanged(Event):
        """A user goes by another name at sign-in, or by none."""

        TOPIC = "user.username_changed"
        PERSONAL = frozenset({"username"})
        username: str | None

        def apply(self, user: User) -> None:
            user.username = self.username

    class PasswordChanged(Event):
        """A user has another password, of which there is a digest that says how it was made."""

        TOPIC = "user.password_changed"
        PERSONAL = frozenset({"digest"})
        digest: str | None

        def apply(self, user: User) -> None:
            user.password = self.digest

    class PasswordRehashed(Event):
        """A user's password has a digest of today's making; it is the same password, and nobody decides anew."""

        TOPIC = "user.password_rehashed"
        PERSONAL = frozenset({"digest"})
        digest: str | None
        touches = ()

        def apply(self, user: User) -> None:
            user.password = self.digest

    class EmailChanged(Event):
        """A user has another e-mail address, or none. Links that were sent to the one before are dead."""

        TOPIC = "user.email_changed"
        PERSONAL = frozenset({"email"})
        email: str | None
        verified: bool

        def apply(self, user: User) -> None:
            user.email, user.email_verified, user.verification = self.email, self.verified, None

    class EmailVerificationRequested(Event):
        """Whoever comes with the secret of this digest before `expires_at` has read mail sent to the address.

        `digest` is SHA-256 in hex, `locale` the language that is wished for. Links of before are dead.
        """

        TOPIC = "user.email_verification_requested"
        PERSONAL = frozenset({"email"})
        email: str | None
        digest: str
        expires_at: datetime
        locale: str | None
        touches = ()

        def apply(self, user: User) -> None:
            user.verification = (self.digest, self.expires_at)

    class EmailVerified(Event):
        """A user's present e-mail address is theirs."""

        TOPIC = "user.email_verified"

        def apply(self, user: User) -> None:
            user.email_verified, user.verification = True, None

    class PhoneChanged(Event):
        """A user has another phone number, or none: in digits, with its country code."""

        TOPIC = "user.phone_changed"
        PERSONAL = frozenset({"phone"})
        phone: str | None
        verified: bool

        def apply(self, user: User) -> None:
            user.phone, user.phone_verified = self.phone, self.verified

    class SignInUnlocked(Event):
        """What wrong attempts to sign in as a user have locked is open again, from everywhere."""

        TOPIC = "user.sign_in_unlocked"
        touches = ()

    class FactorRequired(Event):
        """A user proves themselves with one more factor."""

        TOPIC = "user.factor_required"
        factor: Factor

        def apply(self, user: User) -> None:
            user.factors = user.factors | {self.factor}

    class FactorWaived(Event):
        """A user proves themselves with one factor fewer."""

        TOPIC = "user.factor_waived"
        factor: Factor

        def apply(self, user: User) -> None:
            user.factors = user.factors - {self.factor}

    class Linked(Event):
        """A user and another one are the same person; the other one has such an event as well."""

        TOPIC = "user.linked"
        other: UUID

        def apply(self, user: User) -> None:
            user.linked_user = self.other

    class Unlinked(Event):
        """A user and the other one go by themselves again."""

        TOPIC = "user.unlinked"
        other: UUID

        def apply(self, user: User) -> None:
            user.linked_user = None

    class RoleAssigned(Event):
        """A user has a role; its name is that of the day."""

        TOPIC = "user.role_assigned"
        role: UUID
        role_name: str

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"user:{self.originator_id}", f"role-holders:{self.role}")

        def apply(self, user: User) -> None:
            user.roles = {**user.roles, self.role: self.role_name}

    class RoleUnassigned(Event):
        """A user no longer has a role."""

        TOPIC = "user.role_unassigned"
        role: UUID

        def apply(self, user: User) -> None:
            user.roles = {role: name for role, name in user.roles.items() if role != self.role}

    class Deleted(Event):
        """A user is gone for ever."""

        TOPIC = "user.deleted"

        def apply(self, user: User) -> None:
            user.status, user.name, user.roles = Status.DELETED, None, {}
            user.profile, user.email, user.email_verified, user.verification = Profile(), None, False, None
            user.username, user.password, user.custom_data = None, None, {}
            user.phone, user.phone_verified = None, False
            user.factors = frozenset()

    def __init__(self, organization: UUID, application: UUID | None, status: Status, name: str | None) -> None:
        """Start without roles, and with nothing known but the name."""
        self.organization = organization
        self.application = application
        self.status = Status(status)
        self.name = name
        self.roles: dict[UUID, str] = {}
        self.profile = Profile()
        self.email: str | None = None
        self.email_verified = False
        self.verification: tuple[str, datetime] | None = None
        self.phone: str | None = None
        self.phone_verified = False
        self.username: str | None = None
        self.password: str | None = None
        """The digest of the password; None: there is none."""
        self.custom_data: dict[str, Any] = {}
        self.factors: frozenset[Factor] = frozenset()
        self.linked_user: UUID | None = None

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        organization: UUID,
        application: UUID | None = None,
        name: str | None,
        status: str = Status.ACTIVE,
        now: datetime,
    ) -> User:
        """Create a user, active or suspended, of an application or of the organization as such.

        Raises InvalidName, or InvalidStatus for any other status.
        """
        if status not in (Status.ACTIVE, Status.SUSPENDED):
            raise InvalidStatus(field="status")
        return cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=organization,
            application=application,
            status=Status(status),
            name=None if name is None else text.name(name),
        )

    @classmethod
    def invite(
        cls, *, id: UUID, organization: UUID, application: UUID, email: str, profile: Profile, now: datetime
    ) -> User:
        """Create a user who is let in once they accept. That the address is free is for the caller's claim to ensure.

        Raises InvalidEmail, InvalidName or InvalidLocale.
        """
        email, profile = person.email(email), profile.checked()
        user = cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=organization,
            application=application,
            status=Status.INVITED,
            name=None,
        )
        user.change_profile(profile, now)
        user.change_email(email, now)
        return user

    def rename(self, name: str | None, now: datetime) -> None:
        """Change the name; None removes it. Raises UnknownUser or InvalidName."""
        self.require_known()
        name = None if name is None else text.name(name)
        if name != self.name:
            self.trigger_event(self.Renamed, timestamp=now, name=name)

    def move(self, status: str, now: datetime, reason: str | None = None) -> None:
        """Suspend or reinstate, whichever leads to this status. Raises UnknownUser or InvalidStatus (any other)."""
        match status:
            case Status.ACTIVE:
                self.reinstate(now)
            case Status.SUSPENDED:
                self.suspend(reason, now=now)
            case _:
                raise InvalidStatus(field="status")

    def suspend(self, reason: str | None = None, *, now: datetime) -> None:
        """Lock the user out. Raises UnknownUser, InvalidReason, or InvitationPending (to be revoked instead)."""
        self.require_known()
        reason = text.reason(reason)
        self._require_joined()
        if self.status is not Status.SUSPENDED:
            self.trigger_event(self.Suspended, timestamp=now, reason=reason)

    def reinstate(self, now: datetime) -> None:
        """Let a suspended user in again. Raises UnknownUser, or InvitationPending: an invited user accepts first."""
        self.require_known()
        self._require_joined()
        if self.status is not Status.ACTIVE:
            self.trigger_event(self.Reinstated, timestamp=now)

    def accept_invitation(self, now: datetime) -> None:
        """Let an invited user in, who thereby shows that they read their mail.

        Raises UnknownUser, UserAlreadyActive or UserNotActive (the invitation was withdrawn).
        """
        self._require_invited()
        self.trigger_event(self.Activated, timestamp=now)
        if not self.email_verified:
            self.trigger_event(self.EmailVerified, timestamp=now)

    def withdraw_invitation(self, now: datetime) -> None:
        """Lock an invited user out for good or until somebody lets them in. Raises as `accept_invitation` does."""
        self._require_invited()
        self.trigger_event(self.Suspended, timestamp=now, reason=WITHDRAWN)

    def change_profile(self, profile: Profile, now: datetime) -> None:
        """Replace the profile. Raises UnknownUser, InvalidName, InvalidLocale or InvalidProfile."""
        self.require_known()
        profile = profile.checked()
        if profile != self.profile:
            self.trigger_event(self.ProfileChanged, timestamp=now, **vars(profile))

    def change_custom_data(self, custom_data: dict[str, Any], now: datetime) -> None:
        """Replace what applications keep about the user. Raises UnknownUser."""
        self.require_known()
        if custom_data != self.custom_data:
            self.trigger_event(self.CustomDataChanged, timestamp=now, custom_data=custom_data or None)

    def change_username(self, username: str | None, now: datetime) -> None:
        """Let the user sign in by another name, or by none. That it is free is for the caller's claim to ensure.

        Raises UnknownUser or InvalidUsername.
        """
        self.require_known()
        username = None if username is None else person.username(username)
        if username != self.username:
            self.trigger_event(self.UsernameChanged, timestamp=now, username=username)

    def change_password(self, digest: str, now: datetime) -> None:
        """Give the user the password of this digest, in place of the one before if there is one. Raises UnknownUser."""
        self.require_known()
        self.trigger_event(self.PasswordChanged, timestamp=now, digest=digest)

    def rehash_password(self, former: str, digest: str, now: datetime) -> None:
        """Keep another digest of the same password; one that is gone by now is let be. Raises UnknownUser."""
        self.require_known()
        if self.password == former:
            self.trigger_event(self.PasswordRehashed, timestamp=now, digest=digest)

    def change_email(self, email: str | None, now: datetime, *, verified: bool = False) -> None:
        """Give the user another e-mail address, or none. That it is free is for the caller's claim to ensure.

        With `verified` it is known to be theirs, one that they have already, too. Raises UnknownUser or InvalidEmail.
        """
        self.require_known()
        email = None if email is None else person.email(email)
        if email != self.email:
            self.trigger_event(self.EmailChanged, timestamp=now, email=email, verified=verified and email is not None)
        elif verified and email is not None and not self.email_verified:
            self.trigger_event(self.EmailVerified, timestamp=now)

    def request_email_verification(self, digest: str, expires_at: datetime, locale: str | None, now: datetime) -> None:
        """Let whoever has the secret of this digest show until `expires_at` that they read the user's mail.

        Raises UnknownUser, EmailMissing, EmailAlreadyVerified or InvalidLocale.
        """
        self.require_known()
        if self.email is None:
            raise EmailMissing
        if self.email_verified:
            raise EmailAlreadyVerified
        self.trigger_event(
            self.EmailVerificationRequested,
            timestamp=now,
            email=self.email,
            digest=digest,
            expires_at=expires_at,
            locale=person.locale(locale),
        )

    def verify_email(self, digest: str, now: datetime) -> None:
        """Show that the user reads their mail. Raises UnknownVerification: another digest, or from `expires_at` on."""
        if self.verification is None or self.verification[0] != digest or now >= self.verification[1]:
            raise UnknownVerification
        self.trigger_event(self.EmailVerified, timestamp=now)

    def change_phone(self, phone: str | None, now: datetime, *, verified: bool = False) -> None:
        """Give the user another phone number, or none. That it is free is for the caller's claim to ensure.

        With `verified` it is known to be theirs, one that they have already, too. Raises UnknownUser or InvalidPhone.
        """
        self.require_known()
        phone = None if phone is None else person.phone(phone)
        if phone != self.phone or (verified and phone is not None and not self.phone_verified):
            self.trigger_event(self.PhoneChanged, timestamp=now, phone=phone, verified=verified and phone is not None)

    def unlock_sign_in(self, now: datetime) -> None:
        """Let everybody try again to sign in as the user. Raises UnknownUser."""
        self.require_known()
        self.trigger_event(self.SignInUnlocked, timestamp=now)

    def require_factor(self, factor: Factor, now: datetime) -> None:
        """Have the user prove themselves with a factor besides. Raises UnknownUser or UserNotActive."""
        self.require_active()
        if factor not in self.factors:
            self.trigger_event(self.FactorRequired, timestamp=now, factor=factor)

    def waive_factor(self, factor: Factor, now: datetime) -> None:
        """Ask no more for a factor. Raises UnknownUser or UserNotActive."""
        self.require_active()
        if factor in self.factors:
            self.trigger_event(self.FactorWaived, timestamp=now, factor=factor)

    def link(self, other: User, now: datetime) -> None:
        """Say that this user and another one of the organization are the same person, on both sides.

        Raises UnknownUser, InvalidLink (with itself), AlreadyLinked or TargetAlreadyLinked.
        """
        self.require_known()
        other.require_known()
        if other.organization != self.organization:
            raise UnknownUser
        if other.id == self.id:
            raise InvalidLink
        if self.linked_user is not None:
            raise AlreadyLinked
        if other.linked_user is not None:
            raise TargetAlreadyLinked
        self.trigger_event(self.Linked, timestamp=now, other=other.id)
        other.trigger_event(self.Linked, timestamp=now, other=self.id)

    def unlink(self, now: datetime) -> None:
        """End this side of a link, if there is one; the other side is its own to end. Raises UnknownUser."""
        self.require_known()
        if self.linked_user is not None:
            self.trigger_event(self.Unlinked, timestamp=now, other=self.linked_user)

    def assign_role(self, role: Role, by: Caller, now: datetime) -> None:
        """Give the user a role of their organization.

        Raises UnknownUser, UnknownRole (deleted, or of another organization), PrivilegedRole when the role is
        privileged and the caller is not root, or MissingPermission when it holds a permission of the management
        interface that the caller does not hold; whether or not the user has it already.
        """
        self.require_known()
        role.require_known()
        if role.organization != self.organization:
            raise UnknownRole
        if role.privileged and not by.is_root:
            raise PrivilegedRole
        require_held(by, role.permissions)
        if role.id not in self.roles:
            self.trigger_event(self.RoleAssigned, timestamp=now, role=role.id, role_name=role.name)

    def unassign_role(self, role: UUID, now: datetime) -> None:
        """Take a role away, by its id, since it may be deleted already. Raises UnknownUser."""
        self.require_known()
        if role in self.roles:
            self.trigger_event(self.RoleUnassigned, timestamp=now, role=role)

    def delete(self, by: Caller, now: datetime) -> None:
        """End the user, their roles and their side of a link, for ever. Raises UnknownUser or OwnDeletion."""
        self.require_known()
        if by.user == self.id:
            raise OwnDeletion
        for role in self.roles:
            self.trigger_event(self.RoleUnassigned, timestamp=now, role=role)
        self.unlink(now)
        self.trigger_event(self.Deleted, timestamp=now)

    def require_known(self) -> None:
        """Raise UnknownUser when the user is deleted."""
        if self.status is Status.DELETED:
            raise UnknownUser

    def require_active(self) -> None:
        """Raise UnknownUser when the user is deleted, UserNotActive when they are suspended or only invited."""
        self.require_known()
        if self.status is not Status.ACTIVE:
            raise UserNotActive

    def require_enlisted(self) -> None:
        """Raise UnknownUser when the user is deleted, UserNotActive when they are neither active nor invited."""
        self.require_known()
        if self.status not in (Status.ACTIVE, Status.INVITED):
            raise UserNotActive

    def _require_joined(self) -> None:
        if self.status is Status.INVITED:
            raise InvitationPending

    def _require_invited(self) -> None:
        self.require_known()
        if self.status is Status.ACTIVE:
            raise UserAlreadyActive
        if self.status is not Status.INVITED:
            raise UserNotActive
