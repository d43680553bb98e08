"""Roles: named sets of permissions that an organization defines and assigns to its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.role import Role
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

ROLES = Table(
    "roles",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "name": "text NOT NULL",
        "description": "text",
        "permissions": "text[] NOT NULL",
        "privileged": "boolean NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX roles_organization ON roles (organization, id)",),
)


def _defined(event: Role.Defined, _: Context) -> Iterable[Fact]:
    yield ROLES.insert(
        id=event.originator_id,
        organization=event.organization,
        name=event.name,
        description=event.description,
        permissions=event.permissions,
        privileged=event.privileged,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _changed(event: Role.Changed, _: Context) -> Iterable[Fact]:
    yield ROLES.update(
        id=event.originator_id,
        name=event.name,
        description=event.description,
        permissions=event.permissions,
        privileged=event.privileged,
        updated_at=event.timestamp,
    )


def _deleted(event: Role.Deleted, _: Context) -> Iterable[Fact]:
    yield ROLES.delete(id=event.originator_id)


MODEL = row_model(
    "roles",
    1,
    (ROLES,),
    {Role.Defined.TOPIC: _defined, Role.Changed.TOPIC: _changed, Role.Deleted.TOPIC: _deleted},
)

ONE = "SELECT * FROM roles WHERE id = $1"
NAMED = "SELECT id, name FROM roles WHERE organization = $1 AND name = ANY ($2::text[])"
NAMES_OF = "SELECT name FROM roles WHERE id = ANY ($1::uuid[]) ORDER BY name"
PAGE = "SELECT * FROM roles WHERE ($1::uuid IS NULL OR organization = $1) AND id > $2 ORDER BY id LIMIT $3"


async def named(connection: asyncpg.Pool, organization: UUID, names: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of an organization's roles by these names; a name that no role has is absent."""
    return {row["name"]: row["id"] for row in await connection.fetch(NAMED, organization, list(names))}


async def names_of(connection: asyncpg.Pool, roles: Iterable[UUID]) -> list[str]:
    """Return the names of these roles, in order of the alphabet; those that are deleted are left out."""
    return [row[0] for row in await connection.fetch(NAMES_OF, list(roles))]


async def one(connection: asyncpg.Pool, role: UUID) -> asyncpg.Record | None:
    """Return a role's row, None when there is none."""
    return await connection.fetchrow(ONE, role)


async def page(connection: asyncpg.Pool, organization: UUID | None, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return a page of an organization's roles (None: of all), by id."""
    return await connection.fetch(PAGE, organization, after, limit)
