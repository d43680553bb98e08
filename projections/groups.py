"""Groups of orgs, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.group import Group
from domain.group_membership import GroupMembership
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

GROUPS = Table(
    "org_groups",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "account": "uuid NOT NULL",
        "name": "text NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX org_groups_account ON org_groups (account, id)",),
)
MEMBERS = Table(
    "group_members",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "group_id": "uuid NOT NULL",
        "account": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "created_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX group_members_group ON group_members (group_id, user_id)",
        "CREATE INDEX group_members_user ON group_members (user_id, account)",
    ),
)


def _created(event: Group.Created, _: Context) -> Iterable[Fact]:
    yield GROUPS.insert(
        id=event.originator_id,
        organization=event.organization,
        account=event.account,
        name=event.name,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _renamed(event: Group.Renamed, _: Context) -> Iterable[Fact]:
    yield GROUPS.update(id=event.originator_id, name=event.name, updated_at=event.timestamp)


def _deleted(event: Group.Deleted, _: Context) -> Iterable[Fact]:
    yield GROUPS.delete(id=event.originator_id)


def _added(event: GroupMembership.Added, _: Context) -> Iterable[Fact]:
    yield MEMBERS.insert(
        id=event.originator_id,
        group_id=event.group,
        account=event.account,
        user_id=event.user,
        created_at=event.timestamp,
    )


def _removed(event: GroupMembership.Removed, _: Context) -> Iterable[Fact]:
    yield MEMBERS.delete(id=event.originator_id)


MODEL = row_model(
    "groups",
    1,
    (GROUPS, MEMBERS),
    {
        Group.Created.TOPIC: _created,
        Group.Renamed.TOPIC: _renamed,
        Group.Deleted.TOPIC: _deleted,
        GroupMembership.Added.TOPIC: _added,
        GroupMembership.Removed.TOPIC: _removed,
    },
)

ONE = "SELECT * FROM org_groups WHERE id = $1"
OF_ORGANIZATION = """
SELECT * FROM org_groups WHERE organization = $1 AND ($2::uuid IS NULL OR account = $2) ORDER BY id LIMIT $3
"""
OF_USER = """
SELECT g.id, g.name FROM group_members x JOIN org_groups g ON g.id = x.group_id
  JOIN memberships m ON m.user_id = x.user_id AND m.account = x.account AND m.active
 WHERE x.user_id = $1 ORDER BY g.id
"""
OF_USER_IN = """
SELECT g.id, g.name FROM group_members x JOIN org_groups g ON g.id = x.group_id
 WHERE x.user_id = $1 AND x.account = $2 ORDER BY g.id
"""
IDS_OF_ACCOUNTS = "SELECT id FROM org_groups WHERE account = ANY ($1::uuid[]) ORDER BY id LIMIT $2"
PLACE = "SELECT id FROM group_members WHERE group_id = $1 AND user_id = $2"
MEMBERS_OF = "SELECT id FROM group_members WHERE group_id = ANY ($1::uuid[]) ORDER BY id LIMIT $2"
PLACES_OF = """
SELECT id FROM group_members WHERE user_id = $1 AND ($2::uuid[] IS NULL OR account = ANY ($2)) ORDER BY id LIMIT $3
"""


async def one(connection: asyncpg.Pool, group: UUID) -> asyncpg.Record | None:
    """Return a group's row, None when there is none."""
    return await connection.fetchrow(ONE, group)


async def of_organization(
    connection: asyncpg.Pool, organization: UUID, *, org: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Return up to `limit` groups of an organization, or of one org of it, by id."""
    return await connection.fetch(OF_ORGANIZATION, organization, org, limit)


async def of_user(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return `id` and `name` of the groups that a user is in, of the org the user is active in."""
    return await connection.fetch(OF_USER, user)


async def of_user_in(connection: asyncpg.Pool, user: UUID, account: UUID) -> list[asyncpg.Record]:
    """Return `id` and `name` of the groups of one org that a user is in, active there or not."""
    return await connection.fetch(OF_USER_IN, user, account)


async def ids_of_accounts(connection: asyncpg.Pool, accounts: list[UUID], *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of the groups of these accounts."""
    return [row[0] for row in await connection.fetch(IDS_OF_ACCOUNTS, accounts, limit)]


async def place(connection: asyncpg.Pool, group: UUID, user: UUID) -> UUID | None:
    """Return the id of a user's membership in a group, None when there is none."""
    found: UUID | None = await connection.fetchval(PLACE, group, user)
    return found


async def members_of(connection: asyncpg.Pool, groups: list[UUID], *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of the memberships in these groups."""
    return [row[0] for row in await connection.fetch(MEMBERS_OF, groups, limit)]


async def places_of(connection: asyncpg.Pool, user: UUID, *, accounts: list[UUID] | None, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's memberships in groups, of these orgs or (None) of all."""
    return [row[0] for row in await connection.fetch(PLACES_OF, user, accounts, limit)]
