"""Who holds a name that was claimed (see `Decision.claim`), for those who look without deciding."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

OWNER = "SELECT owner FROM muniment.claims WHERE organization = $1 AND space = $2 AND digest = $3"


async def owner(connection: asyncpg.Pool, space: str, digest: bytes, *, organization: UUID) -> UUID | None:
    """Return who holds the name of this digest in a space of an organization, None when nobody does."""
    found: UUID | None = await connection.fetchval(OWNER, organization, space, digest)
    return found
