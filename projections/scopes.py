"""Scopes that organizations define, and what they say about built-in ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.scope_definition import ScopeDefinition
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

SCOPES = Table(
    "scopes",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "name": "text NOT NULL",
        "type": "text NOT NULL",
        "note": "text",
        "locales": "jsonb NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX scopes_name ON scopes (organization, name)",),
)


def _defined(event: ScopeDefinition.Defined, _: Context) -> Iterable[Fact]:
    yield SCOPES.insert(
        id=event.originator_id,
        organization=event.organization,
        name=event.name,
        type=event.type,
        note=event.note,
        locales=event.locales,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _changed(event: ScopeDefinition.Changed, _: Context) -> Iterable[Fact]:
    yield SCOPES.update(
        id=event.originator_id,
        name=event.name,
        note=event.note,
        locales=event.locales,
        updated_at=event.timestamp,
    )


def _deleted(event: ScopeDefinition.Deleted, _: Context) -> Iterable[Fact]:
    yield SCOPES.delete(id=event.originator_id)


MODEL = row_model(
    "scopes",
    1,
    (SCOPES,),
    {
        ScopeDefinition.Defined.TOPIC: _defined,
        ScopeDefinition.Changed.TOPIC: _changed,
        ScopeDefinition.Deleted.TOPIC: _deleted,
    },
)

ONE = "SELECT * FROM scopes WHERE id = $1"
PAGE = "SELECT * FROM scopes WHERE organization = $1 ORDER BY id LIMIT $2"
ANY_BUT = "SELECT EXISTS (SELECT FROM scopes WHERE organization = $1 AND name <> ALL ($2::text[]))"
BY_NAMES = "SELECT id, name FROM scopes WHERE organization = $1 AND name = ANY ($2::text[])"
SAID_OF = "SELECT name, note, locales FROM scopes WHERE organization = $1 AND name = ANY ($2::text[])"


async def one(connection: asyncpg.Pool, scope: UUID) -> asyncpg.Record | None:
    """Return a definition's row, None when there is none."""
    return await connection.fetchrow(ONE, scope)


async def of_organization(connection: asyncpg.Pool, organization: UUID, *, limit: int) -> list[asyncpg.Record]:
    """Return up to `limit` definitions of an organization, by id."""
    return await connection.fetch(PAGE, organization, limit)


async def any_but(connection: asyncpg.Pool, organization: UUID, names: Collection[str]) -> bool:
    """Say whether an organization has a definition of any scope but these."""
    return bool(await connection.fetchval(ANY_BUT, organization, list(names)))


async def by_names(connection: asyncpg.Pool, organization: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return the ids of an organization's definitions of these names; what is not defined is left out."""
    return {row["name"]: row["id"] for row in await connection.fetch(BY_NAMES, organization, list(names))}


async def said_of(connection: asyncpg.Pool, organization: UUID, names: Collection[str]) -> dict[str, asyncpg.Record]:
    """Return what an organization says about scopes, by name; what is not defined is left out."""
    return {row["name"]: row for row in await connection.fetch(SAID_OF, organization, list(names))}
