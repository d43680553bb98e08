"""The documents are held against the whole service: `app` serves the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.app_fixture import app_database, app_template, copied, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.app_fixture import Running

__all__ = ["app_database", "app_template"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service for all tests of a file."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name the operation in the test's id: by schemathesis all tests of a function have the same one."""
    operation = getattr(item, "operation_label", None)
    if operation is not None:
        item._id = item.id.with_params(operation)
