"""Attacks are made on the whole service; those of a file share one, or a pair of workers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest_asyncio

from tests.app_fixture import running
from tests.postgres_fixture import copied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(postgres_dsn: str, app_template: str) -> AsyncIterator[tuple[Running, Running]]:
    """Two workers on one database, each with a memory of its own, for all tests of a file."""
    with copied(postgres_dsn, app_template) as dsn:
        async with AsyncExitStack() as stack:
            yield (await stack.enter_async_context(running(dsn)), await stack.enter_async_context(running(dsn)))
