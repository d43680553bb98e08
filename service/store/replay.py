"""The replay store: what may be used once is noted here by digest, a logged insert that ignores conflicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

SPEND = """
INSERT INTO muniment.client_assertions (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
"""


async def spend(connection: asyncpg.Pool, digest: bytes, expires_at: datetime) -> bool:
    """Use something up; return False when it was used before. Kept until `expires_at`, when it is refused anyway."""
    return bool(await connection.fetchval(SPEND, digest, expires_at))
