"""Authentication factors: which ones a user has, and how much of them is left; what they are made of stands nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.factor import BACKUP_CODES, AuthenticationFactor, Kind
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

FACTORS = Table(
    "factors",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "type": "text NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "last_used_at": "timestamptz",
        "remaining": "int",  # of backup codes; no other kind is used up
    },
    indexes=("CREATE INDEX factors_user ON factors (user_id, id)",),
)


def _added(event: AuthenticationFactor.Added, _: Context) -> Iterable[Fact]:
    yield FACTORS.insert(
        id=event.originator_id,
        organization=event.organization,
        user_id=event.user,
        type=event.kind,
        created_at=event.timestamp,
        remaining=BACKUP_CODES if event.kind is Kind.BACKUP_CODES else None,
    )


def _used(event: AuthenticationFactor.Used, _: Context) -> Iterable[Fact]:
    yield FACTORS.update(id=event.originator_id, last_used_at=event.timestamp, remaining=event.remaining)


def _removed(event: AuthenticationFactor.Removed, _: Context) -> Iterable[Fact]:
    yield FACTORS.delete(id=event.originator_id)


MODEL = row_model(
    "factors",
    1,
    (FACTORS,),
    {
        AuthenticationFactor.Added.TOPIC: _added,
        AuthenticationFactor.Used.TOPIC: _used,
        AuthenticationFactor.Removed.TOPIC: _removed,
    },
)

OF_USER = """
SELECT id, type, created_at, last_used_at, remaining FROM factors WHERE user_id = $1 ORDER BY created_at, id
"""


async def of_user(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return a user's factors, oldest first: `id`, `type`, `created_at`, `last_used_at`, `remaining`.

    `remaining` is how many backup codes were not used yet, None for what is none.
    """
    return await connection.fetch(OF_USER, user)
