"""API resources and their interfaces: what there is to be called, and by which rules.

`position` of a resource's row is that of the last event about it or one of its interfaces: whoever keeps what they made
of a resource compares it to know whether that is still true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from domain.api_resource import ApiResource
from domain.interface import Interface
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

API_RESOURCES = Table(
    "api_resources",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "identifier": "text NOT NULL",
        "name": "text NOT NULL",
        "uri": "text",
        "audience": "text",
        "description": "text",
        "created_by": "uuid NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX api_resources_organization ON api_resources (organization, id)",
        "CREATE INDEX api_resources_identifier ON api_resources (organization, lower(identifier))",
    ),
)
INTERFACES = Table(
    "interfaces",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "resource": "uuid NOT NULL",
        "identifier": "text NOT NULL",
        "name": "text NOT NULL",
        "method": "text NOT NULL",
        "path": "text NOT NULL",
        "frequency": "integer NOT NULL",
        "test_frequency": "integer NOT NULL",
        "submit_limited": "boolean NOT NULL",
        "scope": "text NOT NULL",
        "description": "text",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX interfaces_organization ON interfaces (organization, id)",
        "CREATE INDEX interfaces_resource ON interfaces (resource, id)",
        "CREATE INDEX interfaces_identifier ON interfaces (resource, lower(identifier))",
    ),
)


def _resource_created(event: ApiResource.Created, _: Context) -> Iterable[Fact]:
    yield API_RESOURCES.insert(
        id=event.originator_id,
        organization=event.organization,
        identifier=event.identifier,
        name=event.name,
        uri=event.uri,
        audience=event.audience,
        description=event.description,
        created_by=event.created_by,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _resource_changed(event: ApiResource.Changed, _: Context) -> Iterable[Fact]:
    yield API_RESOURCES.update(
        id=event.originator_id,
        name=event.name,
        uri=event.uri,
        audience=event.audience,
        description=event.description,
        updated_at=event.timestamp,
    )


def _resource_deleted(event: ApiResource.Deleted, _: Context) -> Iterable[Fact]:
    yield API_RESOURCES.delete(id=event.originator_id)


def _created(event: Interface.Created, _: Context) -> Iterable[Fact]:
    yield INTERFACES.insert(
        id=event.originator_id,
        organization=event.organization,
        resource=event.resource,
        identifier=event.identifier,
        name=event.name,
        method=event.method,
        path=event.path,
        frequency=event.frequency,
        test_frequency=event.test_frequency,
        submit_limited=event.submit_limited,
        scope=event.scope,
        description=event.description,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )
    yield API_RESOURCES.update(id=event.resource)


def _changed(event: Interface.Changed, _: Context) -> Iterable[Fact]:
    yield INTERFACES.update(
        id=event.originator_id,
        name=event.name,
        method=event.method,
        path=event.path,
        frequency=event.frequency,
        test_frequency=event.test_frequency,
        submit_limited=event.submit_limited,
        scope=event.scope,
        description=event.description,
        updated_at=event.timestamp,
    )
    yield API_RESOURCES.update(id=event.resource)


def _deleted(event: Interface.Deleted, _: Context) -> Iterable[Fact]:
    yield INTERFACES.delete(id=event.originator_id)
    yield API_RESOURCES.update(id=event.resource)


MODEL = row_model(
    "interfaces",
    1,
    (API_RESOURCES, INTERFACES),
    {
        ApiResource.Created.TOPIC: _resource_created,
        ApiResource.Changed.TOPIC: _resource_changed,
        ApiResource.Deleted.TOPIC: _resource_deleted,
        Interface.Created.TOPIC: _created,
        Interface.Changed.TOPIC: _changed,
        Interface.Deleted.TOPIC: _deleted,
    },
)

RESOURCE = "SELECT * FROM api_resources WHERE id = $1"
RESOURCES = """
SELECT * FROM api_resources
 WHERE ($1::uuid IS NULL OR organization = $1)
   AND ($2::text IS NULL OR strpos(lower(name), lower($2)) > 0 OR strpos(lower(identifier), lower($2)) > 0)
   AND id > $3
 ORDER BY id LIMIT $4
"""
RESOURCE_BY_IDENTIFIER = "SELECT * FROM api_resources WHERE organization = $1 AND lower(identifier) = lower($2)"
RESOURCE_COUNT = "SELECT count(*) FROM api_resources WHERE organization = $1"
RESOURCE_IDS = "SELECT id FROM api_resources WHERE organization = $1 ORDER BY id LIMIT $2"
SHOWN = """
SELECT i.*, r.identifier AS resource_identifier, r.name AS resource_name
  FROM interfaces i JOIN api_resources r ON r.id = i.resource
