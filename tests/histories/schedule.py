"""Runs commands in an order of one's own choosing: each is held right before its append until its turn comes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from service.store.append import Appender
    from service.store.pending import Append, Committed

RUNNER: ContextVar[int] = ContextVar("runner")


class Schedule:
    """A number of commands. Each step takes one of them as far as its next append, through it, and so on to its end."""

    def __init__(self, commands: Sequence[Callable[[], Awaitable[Any]]]) -> None:
        self._commands = commands
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._arrived = [asyncio.Event() for _ in commands]
        self._released = [asyncio.Event() for _ in commands]

    @contextmanager
    def holding(self, *appenders: Appender) -> Iterator[None]:
        """Hold what these append until it is its turn."""
        for appender in appenders:
            appender.append = self._gate(appender.append)
        yield
        for appender in appenders:
            del appender.append

    async def run(self, order: Sequence[int]) -> list[Any]:
        """Take the steps in this order, then whatever is left; return what each command returned or raised."""
        for number in order:
            await self._step(number % len(self._commands))
        for number in range(len(self._commands)):
            while number not in self._tasks or not self._tasks[number].done():
                await self._step(number)
        return await asyncio.gather(*(self._tasks[n] for n in range(len(self._commands))), return_exceptions=True)

    async def _step(self, number: int) -> None:
        if number in self._tasks:
            self._arrived[number].clear()
            self._released[number].set()
        else:
            self._tasks[number] = asyncio.create_task(self._start(number))
        arriving = asyncio.create_task(self._arrived[number].wait())
        await asyncio.wait((self._tasks[number], arriving), return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()

    async def _start(self, number: int) -> Any:
        RUNNER.set(number)
        return await self._commands[number]()

    def _gate(self, append: Callable[[Append], Awaitable[Committed]]) -> Callable[[Append], Awaitable[Committed]]:
        async def held(one: Append) -> Committed:
            number = RUNNER.get()
            self._released[number].clear()
            self._arrived[number].set()
            await self._released[number].wait()
            return await append(one)

        return held
