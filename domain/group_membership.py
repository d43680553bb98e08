"""Group membership: a user's place in a group of an org that the user belongs to (spec/melody.md section 4.5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded

if TYPE_CHECKING:
    from domain.group import Group
    from domain.membership import Membership


class GroupMembership(Aggregate):
    """One user in one group. Once removed it is over; the same user may be added again as a new one."""

    TOPIC = "group_membership"

    class Event(Recorded, Aggregate.Event):
        """What happens to a group membership."""

        TOPIC = "group_membership.event"
        group: UUID
        user: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"group-members:{self.group}", f"user-groups:{self.user}")

    class Added(Event, Aggregate.Created):
        """A user is in a group."""

        TOPIC = "group_membership.added"
        organization: UUID
        account: UUID

    class Removed(Event):
        """A user is no longer in a group."""

        TOPIC = "group_membership.removed"

        def apply(self, membership: GroupMembership) -> None:
            membership.removed = True

    def __init__(self, organization: UUID, account: UUID, group: UUID, user: UUID) -> None:
        """Start as a member."""
        self.organization = organization
        self.account = account
        self.group = group
        self.user = user
        self.removed = False

    @classmethod
    def add(cls, *, id: UUID, group: Group, membership: Membership, now: datetime) -> GroupMembership:
        """Put a user into a group, by their membership in its org.

        That they are in it once is for the caller's claim to ensure. Raises UnknownGroup, also unless that org is the
        one the user is active in.
        """
        group.require_home_of(membership)
        return cls._create(
            cls.Added,
            id=id,
            timestamp=now,
            organization=group.organization,
            account=group.account,
            group=group.id,
            user=membership.user,
        )

    def remove(self, now: datetime) -> None:
        """Take the user out of the group; nothing happens when they are not in it."""
        if not self.removed:
            self.trigger_event(self.Removed, timestamp=now, group=self.group, user=self.user)
