"""Decisions are tested through the whole service: one, one with a clock of its own, or two for the tests of a file."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.app_fixture import app_database, app_template, copied, running
from tests.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running

__all__ = ["app_database", "app_template"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service for all tests of a file, which keep apart by organizations of their own."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def timed(postgres_dsn: str, app_template: str) -> AsyncIterator[tuple[Running, FakeClock]]:
    """The service for all tests of a file with a clock that stands still until one moves it, by minutes at most."""
    clock = FakeClock()
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, clock=clock) as service:
            yield service, clock


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(postgres_dsn: str, app_template: str) -> AsyncIterator[tuple[Running, Running]]:
    """Two workers on one database, each with a memory of its own, whose one clock stands still."""
    clock = FakeClock()
    with copied(postgres_dsn, app_template) as dsn:
        async with AsyncExitStack() as stack:
            yield (
                await stack.enter_async_context(running(dsn, clock=clock)),
                await stack.enter_async_context(running(dsn, clock=clock)),
            )
