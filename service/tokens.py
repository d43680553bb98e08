"""Looks tokens up by their digest: alive or not as of this moment, many callers in one query."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from projections import roles, tokens
from service.coalescer import Coalescer
from service.secrets.digests import REFRESH_TOKEN, sha256

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

MAX_TOKEN = 16 * 1024


class Tokens:
    """The token look-up of one worker."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Take where tokens are read."""
        self._pool = pool
        self._queries: Coalescer[bytes, asyncpg.Record] = Coalescer(self._fetch)

    def find(self, token: str) -> asyncio.Future[asyncpg.Record | None]:
        """Return the coming row of a token string (see `projections.tokens.BY_DIGEST`), None when it is unknown.

        It tells of a moment after this call, which has sent the question already: whoever waits elsewhere first loses
        no time.
        """
        if len(token) > MAX_TOKEN:
            unknown: asyncio.Future[asyncpg.Record | None] = asyncio.get_running_loop().create_future()
            unknown.set_result(None)
            return unknown
        return self._queries.get(sha256(token))

    async def find_refresh(self, token: str, now: datetime) -> asyncpg.Record | None:
        """Return the row of a refresh token (see `projections.tokens.RENEWING`), None when it is unknown or none."""
        if not token.startswith(REFRESH_TOKEN) or len(token) > MAX_TOKEN:
            return None
        return await tokens.renewing(self._pool, sha256(token), now)

    async def held_by(self, user: UUID) -> roles.Held:
        """Return what a person's roles hold now. Their token was judged before: its guards cover what changes since."""
        return await roles.held_by(self._pool, user)

    async def _fetch(self, digests: list[bytes]) -> dict[bytes, asyncpg.Record]:
        return await tokens.by_digests(self._pool, digests)


def is_active(row: asyncpg.Record, now: datetime) -> bool:
    """Say whether a token may be used: alive, and not yet at its expiry."""
    return bool(row["alive"]) and now < row["expires_at"]


def is_renewable(row: asyncpg.Record, token: str, now: datetime) -> bool:
    """Say whether a refresh token can be used: the newest of its family, everything in force, not yet at its expiry."""
    digest = sha256(token)
    return (
        row["current_digest"] == digest
        and not row["ended"]
        and bool(row["in_force"] and row["application_active"])
        and (row["expires_at"] is None or now < row["expires_at"])
    )
