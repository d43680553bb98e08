"""Overlaps two steps of work: while what was made is used, what comes next is made in a task of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Made = TypeVar("Made")


async def ahead(items: AsyncGenerator[Made], most: int = 1) -> AsyncGenerator[Made]:
    """Yield what `items` yields, up to so many of which are under way or wait for their turn. Closed, it closes them.

    What `items` raises is raised when it is its turn.
    """
    waiting: asyncio.Queue[Made | Exception | None] = asyncio.Queue()
    places = asyncio.Semaphore(most)

    async def make() -> None:
        try:
            await places.acquire()
            async for item in items:
                waiting.put_nowait(item)
                await places.acquire()
        except Exception as error:  # noqa: BLE001 - raised where it is used
            waiting.put_nowait(error)
        else:
            waiting.put_nowait(None)

    making = asyncio.create_task(make(), name="make ahead")
    try:
        while (item := await waiting.get()) is not None:
            places.release()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        await items.aclose()
