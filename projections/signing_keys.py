"""Signing keys: which are published, which one signs. The private half stays sealed in the log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from domain.signing_key import SigningKey
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import asyncpg

    from projections.model import Context, Fact

SIGNING_KEYS = Table(
    "signing_keys",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "kid": "text NOT NULL",
        "algorithm": "text NOT NULL",
        "public_key": "jsonb NOT NULL",
        "status": "text NOT NULL",
        "introduced_at": "timestamptz NOT NULL",
        "activated_at": "timestamptz",
        "retired_at": "timestamptz",
        "published_until": "timestamptz",
    },
)


def _introduced(event: SigningKey.Introduced, _: Context) -> Iterable[Fact]:
    yield SIGNING_KEYS.insert(
        id=event.originator_id,
        kid=event.kid,
        algorithm=event.algorithm,
        public_key=event.public_key,
        status="introduced",
        introduced_at=event.timestamp,
    )


def _activated(event: SigningKey.Activated, _: Context) -> Iterable[Fact]:
    yield SIGNING_KEYS.update(id=event.originator_id, status="active", activated_at=event.timestamp)


def _retired(event: SigningKey.Retired, _: Context) -> Iterable[Fact]:
    yield SIGNING_KEYS.update(
        id=event.originator_id,
        status="retired",
        retired_at=event.timestamp,
        published_until=event.published_until,
    )


MODEL = row_model(
    "signing_keys",
    1,
    (SIGNING_KEYS,),
    {
        SigningKey.Introduced.TOPIC: _introduced,
        SigningKey.Activated.TOPIC: _activated,
        SigningKey.Retired.TOPIC: _retired,
    },
)

ALL = """
SELECT k.*, (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM signing_keys k ORDER BY k.introduced_at, k.id
"""
PUBLISHED = """
SELECT * FROM signing_keys
 WHERE status <> 'retired' OR published_until > $1
 ORDER BY introduced_at, id
"""


async def every(connection: asyncpg.Pool | asyncpg.Connection) -> list[asyncpg.Record]:
    """Return all keys, the oldest first, each with the `head` of the same snapshot."""
    return await connection.fetch(ALL)


async def published(connection: asyncpg.Pool | asyncpg.Connection, now: datetime) -> list[asyncpg.Record]:
    """Return the keys that stand in the JWKS: introduced, active, and retired ones until `published_until`."""
    return await connection.fetch(PUBLISHED, now)


def public_key(row: asyncpg.Record) -> dict[str, Any]:
    """Return a row's public key as a JWK."""
    document: dict[str, Any] = json.loads(row["public_key"])
    return document
