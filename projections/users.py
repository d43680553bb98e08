"""Users and their roles. Names stand here in plain form, so that search works, and leave with the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.user import User
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

USERS = Table(
    "users",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "status": "text NOT NULL",
        "name": "text",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX users_organization ON users (organization, id)",
        "CREATE INDEX users_application ON users (application, id)",
    ),
)
USER_ROLES = Table(
    "user_roles",
    key=("user_id", "role"),
    columns={"user_id": "uuid NOT NULL", "role": "uuid NOT NULL", "assigned_at": "timestamptz NOT NULL"},
    indexes=("CREATE INDEX user_roles_role ON user_roles (role, user_id)",),
)


def _created(event: User.Created, _: Context) -> Iterable[Fact]:
    yield USERS.insert(
        id=event.originator_id,
        organization=event.organization,
        application=event.application,
        status=event.status,
        name=event.name,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _renamed(event: User.Renamed, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, name=event.name, updated_at=event.timestamp)


def _suspended(event: User.Suspended, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, status="suspended", updated_at=event.timestamp)


def _reinstated(event: User.Reinstated, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, status="active", updated_at=event.timestamp)


def _role_assigned(event: User.RoleAssigned, _: Context) -> Iterable[Fact]:
    yield USER_ROLES.insert(user_id=event.originator_id, role=event.role, assigned_at=event.timestamp)


def _role_unassigned(event: User.RoleUnassigned, _: Context) -> Iterable[Fact]:
    yield USER_ROLES.delete(user_id=event.originator_id, role=event.role)


def _deleted(event: User.Deleted, _: Context) -> Iterable[Fact]:
    yield USERS.delete(id=event.originator_id)


MODEL = row_model(
    "users",
    1,
    (USERS, USER_ROLES),
    {
        User.Created.TOPIC: _created,
        User.Renamed.TOPIC: _renamed,
        User.Suspended.TOPIC: _suspended,
        User.Reinstated.TOPIC: _reinstated,
        User.RoleAssigned.TOPIC: _role_assigned,
        User.RoleUnassigned.TOPIC: _role_unassigned,
        User.Deleted.TOPIC: _deleted,
    },
)

ONE = """
SELECT u.*, ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = u.id ORDER BY r.role) AS roles
  FROM users u WHERE u.id = $1
"""
PAGE = """
SELECT u.*, ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = u.id ORDER BY r.role) AS roles
  FROM users u
 WHERE ($1::uuid IS NULL OR u.organization = $1) AND ($2::uuid IS NULL OR u.application = $2)
   AND ($3::text IS NULL OR u.status = $3) AND u.id > $4
 ORDER BY u.id LIMIT $5
"""
KNOWN = "SELECT id FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id"
HOLDERS = "SELECT user_id FROM user_roles WHERE role = $1 ORDER BY user_id LIMIT $2"


async def one(connection: asyncpg.Pool, user: UUID) -> asyncpg.Record | None:
    """Return a user's row with `roles` (ids), None when there is none."""
    return await connection.fetchrow(ONE, user)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    application: UUID | None,
    status: str | None,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a page of users by id; None stands for any organization, application or status."""
    return await connection.fetch(PAGE, organization, application, status, after, limit)


async def known(connection: asyncpg.Pool, users: Iterable[UUID]) -> list[UUID]:
    """Return those of these users that exist, by id."""
    return [row[0] for row in await connection.fetch(KNOWN, list(users))]


async def holders(connection: asyncpg.Pool, role: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` users that hold a role."""
    return [row[0] for row in await connection.fetch(HOLDERS, role, limit)]
