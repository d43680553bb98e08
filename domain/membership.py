"""Membership: a user's place in an account, with one of the roles owner, member or viewer.

Rules from spec/inbox-manager.md section 3. A back end may leave an account without owner; an ordinary user may not.
A removed membership is unknown to every later command; the same user may be added again as a new membership. Of a
user's memberships in orgs, one at most is active (spec/melody.md section 4.5): the org that the user works in.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.permissions import MEMBERSHIP_ROLES
from domain.refusals import InvalidRole, LastOwner, UnknownMembership, UnknownUser

if TYPE_CHECKING:
    from domain.account import Account
    from domain.caller import Caller
    from domain.user import User

OWNER = "owner"


class Membership(Aggregate):
    """One user in one account."""

    TOPIC = "membership"

    class Event(Recorded, Aggregate.Event):
        """What happens to a membership."""

        TOPIC = "membership.event"

    class Added(Event, Aggregate.Created):
        """A user is a member of an account."""

        TOPIC = "membership.added"
        organization: UUID
        account: UUID
        user: UUID
        role: str

        @property
        def touches(self) -> tuple[str, ...]:
            members = (f"account-members:{self.account}", f"user-memberships:{self.user}")
            return (*_membership_and_owners(self.originator_id, self.account, self.role), *members)

    class RoleChanged(Event):
        """A member has another role; `was` is the one before."""

        TOPIC = "membership.role_changed"
        account: UUID
        user: UUID
        role: str
        was: str

        @property
        def touches(self) -> tuple[str, ...]:
            return _membership_and_owners(self.originator_id, self.account, self.role, self.was)

        def apply(self, membership: Membership) -> None:
            membership.role = self.role

    class Removed(Event):
        """A user is no longer a member; `role` is the last one."""

        TOPIC = "membership.removed"
        account: UUID
        user: UUID
        role: str

        @property
        def touches(self) -> tuple[str, ...]:
            return _membership_and_owners(self.originator_id, self.account, self.role)

        def apply(self, membership: Membership) -> None:
            membership.removed, membership.active = True, False

    class Activated(Event):
        """A user works in this org."""

        TOPIC = "membership.activated"
        account: UUID
        user: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"account-members:{self.account}", f"user-memberships:{self.user}")

        def apply(self, membership: Membership) -> None:
            membership.active = True

    class Deactivated(Event):
        """A user works in this org no longer, and is still a member."""

        TOPIC = "membership.deactivated"
        account: UUID
        user: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"user-memberships:{self.user}",)

        def apply(self, membership: Membership) -> None:
            membership.active = False

    def __init__(self, organization: UUID, account: UUID, user: UUID, role: str) -> None:
        """Start as a member."""
        self.organization = organization
        self.account = account
        self.user = user
        self.role = role
        self.removed = False
        self.active = False

    @classmethod
    def add(cls, *, id: UUID, account: Account, user: User, role: str, now: datetime) -> Membership:
        """Make a user a member of an account. That there is no second membership is for the caller's claim to ensure.

        Raises InvalidRole, UnknownAccount, AccountNotActive, UnknownUser (deleted, or of another organization) or
        UserNotActive (neither active nor invited).
        """
        _check_role(role)
        account.require_active()
        if user.organization != account.organization:
            raise UnknownUser
        user.require_enlisted()
        return cls._create(
            cls.Added,
            id=id,
            timestamp=now,
            organization=account.organization,
            account=account.id,
            user=user.id,
            role=role,
        )

    def change_role(self, role: str, *, owners: int, by: Caller, now: datetime) -> None:
        """Give the member another role. `owners` counts the account's owners, this one included.

        Raises UnknownMembership, InvalidRole, or LastOwner when an ordinary user would leave the account without owner.
        """
        self.require_known(by)
        _check_role(role)
        if role == self.role:
            return
        self._keep_an_owner(owners, by)
        self.trigger_event(
            self.RoleChanged, timestamp=now, account=self.account, user=self.user, role=role, was=self.role
        )

    def activate(self, now: datetime) -> None:
        """Make it the user's active one; that no other is, the caller ensures. Raises UnknownMembership."""
        self.require_known()
        if not self.active:
            self.trigger_event(self.Activated, timestamp=now, account=self.account, user=self.user)

    def deactivate(self, now: datetime) -> None:
        """Make it one of the user's memberships that are not active. Raises UnknownMembership."""
        self.require_known()
        if self.active:
            self.trigger_event(self.Deactivated, timestamp=now, account=self.account, user=self.user)

    def remove(self, owners: int, by: Caller, now: datetime) -> None:
        """End the membership. `owners` as in `change_role`. Raises UnknownMembership or LastOwner."""
        self.require_known(by)
        self._keep_an_owner(owners, by)
        self.trigger_event(self.Removed, timestamp=now, account=self.account, user=self.user, role=self.role)

    def end_with_account(self, by: Caller, now: datetime) -> None:
        """End the membership because its account is deleted: none is left to own. Raises UnknownMembership."""
        self.require_known(by)
        self.trigger_event(self.Removed, timestamp=now, account=self.account, user=self.user, role=self.role)

    def require_known(self, by: Caller | None = None) -> None:
        """Raise UnknownMembership when the membership is removed or outside the caller's organization."""
        if self.removed or (by is not None and not by.sees(self.organization)):
            raise UnknownMembership

    def _keep_an_owner(self, owners: int, by: Caller) -> None:
        if self.role == OWNER and owners <= 1 and by.user is not None:
            raise LastOwner


def _check_role(role: str) -> None:
    if role not in MEMBERSHIP_ROLES:
        raise InvalidRole(field="role")


def _membership_and_owners(membership: UUID, account: UUID, *roles: str) -> tuple[str, ...]:
    touched = (f"membership:{membership}",)
    return (*touched, f"account-owners:{account}") if OWNER in roles else touched
