"""Finds third parties among the applications: by status, and by what people know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

# What third parties are at a moment ($1): an approval that has ended makes an effective one expired.
THIRD_PARTIES = """
SELECT a.*, CASE WHEN a.standing = 'effective' AND a.effective_until <= $1 THEN 'expired'
                 ELSE a.standing END AS third_party_status
  FROM applications a WHERE a.standing IS NOT NULL
"""
ONE = f"{THIRD_PARTIES} AND a.id = $2"
# No index but that of their ids is needed: there are few third parties beside their tokens.
PAGE = f"""
SELECT * FROM ({THIRD_PARTIES}) t
 WHERE ($2::uuid IS NULL OR organization = $2) AND ($3::text IS NULL OR third_party_status = $3)
   AND ($4::text IS NULL OR strpos(lower(name), lower($4)) > 0 OR strpos(lower(client_id), lower($4)) > 0)
   AND id > $5
 ORDER BY id LIMIT $6
"""  # noqa: S608 - made of this file's own text
ORGANIZATIONS = "SELECT id, organization FROM applications WHERE id = ANY ($1::uuid[]) AND standing IS NOT NULL"


async def one(connection: asyncpg.Pool, third_party: UUID, now: datetime) -> asyncpg.Record | None:
    """Return a third party's row with its `third_party_status`, None when there is none."""
    return await connection.fetchrow(ONE, now, third_party)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    status: str | None,
    search: str | None,
    after: UUID,
    limit: int,
    now: datetime,
) -> list[asyncpg.Record]:
    """Return a page of third parties by id, with their `third_party_status`; None: of any organization or status.

    `search` is a part of the name or of the identifier, in upper or lower case.
    """
    return await connection.fetch(PAGE, now, organization, status, search, after, limit)


async def organizations_of(connection: asyncpg.Pool, third_parties: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return whose these third parties are; what is none is left out."""
    return {row["id"]: row["organization"] for row in await connection.fetch(ORGANIZATIONS, third_parties)}
