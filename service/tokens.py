"""Looks tokens up by their digest: alive or not as of this moment, many callers in one query."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from projections import tokens
from service.coalescer import Coalescer

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

MAX_TOKEN = 16 * 1024


class Tokens:
    """The token look-up of one worker."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Take where tokens are read."""
        self._pool = pool
        self._queries: Coalescer[bytes, asyncpg.Record] = Coalescer(self._fetch)

    async def find(self, token: str) -> asyncpg.Record | None:
        """Return the row of a token string as of now (see `projections.tokens.BY_DIGEST`), None when it is unknown."""
        if len(token) > MAX_TOKEN:
            return None
        return await self._queries.get(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest())

    async def _fetch(self, digests: list[bytes]) -> dict[bytes, asyncpg.Record]:
        return await tokens.by_digests(self._pool, digests)


def is_active(row: asyncpg.Record, now: datetime) -> bool:
    """Say whether a token may be used: alive, and not yet at its expiry."""
    return bool(row["alive"]) and now < row["expires_at"]
