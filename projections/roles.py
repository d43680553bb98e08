"""Roles: named sets of permissions that an organization defines and assigns to its users."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.role import Role
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
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
BY_NAME = "SELECT * FROM roles WHERE organization = $1 AND name = $2"
FOLDED = "SELECT * FROM roles WHERE organization = $1 AND lower(name) = ANY ($2::text[]) ORDER BY id"
ANY_BUT = "SELECT EXISTS (SELECT FROM roles WHERE organization = $1 AND name <> ALL ($2::text[]))"
# The head is read by the same statement: what the rows say was true at that position.
HELD = """
WITH held AS (
    SELECT r.id, r.permissions, r.privileged
      FROM users u
      JOIN user_roles h ON h.user_id = u.id
      JOIN roles r ON r.id = h.role AND r.organization = u.organization
     WHERE u.id = $1
)
SELECT ARRAY(SELECT id FROM held ORDER BY id) AS roles,
       ARRAY(SELECT DISTINCT unnest(permissions) FROM held) AS permissions,
       EXISTS (SELECT FROM held WHERE privileged) AS privileged,
       coalesce((SELECT last FROM batches ORDER BY last DESC LIMIT 1), 0) AS head
"""
HELD_IN = """
SELECT ARRAY(SELECT DISTINCT unnest(permissions) FROM roles WHERE organization = $1) AS permissions,
       EXISTS (SELECT FROM roles WHERE organization = $1 AND privileged) AS privileged
"""
LACKING = """
SELECT o.id FROM accounts o
 WHERE o.parent IS NULL AND o.id > $1
   AND (SELECT count(*) FROM roles r
         WHERE r.organization = o.id AND r.name = ANY ($2::text[])
           AND r.permissions @> $3::text[] AND r.permissions <@ $3::text[]) < cardinality($2::text[])
 ORDER BY o.id LIMIT $4
"""


class Held(NamedTuple):
    """A user's roles and all permissions in them, root and other services' scopes too; true at `head`.

    `privileged` says whether root alone could have assigned one of them.
    """

    roles: tuple[UUID, ...]
    permissions: frozenset[str]
    head: int
    privileged: bool = False

    @property
    def guards(self) -> dict[str, int]:
        """The keys of the roles, with the position this was read at; the user's own is for the caller to guard."""
        return {f"role:{role}": self.head for role in self.roles}


NOTHING = Held(roles=(), permissions=frozenset(), head=0)
"""What nobody's roles hold."""


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


async def by_name(connection: asyncpg.Pool, organization: UUID, name: str) -> asyncpg.Record | None:
    """Return the row of an organization's role of this name, in exactly this case, None when there is none."""
    return await connection.fetchrow(BY_NAME, organization, name)


async def alike(connection: asyncpg.Pool, organization: UUID, names: Collection[str]) -> list[asyncpg.Record]:
    """Return the rows of an organization's roles with these names, given in lower case, in whatever case they are."""
    return await connection.fetch(FOLDED, organization, list(names))


async def any_but(connection: asyncpg.Pool, organization: UUID, names: Collection[str]) -> bool:
    """Say whether an organization has a role of any name but these."""
    return bool(await connection.fetchval(ANY_BUT, organization, list(names)))


async def held_by(connection: asyncpg.Pool, user: UUID) -> Held:
    """Return what a user's roles hold, whatever their status; nothing for nobody."""
    [row] = await connection.fetch(HELD, user)
    return Held(tuple(row["roles"]), frozenset(row["permissions"]), row["head"], row["privileged"])


async def held_in(connection: asyncpg.Pool, organization: UUID) -> tuple[frozenset[str], bool]:
    """Return all permissions in an organization's roles, and whether root alone assigns one of these roles."""
    [row] = await connection.fetch(HELD_IN, organization)
    return frozenset(row["permissions"]), row["privileged"]


async def organizations_without(
    connection: asyncpg.Pool, names: Collection[str], permissions: Collection[str], *, after: UUID, limit: int
) -> list[UUID]:
    """Return a page of the organizations, by id, that lack a role of one of these names with these permissions."""
    rows = await connection.fetch(LACKING, after, list(names), list(permissions), limit)
    return [row[0] for row in rows]
