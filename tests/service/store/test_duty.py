"""A duty goes on until it is stopped, and is stopped even where being told so was lost on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from service.store import duty
from service.store.duty import Duty

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Work(Duty):
    """Whatever it is told, again and again."""

    NAME = "work"

    def __init__(self, turn: Callable[[], Awaitable[None]]) -> None:
        self._turn = turn
        self.turns = 0

    async def _run(self) -> None:
        while True:
            self.turns += 1
            await self._turn()

    @property
    def over(self) -> bool:
        return self._task is not None and self._task.done()


async def under_way(turn: Callable[[], Awaitable[None]]) -> Work:
    work = Work(turn)
    await work.start()
    await asyncio.sleep(0)
    return work


async def test_a_duty_is_stopped_once_and_for_all() -> None:
    work = await under_way(lambda: asyncio.sleep(60))
    await work.stop()
    await work.stop()
    assert (work.over, work.turns) == (True, 1)
    await Work(lambda: asyncio.sleep(60)).stop()


async def test_a_duty_whose_connection_is_lost_while_it_is_stopped_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "AGAIN_SECONDS", 0.01)
    told: list[str] = []

    async def turn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            told.append("stop")
            if len(told) > 1:
                raise

    work = await under_way(turn)
    await work.stop()
    assert (work.over, work.turns, told) == (True, 2, ["stop", "stop"])


async def test_a_duty_that_has_broken_off_by_itself_says_why() -> None:
    async def turn() -> None:
        await asyncio.sleep(0)
        msg = "broken"
        raise ValueError(msg)

    work = await under_way(turn)
    for _ in range(3):
        await asyncio.sleep(0)
    assert work.over
    with pytest.raises(ValueError, match="broken"):
        await work.stop()
