"""Memberships: which user belongs to which account, in which role, and in which org the user is active."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.membership import Membership
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

MEMBERSHIPS = Table(
    "memberships",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "account": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "role": "text NOT NULL",
        "active": "boolean NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX memberships_account ON memberships (account, id)",
        "CREATE INDEX memberships_user ON memberships (user_id, id)",
    ),
)


def _added(event: Membership.Added, _: Context) -> Iterable[Fact]:
    yield MEMBERSHIPS.insert(
        id=event.originator_id,
        organization=event.organization,
        account=event.account,
        user_id=event.user,
        role=event.role,
        active=False,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _role_changed(event: Membership.RoleChanged, _: Context) -> Iterable[Fact]:
    yield MEMBERSHIPS.update(id=event.originator_id, role=event.role, updated_at=event.timestamp)


def _activated(event: Membership.Activated, _: Context) -> Iterable[Fact]:
    yield MEMBERSHIPS.update(id=event.originator_id, active=True, updated_at=event.timestamp)


def _deactivated(event: Membership.Deactivated, _: Context) -> Iterable[Fact]:
    yield MEMBERSHIPS.update(id=event.originator_id, active=False, updated_at=event.timestamp)


def _removed(event: Membership.Removed, _: Context) -> Iterable[Fact]:
    yield MEMBERSHIPS.delete(id=event.originator_id)


MODEL = row_model(
    "memberships",
    2,
    (MEMBERSHIPS,),
    {
        Membership.Added.TOPIC: _added,
        Membership.RoleChanged.TOPIC: _role_changed,
        Membership.Activated.TOPIC: _activated,
        Membership.Deactivated.TOPIC: _deactivated,
        Membership.Removed.TOPIC: _removed,
    },
)

ONE = "SELECT * FROM memberships WHERE id = $1"
OF_ACCOUNT = "SELECT * FROM memberships WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3"
OF_USER = "SELECT id FROM memberships WHERE user_id = $1 ORDER BY id LIMIT $2"
IDS_OF_ACCOUNTS = "SELECT id FROM memberships WHERE account = ANY ($1::uuid[]) ORDER BY id LIMIT $2"
ORGS_OF_USER = """
SELECT m.id FROM memberships m JOIN accounts a ON a.id = m.account
 WHERE m.user_id = $1 AND a.slug IS NOT NULL ORDER BY m.id LIMIT $2
"""
ACTIVE_ORG = """
SELECT a.id, a.name, a.slug FROM memberships m JOIN accounts a ON a.id = m.account
 WHERE m.user_id = $1 AND m.active
"""
ANY_ACTIVE = "SELECT EXISTS (SELECT FROM memberships WHERE account = $1 AND active)"
OF_PAIR = "SELECT id FROM memberships WHERE account = $1 AND user_id = $2"
IN_ACTIVE_ACCOUNT = """
SELECT m.id FROM memberships m JOIN accounts a ON a.id = m.account AND a.status = 'active'
 WHERE m.account = $1 AND m.user_id = $2
"""
OWNERS = "SELECT count(*) FROM memberships WHERE account = $1 AND role = 'owner'"


async def one(connection: asyncpg.Pool, membership: UUID) -> asyncpg.Record | None:
    """Return a membership's row, None when there is none."""
    return await connection.fetchrow(ONE, membership)


async def of_account(connection: asyncpg.Pool, account: UUID, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return a page of an account's memberships, by id."""
    return await connection.fetch(OF_ACCOUNT, account, after, limit)


async def ids_of_user(connection: asyncpg.Pool, user: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's memberships."""
    return [row[0] for row in await connection.fetch(OF_USER, user, limit)]


async def ids_of_accounts(connection: asyncpg.Pool, accounts: list[UUID], *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of the memberships of several accounts."""
    return [row[0] for row in await connection.fetch(IDS_OF_ACCOUNTS, accounts, limit)]


async def ids_in_orgs(connection: asyncpg.Pool, user: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's memberships in orgs."""
    return [row[0] for row in await connection.fetch(ORGS_OF_USER, user, limit)]


async def id_of(connection: asyncpg.Pool, account: UUID, user: UUID) -> UUID | None:
    """Return the id of a user's membership in an account, None when there is none."""
    membership: UUID | None = await connection.fetchval(OF_PAIR, account, user)
    return membership


async def in_active_account(connection: asyncpg.Pool, account: UUID, user: UUID) -> UUID | None:
    """Return the id of a user's membership in an account that is not suspended, None when there is none."""
    membership: UUID | None = await connection.fetchval(IN_ACTIVE_ACCOUNT, account, user)
    return membership


async def active_org(connection: asyncpg.Pool, user: UUID) -> asyncpg.Record | None:
    """Return `id`, `name` and `slug` of the org that a user is active in, None when there is none."""
    return await connection.fetchrow(ACTIVE_ORG, user)


async def any_active(connection: asyncpg.Pool, account: UUID) -> bool:
    """Say whether a user is active in an org."""
    return bool(await connection.fetchval(ANY_ACTIVE, account))


async def owners(connection: asyncpg.Pool, account: UUID) -> int:
    """Return how many owners an account has."""
    return int(await connection.fetchval(OWNERS, account))
