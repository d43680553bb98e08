"""How often an interface may be called: counted in calendar minutes (UTC), exactly, on all workers together.

Calls that arrive together are counted by one statement. A call that was let pass counts, and no other.
"""

from __future__ import annotations

import asyncio
import hashlib
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from service.coalescer import LAPS
from service.store import call_counts

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.clock import Clock

MAX_KEYS = 512
MINUTE = 60
SITE_BITS = 64
"""Whoever has one address of a network of version 6 has all that share these bits (RFC 6177)."""


def of_grant(grant: UUID, *, test: bool) -> bytes:
    """Return what calls of an application are counted by; tests have a count of their own."""
    return (b"t" if test else b"g") + grant.bytes


def of_address(interface: UUID, address: str, *, test: bool) -> bytes:
    """Return what calls of an anonymous interface are counted by."""
    told = interface.bytes + _place(address).encode()
    return (b"u" if test else b"a") + hashlib.sha256(told).digest()[:16]


def _place(address: str) -> str:
    """Return an address as it is counted: one of version 6 by its network, what is no address as it is."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return f"{int(known) >> (128 - SITE_BITS):x}"
    return str(known)


class _Asked:
    """The calls of one key that wait to be counted. Where two limits are known, the lower one holds for all."""

    __slots__ = ("calls", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.calls: list[asyncio.Future[bool]] = []


class Frequency:
    """Counts the calls of one worker, one statement at a time."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        """Take where calls are counted and what minute it is."""
        self._pool = pool
        self._clock = clock
        self._waiting: dict[bytes, _Asked] = {}
        self._busy = False
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, key: bytes, limit: int) -> asyncio.Future[bool]:
        """Return a future that says whether there was room for one more call in this minute; then it was taken.

        It raises what the statement raised.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        asked = self._waiting.get(key)
        if asked is None:
            asked = self._waiting[key] = _Asked(limit)
        elif limit < asked.limit:
            asked.limit = limit
        asked.calls.append(future)
        if not self._busy:
            self._busy = True
            task = loop.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    def seconds_left(self) -> int:
        """Return after how many seconds the next minute begins, at least one."""
        return MINUTE - self._clock.now().second

    async def _run(self) -> None:
        try:
            while self._waiting:
                for _ in range(LAPS):
                    await asyncio.sleep(0)
                if len(self._waiting) <= MAX_KEYS:
                    taken, self._waiting = self._waiting, {}
                else:
                    taken = {key: self._waiting.pop(key) for key in list(self._waiting)[:MAX_KEYS]}
                await self._count(taken)
        finally:
            self._busy = False

    async def _count(self, taken: dict[bytes, _Asked]) -> None:
        # Whoever left meanwhile takes nothing.
        left = {key: [call for call in asked.calls if not call.done()] for key, asked in taken.items()}
        minute = self._clock.now().replace(second=0, microsecond=0)
        wanted, limits = [len(calls) for calls in left.values()], [asked.limit for asked in taken.values()]
        try:
            granted = await call_counts.take(self._pool, minute, list(left), wanted, limits)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            for calls in left.values():
                for call in calls:
                    if not call.done():
                        call.set_exception(error)
            return
        for calls, share in zip(left.values(), granted, strict=True):
            for place, call in enumerate(calls):
                if not call.done():
                    call.set_result(place < share)
