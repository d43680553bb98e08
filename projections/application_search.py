"""Finds applications of an organization by what people know of them: a part of the name, the client id, or the id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

# Ids are ordered by birth, and no index but theirs is needed: an organization has few applications beside its tokens.
FOUND = """
SELECT id, client_id, name, kind, status, standing, effective_until FROM applications
 WHERE organization = $1 AND ($2::uuid IS NULL OR id <= $2)
   AND ($3::text IS NULL OR strpos(lower(name), lower($3)) > 0 OR strpos(lower(client_id), lower($3)) > 0
        OR id::text = lower($3))
 ORDER BY id DESC LIMIT $4
"""
NAMES = "SELECT id, name FROM applications WHERE organization = $1 AND id = ANY ($2::uuid[])"


async def names(connection: asyncpg.Pool, organization: UUID, applications: Iterable[UUID]) -> dict[UUID, str]:
    """Return what those of these that are an organization's applications are called, by id."""
    return {row["id"]: row["name"] for row in await connection.fetch(NAMES, organization, list(applications))}


async def found(
    connection: asyncpg.Pool, organization: UUID, search: str | None, *, start: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Return an organization's applications, the youngest first, from `start` on (None: from the youngest).

    `search` is a part of the name or the client id, in upper or lower case, or the id; None finds all of them.
    """
    return await connection.fetch(FOUND, organization, start, search, limit)
