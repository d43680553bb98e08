"""One organization for the tests of a file: who registers third parties there, and who decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.app_fixture import running
from tests.fake_clock import FakeClock
from tests.service.doors.third_parties.given import Desk, a_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(app: Running) -> Desk:
    return await a_desk(app)


@pytest_asyncio.fixture(loop_scope="module")
async def timed(app_database: str) -> AsyncIterator[tuple[Desk, FakeClock]]:
    """A desk of a service whose clock the test moves."""
    clock = FakeClock()
    async with running(app_database, clock=clock) as service:
        yield await a_desk(service), clock
