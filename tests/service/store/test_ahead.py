"""What comes next is made while what was made is used, in order, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from service.store.ahead import ahead

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
    assert [n async for n in ahead(numbers())] == list(range(10))
    assert numbers.closed
    assert [n async for n in ahead(Numbers(0)())] == []


@pytest.mark.parametrize("most", [1, 3])
async def test_so_many_are_made_ahead_and_no_more(most: int) -> None:
    numbers = Numbers(10)
    async with aclosing(ahead(numbers(), most)) as drawn:
        assert await anext(drawn) == 0
        for _ in range(100):
            await asyncio.sleep(0)
        assert numbers.begun == 1 + most  # the one in hand is not ahead any more


async def test_what_fails_is_raised_when_it_is_its_turn() -> None:
    drawn = ahead(Numbers(10, fails_at=2)(), 5)
    assert [await anext(drawn), await anext(drawn)] == [0, 1]
    with pytest.raises(LookupError):
        await anext(drawn)


async def test_who_stops_drawing_closes_what_is_made() -> None:
    numbers = Numbers(10)
    async with aclosing(ahead(numbers(), 2)) as drawn:
        await anext(drawn)
    assert numbers.closed
    assert [task for task in asyncio.all_tasks() if task.get_name() == "make ahead"] == []
