"""What comes next is made while what was made is used, in order, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from service.store.ahead import one_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Numbers:
    """Makes numbers and tells how many it has begun."""

    def __init__(self, until: int, *, fails_at: int | None = None) -> None:
        self.until, self.fails_at = until, fails_at
        self.begun = 0
        self.closed = False

    async def __call__(self) -> AsyncGenerator[int]:
        try:
            for n in range(self.until):
                self.begun += 1
                await asyncio.sleep(0)
                if n == self.fails_at:
                    raise LookupError(n)
                yield n
        finally:
            self.closed = True


async def test_everything_comes_in_its_order() -> None:
    numbers = Numbers(10)
    assert [n async for n in one_ahead(numbers())] == list(range(10))
    assert numbers.closed
    assert [n async for n in one_ahead(Numbers(0)())] == []


async def test_one_is_made_ahead_and_no_more() -> None:
    numbers = Numbers(10)
    async with aclosing(one_ahead(numbers())) as drawn:
        assert await anext(drawn) == 0
        for _ in range(100):
            await asyncio.sleep(0)
        assert numbers.begun == 2


async def test_what_fails_is_raised_when_it_is_its_turn() -> None:
    drawn = one_ahead(Numbers(10, fails_at=2)())
    assert [await anext(drawn), await anext(drawn)] == [0, 1]
    with pytest.raises(LookupError):
        await anext(drawn)


async def test_who_stops_drawing_closes_what_is_made() -> None:
    numbers = Numbers(10)
    async with aclosing(one_ahead(numbers())) as drawn:
        await anext(drawn)
    assert numbers.closed
    assert [task for task in asyncio.all_tasks() if task.get_name() == "one ahead"] == []
