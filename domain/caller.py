"""Who gives a command: the authenticated application, and the user it acts for, as the rules see them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.permissions import ALL, ROOT, allows


@dataclass(frozen=True, slots=True)
class Caller:
    """`actor` is the user when there is one, else the application; `permissions` are those of the presented token."""

    actor: UUID
    organization: UUID
    permissions: frozenset[str]
    application: UUID | None = None
    user: UUID | None = None

    @property
    def is_root(self) -> bool:
        """Whether the caller holds root, which no wildcard includes."""
        return ROOT in self.permissions

    def holds(self, permission: str) -> bool:
        """Whether the caller's permissions, wildcards included, allow this one."""
        return allows(self.permissions, permission)

    def sees(self, organization: UUID) -> bool:
        """Whether things of this organization exist for the caller: its own do, and for root all do."""
        return organization == self.organization or ROOT in self.permissions


SYSTEM = Caller(actor=UUID(int=0), organization=UUID(int=0), permissions=frozenset({ROOT, ALL}))
"""The service itself: first start, scheduled work, the command line."""
