"""Slows down whoever guesses at secrets: attempts are counted in buckets that all workers share.

An attempt is taken before it is made, for all that are under way at once count; who guessed right gets it back. So
there can never be more wrong guesses than a bucket has attempts, on however many workers, and a process that dies in
between has only counted one too many.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from service.clock import Clock

TAKE = "SELECT muniment.take_attempt($1, $2, $3, $4, $5, $6)"
GIVE_BACK = "SELECT muniment.give_attempt_back($1, $2)"
LOCKED = """
SELECT address FROM muniment.throttle
 WHERE subject = ANY ($1::bytea[]) AND address IS NOT NULL AND opens_at > $2 ORDER BY address
"""
# In the order in which attempts take their rows.
FORGET = """
DELETE FROM muniment.throttle
 WHERE key IN (SELECT key FROM muniment.throttle WHERE subject = ANY ($1::bytea[]) ORDER BY key FOR UPDATE)
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What attempts are counted by: `burst` are let through at once, then one more every so many seconds.

    `subject` is the digest of what was tried to be guessed at, `address` from where, for those who manage it.
    """

    key: bytes
    burst: int
    every: timedelta
    subject: bytes | None = None
    address: str | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        *parts: bytes | str,
        burst: int,
        every: float,
        subject: bytes | None = None,
        address: str | None = None,
    ) -> Bucket:
        """Return the bucket of a kind for these parts together, refilled by one every so many seconds."""
        told = [part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in (kind, *parts)]
        # Each part carries its length, so that no two divisions read alike.
        key = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in told)).digest()
        return cls(key, burst, timedelta(seconds=every), subject, address)


class Throttle:
    """Counts attempts in the database: one statement a check."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        """Take where it is counted, and what time it is."""
        self._pool = pool
        self._clock = clock

    async def wait(self, *buckets: Bucket) -> int:
        """Take an attempt from each bucket and return 0; or, with one of them empty, none and the seconds to wait."""
        now = self._clock.now()
        opens_at = await self._pool.fetchval(
            TAKE,
            now,
            [bucket.key for bucket in buckets],
            [bucket.subject for bucket in buckets],
            [bucket.address for bucket in buckets],
            [bucket.burst for bucket in buckets],
            [bucket.every for bucket in buckets],
        )
        return 0 if opens_at is None else math.ceil((opens_at - now).total_seconds())

    async def succeeded(self, *buckets: Bucket) -> None:
        """Give the attempt back that was taken from each of these: it was a right one, or none after all."""
        await self._pool.execute(GIVE_BACK, [bucket.key for bucket in buckets], [bucket.every for bucket in buckets])

    async def locked_addresses(self, subjects: Sequence[bytes]) -> list[str]:
        """Return the addresses from where no attempt on these subjects is let through at present."""
        return [row["address"] for row in await self._pool.fetch(LOCKED, list(subjects), self._clock.now())]

    async def unlock(self, subjects: Sequence[bytes]) -> None:
        """Forget every attempt on these subjects."""
        await self._pool.execute(FORGET, list(subjects))
