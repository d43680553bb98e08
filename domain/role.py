"""Role: a named set of permissions of an organization, assigned to users.

Rules from spec/melody.md section 0 (M16, M17) and section 4.3. Creating, renaming to or from, changing or
deleting a built-in name is for the service itself, or renaming would be a way around the guard on privileged roles.
Whoever says what a role holds must hold it: all who have the role have it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.caller import SYSTEM
from domain.event import Recorded
from domain.permissions import BUILT_IN_ROLES, PRIVILEGED_ROLES, ROOT, require_held
from domain.refusals import (
    BuiltInRole,
    InvalidName,
    MissingPermission,
    RoleInUse,
    RootRequired,
    UnknownAccount,
    UnknownRole,
)
from domain.scope import scope_list

if TYPE_CHECKING:
    from domain.caller import Caller

_NAME_LIMIT = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")


class Role(Aggregate):
    """A set of permissions. `privileged` roles are assigned by root only."""

    TOPIC = "role"

    class Event(Recorded, Aggregate.Event):
        """What happens to a role; decisions that rely on the role are touched."""

        TOPIC = "role.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"role:{self.originator_id}",)

    class Defined(Event, Aggregate.Created):
        """A role exists."""

        TOPIC = "role.defined"
        organization: UUID
        name: str
        description: str | None
        permissions: list[str]
        privileged: bool

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"role:{self.originator_id}", f"organization-contents:{self.organization}")

    class Changed(Event):
        """A role has another name, description or set of permissions."""

        TOPIC = "role.changed"
        name: str
        description: str | None
        permissions: list[str]
        privileged: bool

        def apply(self, role: Role) -> None:
            role.name, role.description = self.name, self.description
            role.permissions, role.privileged = self.permissions, self.privileged

    class Deleted(Event):
        """A role is gone for ever."""

        TOPIC = "role.deleted"

        def apply(self, role: Role) -> None:
            role.deleted = True

    def __init__(
        self, *, organization: UUID, name: str, description: str | None, permissions: list[str], privileged: bool
    ) -> None:
        """Start alive."""
        self.organization = organization
        self.name = name
        self.description = description
        self.permissions = permissions
        self.privileged = privileged
        self.deleted = False

    @classmethod
    def define(
        cls,
        *,
        id: UUID,
        organization: UUID,
        name: str,
        description: str | None,
        permissions: Iterable[str],
        by: Caller,
        now: datetime,
    ) -> Role:
        """Create a role.

        Raises UnknownAccount (an organization that the caller does not see), InvalidName, BuiltInRole, InvalidScope,
        InvalidDescription, TooMany (more than 200 permissions), RootRequired or MissingPermission (the caller does not
        hold one of the permissions of the management interface).
        """
        if not by.sees(organization):
            raise UnknownAccount
        values = _checked(name, description, permissions, by)
        return cls._create(cls.Defined, id=id, timestamp=now, organization=organization, **values)

    def change(self, name: str, description: str | None, permissions: Iterable[str], by: Caller, now: datetime) -> None:
        """Replace name, description and permissions. Raises UnknownRole and what `define` raises.

        What the role holds afterwards is what the caller must hold, changed or not: less than before is never an
        escalation.
        """
        self.require_known(by)
        _refuse_built_in(self.name, by)
        values = _checked(name, description, permissions, by)
        if any(getattr(self, field) != value for field, value in values.items()):
            self.trigger_event(self.Changed, timestamp=now, **values)

    def delete(self, by: Caller, now: datetime, *, assigned: bool) -> None:
        """End the role for ever.

        Raises UnknownRole, BuiltInRole, MissingPermission (a privileged role, unless by root), or RoleInUse while it is
        assigned to a user.
        """
        self.require_known(by)
        _refuse_built_in(self.name, by)
        if self.privileged and not by.is_root:
            raise MissingPermission(ROOT)
        if assigned:
            raise RoleInUse
        self.trigger_event(self.Deleted, timestamp=now)

    def require_known(self, by: Caller | None = None) -> None:
        """Raise UnknownRole when the role is deleted or outside the caller's organization."""
        if self.deleted or (by is not None and not by.sees(self.organization)):
            raise UnknownRole


def _checked(name: str, description: str | None, permissions: Iterable[str], by: Caller) -> dict[str, object]:
    _refuse_built_in(name, by)
    if len(name) > _NAME_LIMIT or not _NAME.fullmatch(name):
        raise InvalidName(field="name")
    tokens = scope_list(permissions, field="permissions")
    if ROOT in tokens and not by.is_root:
        raise RootRequired
    require_held(by, tokens)
    return {
        "name": name,
        "description": text.description(description),
        "permissions": tokens,
        "privileged": name in PRIVILEGED_ROLES or ROOT in tokens,
    }


def _refuse_built_in(name: str, by: Caller) -> None:
    if text.folded(name) in BUILT_IN_ROLES and by != SYSTEM:  # nor may a name look like one of them
        raise BuiltInRole
