"""What every command begins with: the settings of the environment and, for most, the database they name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from service import settings as settings_module
from service.operations.logging import configure

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from service.offline import Tools
    from service.settings import Settings

T = TypeVar("T")


def load() -> Settings:
    """Return the settings of the environment; a bad one ends the program with its sentence."""
    found = settings_module.read()
    configure(found.log_level)
    return found


def with_tools(work: Callable[[Tools, Settings], Coroutine[None, None, T]]) -> T:
    """Run one piece of work on the database of the environment."""
    from service.offline import address, tools  # noqa: PLC0415 - each command loads what it needs

    settings = load()

    async def run(dsn: str) -> T:
        async with tools(dsn, settings) as opened:
            return await work(opened, settings)

    with address(settings) as dsn:
        return asyncio.run(run(dsn))
