"""Who runs this installation: what belongs to all organizations together is theirs to see and to operate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

# Claimed once, at the first start, by the organization made then: that of the root application.
OPERATORS = "SELECT owner FROM muniment.claims WHERE space = 'first-start'"


async def operators(connection: asyncpg.Pool | asyncpg.Connection) -> UUID | None:
    """Return the organization of the operators; None before a first start."""
    found: UUID | None = await connection.fetchval(OPERATORS)
    return found
