"""What happens to tokens is tested through the whole service: `app` serves the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.app_fixture import app_template, copied, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running

__all__ = ["app_template"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service for all tests of a file, which keep apart by making organizations of their own."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service
