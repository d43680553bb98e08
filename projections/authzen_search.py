"""Which subjects may do something, and with which resources: the answers of decisions, the other way round.

Pages by id, of those behind `after`. `allowing` are the names of which any one allows what is asked about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

# Each role's holders come in order from the index, so that a page is found without looking at them all.
BY_ROLES = """
SELECT DISTINCT x.user_id AS id
  FROM roles r
 CROSS JOIN LATERAL (SELECT h.user_id FROM user_roles h JOIN users u ON u.id = h.user_id
                      WHERE h.role = r.id AND h.user_id > $3 AND u.status = 'active'
                        AND u.organization = r.organization
                      ORDER BY h.user_id LIMIT $4) x
 WHERE r.organization = $1 AND r.permissions && $2::text[]
 ORDER BY x.user_id LIMIT $4
"""
HOLDERS = """
SELECT h.user_id AS id FROM user_roles h JOIN users u ON u.id = h.user_id
 WHERE h.role = $1 AND h.user_id > $2 AND u.status = 'active'
 ORDER BY h.user_id LIMIT $3
"""
MEMBERS = """
SELECT m.id, m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
 WHERE m.account = $1 AND m.role = ANY ($2::text[]) AND m.id > $3 AND u.status = 'active'
 ORDER BY m.id LIMIT $4
"""
USERS = """
SELECT id FROM users WHERE organization = $1 AND status = 'active' AND id > $2 ORDER BY id LIMIT $3
"""
# By its own list or by a grant in force; $5: what reaches other organizations than $1, too.
APPLICATIONS = """
SELECT a.id FROM applications a JOIN accounts o ON o.id = a.organization AND o.status = 'active'
 CROSS JOIN LATERAL (SELECT CASE WHEN $1::uuid IS NULL OR a.organization = $1 THEN $3::text[] ELSE $5::text[] END
                            AS names) n
 WHERE ($1::uuid IS NULL OR a.organization = $1 OR cardinality($5::text[]) > 0)
   AND a.usable_until > $4 AND (a.scope_kinds IS NULL OR 'api' = ANY (a.scope_kinds))
   AND ((a.audiences && $2::text[] AND a.permissions && n.names)
        OR EXISTS (SELECT FROM grants g
                    WHERE g.application = a.id AND g.status = 'approved' AND g.audience = ANY ($2::text[])
                      AND g.scope && n.names AND (g.expires_at IS NULL OR g.expires_at > $4)))
   AND a.id > $6
 ORDER BY a.id LIMIT $7
"""
CALLERS = """
SELECT a.id FROM interface_grants g JOIN applications a ON a.id = g.application AND a.organization = g.organization
 WHERE g.interface = $1 AND g.status = 'effective' AND g.expires_at > $2
   AND a.usable_until > $2 AND (a.scope_kinds IS NULL OR 'api' = ANY (a.scope_kinds)) AND a.id > $3
 ORDER BY a.id LIMIT $4
"""
IN_USE = """
SELECT id FROM applications WHERE organization = $1 AND usable_until > $2 AND id > $3 ORDER BY id LIMIT $4
"""
ORGANIZATIONS = "SELECT id FROM accounts WHERE parent IS NULL AND status = 'active' AND id > $1 ORDER BY id LIMIT $2"
ACCOUNTS_OF = """
SELECT m.id, m.account FROM memberships m JOIN accounts c ON c.id = m.account
 WHERE m.user_id = $1 AND m.role = ANY ($2::text[]) AND m.id > $3 AND c.status = 'active'
 ORDER BY m.id LIMIT $4
"""
ROLES_OF = """
SELECT h.role AS id FROM user_roles h JOIN roles r ON r.id = h.role
 WHERE h.user_id = $1 AND h.role > $2 ORDER BY h.role LIMIT $3
"""
# $2: whose grants open more than is open to anybody; $4: the method of the call, null where it is not known; $5: the
# methods that no submit limit is about; $6: whether the organization limits them all.
INTERFACES = """
SELECT i.id FROM interfaces i
 WHERE i.organization = $1 AND i.id > $7
   AND (i.scope = 'anonymous'
        OR (SELECT g.status = 'effective' AND g.expires_at > $3 FROM interface_grants g
             WHERE g.application = $2 AND g.interface = i.id))
   AND ($4::text IS NULL OR i.method IN ('*', $4))
   AND NOT ((i.submit_limited OR $6) AND coalesce($4, i.method) <> ALL ($5::text[]))
 ORDER BY i.id LIMIT $8
"""


async def users_by_roles(
    connection: Connection, organization: UUID, allowing: Collection[str], *, after: UUID, limit: int
) -> list[asyncpg.Record]:
    """Return the active users of an organization whose roles hold one of these permissions."""
    return await connection.fetch(BY_ROLES, organization, list(allowing), after, limit)


async def holders(connection: Connection, role: UUID, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the active users that have a role."""
    return await connection.fetch(HOLDERS, role, after, limit)


async def members(
    connection: Connection, account: UUID, roles: Collection[str], *, after: UUID, limit: int
) -> list[asyncpg.Record]:
    """Return the memberships of active users (`id`, `user_id`) in an account, in one of these roles."""
    return await connection.fetch(MEMBERS, account, list(roles), after, limit)


async def users(connection: Connection, organization: UUID, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the active users of an organization."""
    return await connection.fetch(USERS, organization, after, limit)


async def applications_holding(
    connection: Connection,
    organization: UUID | None,
    audiences: Collection[str],
    allowing: Collection[str],
    *,
    everywhere: Collection[str] = (),
    now: datetime,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return the applications in use, of an organization or (None) of all, that hold such a scope at an audience.

    Those of other organizations are among them that hold one of `everywhere`.
    """
    names, reaching = list(allowing), list(everywhere)
    return await connection.fetch(APPLICATIONS, organization, list(audiences), names, now, reaching, after, limit)


async def callers(
    connection: Connection, interface: UUID, *, now: datetime, after: UUID, limit: int
) -> list[asyncpg.Record]:
    """Return the applications in use that are granted an interface."""
    return await connection.fetch(CALLERS, interface, now, after, limit)


async def applications_in_use(
    connection: Connection, organization: UUID, *, now: datetime, after: UUID, limit: int
) -> list[asyncpg.Record]:
    """Return the applications of an organization that may do anything at all."""
    return await connection.fetch(IN_USE, organization, now, after, limit)


async def organizations(connection: Connection, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the active organizations."""
    return await connection.fetch(ORGANIZATIONS, after, limit)


async def accounts_of(
    connection: Connection, user: UUID, roles: Collection[str], *, after: UUID, limit: int
) -> list[asyncpg.Record]:
    """Return a user's memberships (`id`, `account`) in active accounts, in one of these roles."""
    return await connection.fetch(ACCOUNTS_OF, user, list(roles), after, limit)


async def roles_of(connection: Connection, user: UUID, *, after: UUID, limit: int) -> list[asyncpg.Record]:
    """Return the roles that a user has."""
    return await connection.fetch(ROLES_OF, user, after, limit)


async def interfaces(
    connection: Connection,
    organization: UUID,
    application: UUID | None,
    *,
    method: str | None,
    safe: Collection[str],
    all_limited: bool,
    now: datetime,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return the interfaces of an organization that an application may call: without one, those open to anybody."""
    return await connection.fetch(
        INTERFACES, organization, application, now, method, list(safe), all_limited, after, limit
    )
