"""What decisions about subjects and resources rest on, each fact with the position of the event that made it so.

Read in one transaction, these are one moment. `position` is that of the guard of a thing: the last event about it that
decides anything. An `organization` of None stands for any; what has a name is named among those of `names_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

USER = """
SELECT u.id, u.organization, u.status, (SELECT d.position FROM guards d WHERE d.key = 'user:' || u.id) AS position
  FROM users u
 WHERE u.id = $1 AND ($2::uuid IS NULL OR u.organization = $2)
"""
# An application goes by its id before it goes by the client id that another one may have chosen.
APPLICATION = """
SELECT a.id, a.organization, a.permissions, a.audiences, a.scope_kinds, a.usable_until,
       (SELECT d.position FROM guards d WHERE d.key = 'application:' || a.id) AS position,
       (SELECT jsonb_agg(jsonb_build_object('audience', g.audience, 'scope', g.scope, 'position', g.position))
          FROM grants g
         WHERE g.application = a.id AND g.status = 'approved' AND (g.expires_at IS NULL OR g.expires_at > $4)) AS grants
  FROM applications a
 WHERE (a.id = $1 OR a.client_id = $3) AND ($2::uuid IS NULL OR a.organization = $2)
 ORDER BY a.id = $1 DESC NULLS LAST LIMIT 1
"""
ACCOUNT = """
SELECT c.id, c.organization, c.parent, c.status, c.submit_limited,
       (SELECT d.position FROM guards d WHERE d.key = 'account:' || c.id) AS position,
       (SELECT d.position FROM guards d WHERE d.key = 'account-settings:' || c.id) AS settings_position
  FROM accounts c
 WHERE c.id = $1 AND ($2::uuid IS NULL OR c.organization = $2)
"""
ROLE = """
SELECT r.id, r.organization, (SELECT d.position FROM guards d WHERE d.key = 'role:' || r.id) AS position
  FROM roles r
 WHERE r.id = coalesce($1, (SELECT n.id FROM roles n WHERE n.organization = $3 AND n.name = $4))
   AND ($2::uuid IS NULL OR r.organization = $2)
"""
INTERFACE = """
SELECT i.id, i.organization, i.method, i.scope, i.submit_limited,
       (SELECT d.position FROM guards d WHERE d.key = 'interface:' || i.id) AS position
  FROM interfaces i
 WHERE i.id = coalesce($1, (SELECT n.id FROM api_resources r JOIN interfaces n ON n.resource = r.id
                             WHERE r.organization = $3 AND lower(r.identifier) = lower($4)
                               AND lower(n.identifier) = lower($5)))
   AND ($2::uuid IS NULL OR i.organization = $2)
"""
ROLES_OF = """
SELECT r.permissions, h.position AS assigned,
       (SELECT d.position FROM guards d WHERE d.key = 'role:' || r.id) AS position
  FROM user_roles h JOIN roles r ON r.id = h.role AND r.organization = $2
 WHERE h.user_id = $1 ORDER BY r.id
"""
ASSIGNMENT = "SELECT h.position FROM user_roles h WHERE h.user_id = $1 AND h.role = $2"
MEMBERSHIP = """
SELECT m.role, (SELECT d.position FROM guards d WHERE d.key = 'membership:' || m.id) AS position
  FROM memberships m WHERE m.account = $1 AND m.user_id = $2
"""
INTERFACE_GRANT = """
SELECT g.status, g.expires_at, k.position
  FROM (SELECT (SELECT d.position FROM guards d WHERE d.key = $3) AS position) k
  LEFT JOIN interface_grants g ON g.application = $1 AND g.interface = $2
"""
LAST_EVENT = """
SELECT d.position FROM guards d JOIN events e ON e.notification_id = d.position
 WHERE d.key = $1 AND ($2::uuid IS NULL OR e.organization = $2)
"""
HEAD = "SELECT coalesce((SELECT last FROM batches ORDER BY last DESC LIMIT 1), 0)"


async def user(connection: Connection, user: UUID, organization: UUID | None) -> asyncpg.Record | None:
    """Return a user, None when there is none."""
    return await connection.fetchrow(USER, user, organization)


async def application(
    connection: Connection, application: UUID | None, client_id: str, organization: UUID | None, now: datetime
) -> asyncpg.Record | None:
    """Return an application with its grants in force (JSON, null without any), None when there is none."""
    return await connection.fetchrow(APPLICATION, application, organization, client_id, now)


async def account(connection: Connection, account: UUID, organization: UUID | None) -> asyncpg.Record | None:
    """Return an account, None when there is none; one without `parent` is an organization."""
    return await connection.fetchrow(ACCOUNT, account, organization)


async def role(
    connection: Connection, role: UUID | None, organization: UUID | None, *, names_of: UUID, name: str
) -> asyncpg.Record | None:
    """Return a role by its id, or else by its name; None when there is none."""
    return await connection.fetchrow(ROLE, role, organization, names_of, name)


async def interface(
    connection: Connection,
    interface: UUID | None,
    organization: UUID | None,
    *,
    names_of: UUID,
    resource: str,
    identifier: str,
) -> asyncpg.Record | None:
    """Return an interface by its id, or else by its resource's identifier and its own; None when there is none."""
    return await connection.fetchrow(INTERFACE, interface, organization, names_of, resource, identifier)


async def roles_of(connection: Connection, user: UUID, organization: UUID) -> list[asyncpg.Record]:
    """Return the permissions of each role that a user holds, and the positions: of it, and of its assignment."""
    return await connection.fetch(ROLES_OF, user, organization)


async def assignment(connection: Connection, user: UUID, role: UUID) -> int | None:
    """Return the position at which a user was given a role, None when they do not have it."""
    assigned: int | None = await connection.fetchval(ASSIGNMENT, user, role)
    return assigned


async def membership(connection: Connection, account: UUID, user: UUID) -> asyncpg.Record | None:
    """Return a user's membership in an account, None when there is none."""
    return await connection.fetchrow(MEMBERSHIP, account, user)


async def interface_grant(connection: Connection, application: UUID, interface: UUID, guard: str) -> asyncpg.Record:
    """Return where an application's right to an interface stands: `status` is null where it has none (any more)."""
    [row] = await connection.fetch(INTERFACE_GRANT, application, interface, guard)
    return row


async def last_event(connection: Connection, guard: str, organization: UUID | None) -> int | None:
    """Return the position of the last event that touched a guard, None unless it was about this organization."""
    position: int | None = await connection.fetchval(LAST_EVENT, guard, organization)
    return position


async def head(connection: Connection) -> int:
    """Return the position that all of this is true at."""
    return int(await connection.fetchval(HEAD))
