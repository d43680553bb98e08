"""A user with all that hangs together with them, as it is once a decision is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.account import Account
from domain.factor import Kind
from domain.membership import Membership
from projections import factors, groups, invitations, memberships, roles

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.user import User
    from service.store.decision import Decision


class Org(NamedTuple):
    """The org that a user is active in."""

    id: UUID
    name: str
    slug: str


class Group(NamedTuple):
    """A group of that org that the user is in."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Detail:
    """A user, the names of their roles, until when they can accept an invitation, their org and groups.

    `has_totp`: they have an app that makes codes.
    """

    user: User
    roles: list[str]
    invitation_expires_at: datetime | None
    org: Org | None
    groups: list[Group]
    has_totp: bool


async def detailed(
    decision: Decision, user: User, *, invitation_expires_at: datetime | None = None, org_stated: bool = False
) -> Detail:
    """Return a user as a decision leaves them; with `org_stated`, which org that is is found in the decision too."""
    connection = decision.connection
    if invitation_expires_at is None:
        row = await invitations.of_user(connection, user.id)
        invitation_expires_at = row["expires_at"] if row is not None and row["status"] == "pending" else None
    if org_stated:
        org, members = await _stated(decision, user)
    else:
        found = await memberships.active_org(connection, user.id)
        org = None if found is None else Org(found["id"], found["name"], found["slug"])
        members = [Group(row["id"], row["name"]) for row in await groups.of_user(connection, user.id)]
    names = await roles.names_of(connection, user.roles)
    has_totp = any(row["type"] == Kind.TOTP for row in await factors.of_user(connection, user.id))
    return Detail(user, names, invitation_expires_at, org, members, has_totp)


async def _stated(decision: Decision, user: User) -> tuple[Org | None, list[Group]]:
    for saved in decision.aggregates:
        if isinstance(saved, Membership) and saved.user == user.id and saved.active:
            account = await decision.peek(Account, saved.account)
            if account is not None and account.slug is not None:
                rows = await groups.of_user_in(decision.connection, user.id, account.id)
                return Org(account.id, account.name, account.slug), [Group(row["id"], row["name"]) for row in rows]
    return None, []
