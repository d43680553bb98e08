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
PAGE = "SELECT * FROM roles WHERE ($1::uuid IS NULL OR organization = $1) AND id > $2 ORDER BY id LIMIT $3"


async def one(connection: asyncpg.Pool, role: UUID) -> asyncpg.Record | None:
    """Return a role's row, None when there is none."""
    return await connection.fetchrow(ONE, role)


async def page(connection: asyncpg.Pool, organization: UUID | None, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return a page of an organization's roles (None: of all), by id."""
    return await connection.fetch(PAGE, organization, after, limit)
