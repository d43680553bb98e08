"""The OAuth endpoints are tested through the whole service: `app` serves the tests of a file, others serve one test."""

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
    """The service for all tests of a file, which keep apart by making applications of their own."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service


@pytest_asyncio.fixture(loop_scope="module")
async def two(app_database: str) -> AsyncIterator[tuple[Running, Running]]:
    """Two workers on one database, each with a memory of its own."""
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(running(app_database)),
            await stack.enter_async_context(running(app_database)),
        )


@pytest_asyncio.fixture(loop_scope="module")
async def timed(app_database: str) -> AsyncIterator[tuple[Running, FakeClock]]:
    """The service with a clock that the test moves."""
    clock = FakeClock()
    async with running(app_database, clock=clock) as service:
        yield service, clock
