"""Identities: whom users are at social providers and at their enterprises' own, in plain form as long as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from domain.identity import EnterpriseIdentity, Identity
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

IDENTITIES = Table(
    "identities",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "target": "text NOT NULL",
        "connector": "uuid",
        "person": "text",
        "details": "jsonb",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX identities_user ON identities (user_id, target)",),
)
ENTERPRISE_IDENTITIES = Table(
    "enterprise_identities",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "connector": "text NOT NULL",
        "issuer": "text NOT NULL",
        "identity_id": "text",
        "detail": "jsonb",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX enterprise_identities_user ON enterprise_identities (user_id, connector)",),
)


def _linked(event: Identity.Linked, _: Context) -> Iterable[Fact]:
    yield IDENTITIES.insert(
        id=event.originator_id,
        organization=event.organization,
        user_id=event.user,
        target=event.target,
        connector=event.connector,
        person=event.person,
        details=event.details,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _replaced(event: Identity.Replaced, _: Context) -> Iterable[Fact]:
    yield IDENTITIES.update(
        id=event.originator_id,
        connector=event.connector,
        person=event.person,
        details=event.details,
        updated_at=event.timestamp,
    )


def _unlinked(event: Identity.Unlinked, _: Context) -> Iterable[Fact]:
    yield IDENTITIES.delete(id=event.originator_id)


def _enterprise_linked(event: EnterpriseIdentity.Linked, _: Context) -> Iterable[Fact]:
    yield ENTERPRISE_IDENTITIES.insert(
        id=event.originator_id,
        organization=event.organization,
        user_id=event.user,
        connector=event.connector,
        issuer=event.issuer,
        identity_id=event.identity_id,
        detail=event.detail,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _enterprise_replaced(event: EnterpriseIdentity.Replaced, _: Context) -> Iterable[Fact]:
    yield ENTERPRISE_IDENTITIES.update(
        id=event.originator_id,
        issuer=event.issuer,
        identity_id=event.identity_id,
        detail=event.detail,
        updated_at=event.timestamp,
    )


def _enterprise_unlinked(event: EnterpriseIdentity.Unlinked, _: Context) -> Iterable[Fact]:
    yield ENTERPRISE_IDENTITIES.delete(id=event.originator_id)


MODEL = row_model(
    "identities",
    1,
    (IDENTITIES, ENTERPRISE_IDENTITIES),
    {
        Identity.Linked.TOPIC: _linked,
        Identity.Replaced.TOPIC: _replaced,
        Identity.Unlinked.TOPIC: _unlinked,
        EnterpriseIdentity.Linked.TOPIC: _enterprise_linked,
        EnterpriseIdentity.Replaced.TOPIC: _enterprise_replaced,
        EnterpriseIdentity.Unlinked.TOPIC: _enterprise_unlinked,
    },
)

OF_USERS = "SELECT * FROM identities WHERE user_id = ANY ($1::uuid[]) ORDER BY user_id, target"
ID_OF = "SELECT id FROM identities WHERE user_id = $1 AND target = $2"
ENTERPRISE_OF = "SELECT * FROM enterprise_identities WHERE user_id = $1 ORDER BY id"


async def of_users(connection: asyncpg.Pool, users: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the social identities of these users, by target: `userId` and, where anything is told, `details`.

    Every user is there, who has none with an empty map.
    """
    wanted = list(users)
    found: dict[UUID, dict[str, Any]] = {user: {} for user in wanted}
    for row in await connection.fetch(OF_USERS, wanted):
        details = None if row["details"] is None else json.loads(row["details"])
        found[row["user_id"]][row["target"]] = shown(row["person"], details)
    return found


def shown(person: str | None, details: dict[str, Any] | None) -> dict[str, Any]:
    """Return an identity as maps of them have it."""
    return {"userId": person} if details is None else {"userId": person, "details": details}


async def of_user(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return the rows of a user's social identities, by target. `details` is JSON text."""
    return await connection.fetch(OF_USERS, [user])


async def id_of(connection: asyncpg.Pool, user: UUID, target: str) -> UUID | None:
    """Return the id of a user's identity at a provider, None when there is none."""
    identity: UUID | None = await connection.fetchval(ID_OF, user, target)
    return identity


async def enterprise_of(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return the rows of a user's enterprise identities, the oldest first. `detail` is JSON text."""
    return await connection.fetch(ENTERPRISE_OF, user)


async def ids_of_user(connection: asyncpg.Pool, user: UUID) -> list[UUID]:
    """Return the ids of a user's social identities."""
    return [row["id"] for row in await connection.fetch(OF_USERS, [user])]
