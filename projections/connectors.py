"""Connectors: which there are in an organization, and of which type. Their configurations are in the log alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.connector import Connector
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

CONNECTORS = Table(
    "connectors",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "type": "text NOT NULL",
        "kind": "text NOT NULL",
        "target": "text",
        "name": "jsonb NOT NULL",
        "logo": "text",
        "logo_dark": "text",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX connectors_organization ON connectors (organization, id)",),
)


def _created(event: Connector.Created, _: Context) -> Iterable[Fact]:
    yield CONNECTORS.insert(
        id=event.originator_id,
        organization=event.organization,
        type=event.type,
        kind=event.kind,
        target=event.target,
        name=event.name,
        logo=event.logo,
        logo_dark=event.logo_dark,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _configured(event: Connector.Configured, _: Context) -> Iterable[Fact]:
    yield CONNECTORS.update(id=event.originator_id, updated_at=event.timestamp)


def _described(event: Connector.Described, _: Context) -> Iterable[Fact]:
    yield CONNECTORS.update(
        id=event.originator_id,
        name=event.name,
        logo=event.logo,
        logo_dark=event.logo_dark,
        updated_at=event.timestamp,
    )


def _deleted(event: Connector.Deleted, _: Context) -> Iterable[Fact]:
    yield CONNECTORS.delete(id=event.originator_id)


MODEL = row_model(
    "connectors",
    1,
    (CONNECTORS,),
    {
        Connector.Created.TOPIC: _created,
        Connector.Configured.TOPIC: _configured,
        Connector.Described.TOPIC: _described,
        Connector.Deleted.TOPIC: _deleted,
    },
)

ONE = "SELECT * FROM connectors WHERE id = $1"
OF_ORGANIZATION = "SELECT * FROM connectors WHERE organization = $1 ORDER BY id LIMIT $2"
SENDER = "SELECT id FROM connectors WHERE organization = $1 AND kind = $2 ORDER BY id DESC LIMIT 1"
SOCIAL = """
SELECT id, target, type, name, logo, logo_dark FROM connectors
 WHERE organization = $1 AND kind = 'Social' AND type = ANY ($2::text[]) ORDER BY target
"""


async def one(connection: asyncpg.Pool, connector: UUID) -> asyncpg.Record | None:
    """Return a connector's row, None when there is none."""
    return await connection.fetchrow(ONE, connector)


async def of_organization(connection: asyncpg.Pool, organization: UUID, *, limit: int) -> list[asyncpg.Record]:
    """Return up to `limit` connectors of an organization, by id."""
    return await connection.fetch(OF_ORGANIZATION, organization, limit)


async def sender(connection: asyncpg.Pool, organization: UUID, kind: str) -> UUID | None:
    """Return the id of what sends an organization's messages of a kind, None when it has nothing of its own."""
    found: UUID | None = await connection.fetchval(SENDER, organization, kind)
    return found


async def social(connection: asyncpg.Pool, organization: UUID, types: Collection[str]) -> list[asyncpg.Record]:
    """Return an organization's connectors to providers of identities, of these types, by target."""
    return await connection.fetch(SOCIAL, organization, list(types))
