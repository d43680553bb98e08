"""Overlaps two steps of work: while what was made is used, what comes next is made in a task of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Made = TypeVar("Made")


async def one_ahead(items: AsyncGenerator[Made]) -> AsyncGenerator[Made]:
    """Yield what `items` yields, of which the next one is always under way. Closed, it breaks that off and closes them.

    What `items` raises is raised when it is its turn.
    """

    async def draw() -> tuple[Made] | None:
        async for item in items:
            return (item,)
        return None

    coming = asyncio.create_task(draw(), name="one ahead")
    try:
        while (drawn := await coming) is not None:
            coming = asyncio.create_task(draw(), name="one ahead")
            yield drawn[0]
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await items.aclose()
