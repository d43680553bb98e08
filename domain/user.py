"""User: a person known to an application's organization, with the roles assigned to them.

Rules from spec/inbox-manager.md section 3 and, for privileged roles, spec/melody.md section 0 (M16, M17). The name is
personal: it is sealed under the user's own key and reads None once that key is destroyed with the user.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.refusals import InvalidStatus, OwnDeletion, PrivilegedRole, UnknownRole, UnknownUser, UserNotActive

if TYPE_CHECKING:
    from domain.caller import Caller
    from domain.role import Role


class Status(StrEnum):
    """Where a user is in their life."""

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
        application: UUID
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

    def __init__(self, organization: UUID, application: UUID, status: Status, name: str | None) -> None:
        """Start without roles."""
        self.organization = organization
        self.application = application
        self.status = Status(status)
        self.name = name
        self.roles: dict[UUID, str] = {}

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        organization: UUID,
        application: UUID,
        name: str | None,
        status: str = Status.ACTIVE,
        now: datetime,
    ) -> User:
        """Create a user, active or suspended. Raises InvalidName, or InvalidStatus for any other status."""
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
        """Lock the user out. Raises UnknownUser or InvalidReason."""
        self.require_known()
        reason = text.reason(reason)
        if self.status is not Status.SUSPENDED:
            self.trigger_event(self.Suspended, timestamp=now, reason=reason)

    def reinstate(self, now: datetime) -> None:
        """Let a suspended user in again. Raises UnknownUser."""
        self.require_known()
        if self.status is not Status.ACTIVE:
            self.trigger_event(self.Reinstated, timestamp=now)

    def assign_role(self, role: Role, by: Caller, now: datetime) -> None:
        """Give the user a role of their organization.

        Raises UnknownUser, UnknownRole (deleted, or of another organization), or PrivilegedRole when the role is
        privileged and the caller is not root, whether or not the user has it already.
        """
        self.require_known()
        role.require_known()
        if role.organization != self.organization:
            raise UnknownRole
        if role.privileged and not by.is_root:
            raise PrivilegedRole
        if role.id not in self.roles:
            self.trigger_event(self.RoleAssigned, timestamp=now, role=role.id, role_name=role.name)

    def unassign_role(self, role: UUID, now: datetime) -> None:
        """Take a role away, by its id, since it may be deleted already. Raises UnknownUser."""
        self.require_known()
        if role in self.roles:
            self.trigger_event(self.RoleUnassigned, timestamp=now, role=role)

    def delete(self, by: Caller, now: datetime) -> None:
        """End the user, and their roles, for ever. Raises UnknownUser or OwnDeletion."""
        self.require_known()
        if by.user == self.id:
            raise OwnDeletion
        for role in self.roles:
            self.trigger_event(self.RoleUnassigned, timestamp=now, role=role)
        self.trigger_event(self.Deleted, timestamp=now)

    def require_known(self) -> None:
        """Raise UnknownUser when the user is deleted."""
        if self.status is Status.DELETED:
            raise UnknownUser

    def require_active(self) -> None:
        """Raise UnknownUser when the user is deleted, UserNotActive when they are suspended."""
        self.require_known()
        if self.status is not Status.ACTIVE:
            raise UserNotActive
