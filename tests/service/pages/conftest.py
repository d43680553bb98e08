"""Pages are tested through the whole service, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.service.doors.conftest import app, app_database, app_template, fresh_app
from tests.service.pages.people import a_firm

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.pages.people import Firm, Person

__all__ = ["app", "app_database", "app_template", "fresh_app"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def firm(app: Running) -> Firm:
    """An organization with an application, for all tests of a file."""
    return await a_firm(app)


@pytest_asyncio.fixture(loop_scope="module")
async def ada(firm: Firm) -> Person:
    """Somebody new of that organization."""
    return await firm.person()
