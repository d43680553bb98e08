"""Accounts: the tree of tenants. A root account is an organization; a child of one that has a slug is an org."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import CODE_LIFETIME, CODE_TRIES, Account
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

ACCOUNTS = Table(
    "accounts",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "parent": "uuid",
        "depth": "integer NOT NULL",
        "name": "text NOT NULL",
        "description": "text",
        "picture": "text",
        "color": "text",
        "slug": "text",
        "public_registration": "boolean",
        "branding_only": "boolean",
        "branding": "jsonb",
        "features": "text[] NOT NULL",
        "code_lifetime": "integer NOT NULL",
        "code_tries": "integer NOT NULL",
        "verified_identifiers": "boolean NOT NULL",
        "submit_limited": "boolean NOT NULL",
        "status": "text NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX accounts_parent ON accounts (parent, id)",
        "CREATE INDEX accounts_organization ON accounts (organization, id)",
    ),
)


def _created(event: Account.Created, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.insert(
        id=event.originator_id,
        organization=event.organization,
        parent=event.parent,
        depth=event.depth,
        name=event.name,
        features=[],
        code_lifetime=CODE_LIFETIME,
        code_tries=CODE_TRIES,
        verified_identifiers=False,
        submit_limited=False,
        status="active",
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _renamed(event: Account.Renamed, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(id=event.originator_id, name=event.name, updated_at=event.timestamp)


def _described(event: Account.Described, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(
        id=event.originator_id,
        description=event.description,
        picture=event.picture,
        color=event.color,
        updated_at=event.timestamp,
    )


def _profiled(event: Account.Profiled, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(
        id=event.originator_id,
        slug=event.slug,
        public_registration=event.public_registration,
        branding_only=event.branding_only,
        branding=event.branding,
        updated_at=event.timestamp,
    )


def _features_changed(event: Account.FeaturesChanged, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(id=event.originator_id, features=event.features, updated_at=event.timestamp)


def _settings_changed(event: Account.SettingsChanged, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(
        id=event.originator_id,
        code_lifetime=event.code_lifetime,
        code_tries=event.code_tries,
        verified_identifiers=event.verified_identifiers,
        submit_limited=event.submit_limited,
        updated_at=event.timestamp,
    )


def _suspended(event: Account.Suspended, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(id=event.originator_id, status="suspended", updated_at=event.timestamp)


def _reinstated(event: Account.Reinstated, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.update(id=event.originator_id, status="active", updated_at=event.timestamp)


def _deleted(event: Account.Deleted, _: Context) -> Iterable[Fact]:
    yield ACCOUNTS.delete(id=event.originator_id)


MODEL = row_model(
    "accounts",
    5,
    (ACCOUNTS,),
    {
        Account.Created.TOPIC: _created,
        Account.Renamed.TOPIC: _renamed,
        Account.Described.TOPIC: _described,
        Account.Profiled.TOPIC: _profiled,
        Account.FeaturesChanged.TOPIC: _features_changed,
        Account.SettingsChanged.TOPIC: _settings_changed,
        Account.Suspended.TOPIC: _suspended,
        Account.Reinstated.TOPIC: _reinstated,
        Account.Deleted.TOPIC: _deleted,
    },
)

ONE = "SELECT * FROM accounts WHERE id = $1"
CHILDREN = "SELECT * FROM accounts WHERE parent = $1 AND id > $2 ORDER BY id LIMIT $3"
IN_ORGANIZATION = """
SELECT * FROM accounts WHERE ($1::uuid IS NULL OR organization = $1) AND id > $2 ORDER BY id LIMIT $3
"""
ORGS = "SELECT * FROM accounts WHERE parent = $1 AND slug IS NOT NULL ORDER BY id LIMIT $2"
# Slugs differ in more than letter case.
ORG_BY_SLUG = "SELECT id FROM accounts WHERE parent = $1 AND lower(slug) = lower($2)"
ORGS_OF_USER = """
SELECT a.* FROM memberships m JOIN accounts a ON a.id = m.account
 WHERE m.user_id = $1 AND a.slug IS NOT NULL
 ORDER BY a.id LIMIT $2
"""
HAS_CHILDREN = "SELECT EXISTS (SELECT FROM accounts WHERE parent = $1)"
SUBTREE = """
WITH RECURSIVE tree AS (
    SELECT id, depth FROM accounts WHERE id = $1
    UNION ALL
    SELECT a.id, a.depth FROM accounts a JOIN tree t ON a.parent = t.id
)
SELECT id FROM tree ORDER BY depth DESC, id LIMIT $2
"""


async def one(connection: asyncpg.Pool, account: UUID) -> asyncpg.Record | None:
    """Return an account's row, None when there is none (or it was deleted)."""
    return await connection.fetchrow(ONE, account)


async def children(connection: asyncpg.Pool, parent: UUID, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return a page of an account's children, by id."""
    return await connection.fetch(CHILDREN, parent, after, limit)


async def page(connection: asyncpg.Pool, organization: UUID | None, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return a page of an organization's accounts (None: of all), by id."""
    return await connection.fetch(IN_ORGANIZATION, organization, after, limit)


async def orgs(connection: asyncpg.Pool, organization: UUID, *, limit: int) -> list[asyncpg.Record]:
    """Return up to `limit` orgs of an organization, by id."""
    return await connection.fetch(ORGS, organization, limit)


async def org_by_slug(connection: asyncpg.Pool, organization: UUID, slug: str) -> UUID | None:
    """Return the org of an organization that has this slug, None when there is none."""
    org: UUID | None = await connection.fetchval(ORG_BY_SLUG, organization, slug)
    return org


async def orgs_of_user(connection: asyncpg.Pool, user: UUID, *, limit: int) -> list[asyncpg.Record]:
    """Return up to `limit` orgs that a user is a member of, by id."""
    return await connection.fetch(ORGS_OF_USER, user, limit)


async def has_children(connection: asyncpg.Pool, account: UUID) -> bool:
    """Say whether an account has children that are not deleted."""
    return bool(await connection.fetchval(HAS_CHILDREN, account))


async def subtree(connection: asyncpg.Pool, account: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of an account and all below it, the deepest first."""
    return [row[0] for row in await connection.fetch(SUBTREE, account, limit)]
