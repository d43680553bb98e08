"""Group: a named set of members of an org (spec/melody.md section 4.5). A deleted group is unknown to every command."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.refusals import UnknownAccount, UnknownGroup

if TYPE_CHECKING:
    from domain.account import Account
    from domain.caller import Caller
    from domain.membership import Membership

NAME_LIMIT = 50


class Group(Aggregate):
    """A group of the org `account`."""

    TOPIC = "group"

    class Event(Recorded, Aggregate.Event):
        """What happens to a group; decisions that rely on the group are touched by default."""

        TOPIC = "group.event"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"group:{self.originator_id}",)

    class Created(Event, Aggregate.Created):
        """A group exists."""

        TOPIC = "group.created"
        organization: UUID
        account: UUID
        name: str

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"group:{self.originator_id}", f"account-groups:{self.account}")

    class Renamed(Event):
        """A group has another name; no decision depends on names."""

        TOPIC = "group.renamed"
        name: str
        touches = ()

        def apply(self, group: Group) -> None:
            group.name = self.name

    class Deleted(Event):
        """A group is gone for ever."""

        TOPIC = "group.deleted"
        account: UUID

        def apply(self, group: Group) -> None:
            group.deleted = True

    def __init__(self, organization: UUID, account: UUID, name: str) -> None:
        """Start alive."""
        self.organization = organization
        self.account = account
        self.name = name
        self.deleted = False

    @classmethod
    def create(cls, *, id: UUID, org: Account, name: str, now: datetime) -> Group:
        """Create a group of an org. That its name is free there is for the caller's claim to ensure.

        Raises UnknownAccount (an account that is no org too), AccountNotActive or InvalidName (1 to 50 characters).
        """
        org.require_active()
        if org.slug is None:
            raise UnknownAccount
        return cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=org.organization,
            account=org.id,
            name=text.name(name, limit=NAME_LIMIT),
        )

    def rename(self, name: str, by: Caller, now: datetime) -> None:
        """Change the name. Raises UnknownGroup or InvalidName."""
        self.require_known(by)
        name = text.name(name, limit=NAME_LIMIT)
        if name != self.name:
            self.trigger_event(self.Renamed, timestamp=now, name=name)

    def delete(self, by: Caller, now: datetime) -> None:
        """End the group for ever; who was in it is for the caller to end. Raises UnknownGroup."""
        self.require_known(by)
        self.trigger_event(self.Deleted, timestamp=now, account=self.account)

    def require_home_of(self, membership: Membership) -> None:
        """Raise UnknownGroup unless this is a group of the org that a user is active in, whose membership it is."""
        self.require_known()
        if membership.removed or membership.account != self.account or not membership.active:
            raise UnknownGroup("not a group of the user's active org")

    def require_known(self, by: Caller | None = None) -> None:
        """Raise UnknownGroup when the group is deleted or outside the caller's organization."""
        if self.deleted or (by is not None and not by.sees(self.organization)):
            raise UnknownGroup
