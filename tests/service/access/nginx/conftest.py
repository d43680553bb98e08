"""One nginx before one service, for all tests of a file; each test has paths of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.access.guarded import guarded
from tests.service.access.nginx.front import before

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running
    from tests.service.access.guarded import Guarded
    from tests.service.access.nginx.front import Front


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orders(app: Running) -> Guarded:
    """What is guarded."""
    return await guarded(app)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_gate(orders: Guarded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    """nginx before it."""
    async with before(orders, tmp_path_factory.mktemp("nginx")) as gate:
        yield gate


@pytest.fixture
def gate(one_gate: Front) -> Front:
    """nginx, behind which nothing has arrived yet."""
    one_gate.behind.arrived.clear()
    return one_gate


@pytest.fixture
def place() -> str:
    """How the paths of a test begin."""
    return f"/{uuid4().hex}"
