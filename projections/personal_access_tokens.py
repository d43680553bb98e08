"""Personal access tokens: whose they are, and what decides about their exchange. One that was deleted has no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.personal_access_token import PersonalAccessToken
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

TOKENS = Table(
    "personal_access_tokens",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "name": "text",  # null: sealed under a key that is gone
        "digest": "text NOT NULL",
        "hint": "text NOT NULL",
        "created_at": "timestamptz NOT NULL",
        "expires_at": "timestamptz",
    },
    indexes=(
        "CREATE UNIQUE INDEX personal_access_tokens_digest ON personal_access_tokens (digest)",
        "CREATE INDEX personal_access_tokens_user ON personal_access_tokens (user_id, id)",
    ),
)


def _issued(event: PersonalAccessToken.Issued, _: Context) -> Iterable[Fact]:
    yield TOKENS.insert(
        id=event.originator_id,
        organization=event.organization,
        user_id=event.user,
        name=event.name,
        digest=event.digest,
        hint=event.hint,
        created_at=event.timestamp,
        expires_at=event.expires_at,
    )


def _renamed(event: PersonalAccessToken.Renamed, _: Context) -> Iterable[Fact]:
    yield TOKENS.update(id=event.originator_id, name=event.name)


def _deleted(event: PersonalAccessToken.Deleted, _: Context) -> Iterable[Fact]:
    yield TOKENS.delete(id=event.originator_id)


MODEL = row_model(
    "personal_access_tokens",
    1,
    (TOKENS,),
    {
        PersonalAccessToken.Issued.TOPIC: _issued,
        PersonalAccessToken.Renamed.TOPIC: _renamed,
        PersonalAccessToken.Deleted.TOPIC: _deleted,
    },
)

# The head is read by the same statement: what the row says was true at that position.
PRESENTED = """
SELECT p.id, p.organization, p.user_id, p.expires_at, u.status AS user_status, o.status AS organization_status,
       (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM personal_access_tokens p
  LEFT JOIN users u ON u.id = p.user_id
  LEFT JOIN accounts o ON o.id = p.organization
 WHERE p.digest = $1
"""
OF_USER = """
SELECT id, organization, user_id, name, hint, created_at, expires_at
  FROM personal_access_tokens WHERE user_id = $1 ORDER BY id
"""
IDS_OF_USER = "SELECT id FROM personal_access_tokens WHERE user_id = $1 ORDER BY id LIMIT $2"
COUNT = "SELECT count(*) FROM personal_access_tokens WHERE user_id = $1"
NAMED = "SELECT id FROM personal_access_tokens WHERE user_id = $1 AND name = $2"


async def presented(connection: asyncpg.Pool, digest: str) -> asyncpg.Record | None:
    """Return the token with this digest and the `head` that is true at, None when it was never there or is deleted.

    It has id, organization, user_id, expires_at, user_status and organization_status: all that says if it is usable.
    """
    return await connection.fetchrow(PRESENTED, digest)


async def of_user(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return a user's tokens, expired ones too, in the order in which they were made, without their digests."""
    return await connection.fetch(OF_USER, user)


async def ids_of_user(connection: asyncpg.Pool, user: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's tokens."""
    return [row[0] for row in await connection.fetch(IDS_OF_USER, user, limit)]


async def count_of_user(connection: asyncpg.Pool, user: UUID) -> int:
    """Return how many tokens a user has, expired ones too."""
    return int(await connection.fetchval(COUNT, user))


async def named(connection: asyncpg.Pool, user: UUID, name: str) -> UUID | None:
    """Return the id of a user's token of exactly this name, None when there is none."""
    found: UUID | None = await connection.fetchval(NAMED, user, name)
    return found