"""
ONE = f"{SHOWN} WHERE i.id = $1"
PAGE = f"""
{SHOWN} WHERE ($1::uuid IS NULL OR i.organization = $1) AND ($2::uuid IS NULL OR i.resource = $2)
   AND ($3::text IS NULL OR strpos(lower(i.name), lower($3)) > 0 OR strpos(lower(i.identifier), lower($3)) > 0
        OR strpos(lower(i.path), lower($4)) > 0)
   AND ($5::text IS NULL OR i.method = $5) AND ($6::text IS NULL OR i.scope = $6) AND i.id > $7
 ORDER BY i.id LIMIT $8
"""
OF_RESOURCE = "SELECT * FROM interfaces WHERE resource = $1 ORDER BY id"
BY_IDENTIFIER = "SELECT * FROM interfaces WHERE resource = $1 AND lower(identifier) = lower($2)"
COUNT = "SELECT count(*) FROM interfaces WHERE resource = $1"
COUNT_OF_ORGANIZATION = "SELECT count(*) FROM interfaces WHERE organization = $1"
IDS_OF_RESOURCES = "SELECT id FROM interfaces WHERE resource = ANY ($1::uuid[]) ORDER BY id LIMIT $2"


async def resource(connection: asyncpg.Pool, resource: UUID) -> asyncpg.Record | None:
    """Return an API resource's row, None when there is none."""
    return await connection.fetchrow(RESOURCE, resource)


async def resource_by_identifier(
    connection: asyncpg.Pool, organization: UUID, identifier: str
) -> asyncpg.Record | None:
    """Return the API resource that has this identifier, in upper or lower case, None when there is none."""
    return await connection.fetchrow(RESOURCE_BY_IDENTIFIER, organization, identifier)


async def resources_page(
    connection: asyncpg.Pool, organization: UUID | None, *, search: str | None, after: UUID, limit: int
) -> list[asyncpg.Record]:
    """Return a page of an organization's API resources (None: of all), by id.

    `search` is a part of the name or of the identifier, in upper or lower case.
    """
    return await connection.fetch(RESOURCES, organization, search, after, limit)


async def resource_count(connection: asyncpg.Pool, organization: UUID) -> int:
    """Return how many API resources an organization has."""
    return int(await connection.fetchval(RESOURCE_COUNT, organization))


async def ids_of_organization(connection: asyncpg.Pool, organization: UUID, *, limit: int) -> list[UUID]:
    """Return the ids of up to `limit` API resources of an organization."""
    return [row[0] for row in await connection.fetch(RESOURCE_IDS, organization, limit)]


async def one(connection: asyncpg.Pool, interface: UUID) -> asyncpg.Record | None:
    """Return an interface's row with `resource_identifier` and `resource_name`, None when there is none."""
    return await connection.fetchrow(ONE, interface)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    resource: UUID | None = None,
    search: str | None = None,
    method: str | None = None,
    scope: str | None = None,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a page of interfaces by id, as `one` does; None: of any organization, resource, method or scope.

    `search` is a part of the name, the identifier or the path, in upper or lower case.
    """
    return await connection.fetch(PAGE, organization, resource, search, _written(search), method, scope, after, limit)


async def of_resource(connection: asyncpg.Pool, resource: UUID) -> list[asyncpg.Record]:
    """Return all interfaces of an API resource, by id."""
    return await connection.fetch(OF_RESOURCE, resource)


async def by_identifier(connection: asyncpg.Pool, resource: UUID, identifier: str) -> asyncpg.Record | None:
    """Return the interface that has this identifier, in upper or lower case, None when there is none."""
    return await connection.fetchrow(BY_IDENTIFIER, resource, identifier)


async def count(connection: asyncpg.Pool, resource: UUID) -> int:
    """Return how many interfaces an API resource has."""
    return int(await connection.fetchval(COUNT, resource))


async def count_of_organization(connection: asyncpg.Pool, organization: UUID) -> int:
    """Return how many interfaces all API resources of an organization have."""
    return int(await connection.fetchval(COUNT_OF_ORGANIZATION, organization))


async def ids_of_resources(connection: asyncpg.Pool, resources: list[UUID], *, limit: int) -> list[UUID]:
    """Return the ids of up to `limit` interfaces of these API resources."""
    return [row[0] for row in await connection.fetch(IDS_OF_RESOURCES, resources, limit)]


def _written(search: str | None) -> str | None:
    """Return how a part of a path stands in templates (domain/path_template.py)."""
    return None if search is None else quote(search, safe="/{}%-._~!$&'()*+,=:@")
