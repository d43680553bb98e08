"""Finds interface grants by what people know of them, and the interfaces that an application has no grant for yet.

A grant is told with its application, its interface and their resource; once one of those is gone, so is the grant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    import asyncpg

# Grants as they are at a moment ($1): an approval that has ended makes an effective one expired.
GRANTS = """
SELECT g.id, g.organization, g.application, g.resource, g.interface, g.frequency, g.test_frequency, g.expires_at,
       g.requested_by, g.requested_at, g.decided_by, g.decided_at, g.reason, g.created_at, g.updated_at, g.position,
       CASE WHEN g.status = 'effective' AND g.expires_at <= $1 THEN 'expired' ELSE g.status END AS status,
       a.name AS application_name, a.client_id, a.created_by AS application_created_by,
       a.submitted_by AS application_submitted_by,
       i.name AS interface_name, i.identifier AS interface_identifier, i.method, i.path, i.scope,
       r.name AS resource_name, r.identifier AS resource_identifier
  FROM interface_grants g
  JOIN applications a ON a.id = g.application
  JOIN interfaces i ON i.id = g.interface
  JOIN api_resources r ON r.id = i.resource
"""
# A text ($n) is looked for in what people call interfaces, and their addresses.
_IN_INTERFACE = """strpos(lower(i.name), lower({0})) > 0 OR strpos(lower(i.identifier), lower({0})) > 0
        OR strpos(lower(i.path), lower({0})) > 0"""
_IN_ANY = (
    f"""{_IN_INTERFACE} OR strpos(lower(a.name), lower({{0}})) > 0 OR strpos(lower(a.client_id), lower({{0}})) > 0"""
)
ONE = f"{GRANTS} WHERE g.id = $2"
PAGE = f"""
SELECT * FROM ({GRANTS}
 WHERE ($2::uuid IS NULL OR g.organization = $2) AND ($3::uuid IS NULL OR g.application = $3)
   AND ($4::uuid IS NULL OR g.resource = $4) AND ($5::uuid IS NULL OR g.interface = $5)
   AND ($7::text IS NULL OR {_IN_ANY.format("$7")})
   AND g.id > $8) t
 WHERE $6::text IS NULL OR status = $6
 ORDER BY id LIMIT $9
"""  # noqa: S608 - made of this file's own text
# What waits in an organization ($1), but not what was asked for from a moment on ($5).
_PENDING = f"""
  FROM interface_grants g
  JOIN applications a ON a.id = g.application
  JOIN interfaces i ON i.id = g.interface
 WHERE g.organization = $1 AND g.status = 'pending' AND ($2::uuid IS NULL OR g.application = $2)
   AND ($3::uuid IS NULL OR g.resource = $3) AND ($4::text IS NULL OR {_IN_ANY.format("$4")})
   AND ($5::timestamptz IS NULL OR g.requested_at < $5)
"""
PENDING = f"SELECT g.id, g.application, g.interface {_PENDING} AND g.id > $6 ORDER BY g.id LIMIT $7"
PENDING_COUNT = f"SELECT count(*) FROM (SELECT {_PENDING} LIMIT $6) t"  # noqa: S608
# The interfaces of an application's ($1) organization that it has no grant for at a moment ($4), nor waits for one.
_AVAILABLE = f"""
  FROM applications a
  JOIN interfaces i ON i.organization = a.organization
  JOIN api_resources r ON r.id = i.resource
 WHERE a.id = $1 AND ($2::uuid IS NULL OR i.resource = $2) AND ($3::text IS NULL OR {_IN_INTERFACE.format("$3")})
   AND NOT EXISTS (SELECT FROM interface_grants g WHERE g.application = a.id AND g.interface = i.id
                      AND (g.status = 'pending' OR (g.status = 'effective' AND g.expires_at > $4)))
"""
_SHOWN = f"""
SELECT i.id, i.organization, i.identifier, i.name, i.method, i.path, i.scope, i.frequency, i.test_frequency,
       r.id AS resource, r.identifier AS resource_identifier, r.name AS resource_name {_AVAILABLE}
"""
AVAILABLE = f"{_SHOWN} AND i.id > $5 ORDER BY i.id LIMIT $6"
CHOSEN = f"{_SHOWN} AND i.id = ANY ($5::uuid[]) ORDER BY i.id"
AVAILABLE_COUNT = f"SELECT count(*) FROM (SELECT {_AVAILABLE} LIMIT $5) t"  # noqa: S608


async def one(connection: asyncpg.Pool, grant: UUID, now: datetime) -> asyncpg.Record | None:
    """Return a grant's row with its status at `now`, None when there is none."""
    return await connection.fetchrow(ONE, now, grant)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    application: UUID | None,
    resource: UUID | None,
    interface: UUID | None,
    status: str | None,
    search: str | None,
    after: UUID,
    limit: int,
    now: datetime,
) -> list[asyncpg.Record]:
    """Return a page of grants by id, with their status at `now`; None stands for any.

    `search` is a part of what the interface or the application is called, or of the path, in upper or lower case.
    """
    return await connection.fetch(
        PAGE, now, organization, application, resource, interface, status, search, after, limit
    )


async def pending(
    connection: asyncpg.Pool,
    organization: UUID,
    *,
    application: UUID | None,
    resource: UUID | None,
    search: str | None,
    submitted_before: datetime | None,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return ids, with application and interface, of grants that wait, by id; None stands for any."""
    asked = (organization, application, resource, search, submitted_before)
    return await connection.fetch(PENDING, *asked, after, limit)


async def pending_count(
    connection: asyncpg.Pool,
    organization: UUID,
    *,
    application: UUID | None,
    resource: UUID | None,
    search: str | None,
    submitted_before: datetime | None,
    most: int,
) -> int:
    """Return how many grants wait, counted up to `most`."""
    asked = (organization, application, resource, search, submitted_before)
    count: int = await connection.fetchval(PENDING_COUNT, *asked, most)
    return count


async def available(
    connection: asyncpg.Pool,
    application: UUID,
    *,
    resource: UUID | None,
    search: str | None,
    after: UUID,
    limit: int,
    now: datetime,
) -> list[asyncpg.Record]:
    """Return a page, by id, of interfaces that may be asked for: neither waiting nor granted at `now`."""
    return await connection.fetch(AVAILABLE, application, resource, search, now, after, limit)


async def chosen(
    connection: asyncpg.Pool, application: UUID, interfaces: Iterable[UUID], now: datetime
) -> list[asyncpg.Record]:
    """Return, by id, those of these interfaces that may be asked for."""
    return await connection.fetch(CHOSEN, application, None, None, now, list(interfaces))


async def available_count(
    connection: asyncpg.Pool, application: UUID, *, resource: UUID | None, search: str | None, most: int, now: datetime
) -> int:
    """Return how many interfaces may be asked for, counted up to `most`."""
    count: int = await connection.fetchval(AVAILABLE_COUNT, application, resource, search, now, most)
    return count
