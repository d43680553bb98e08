"""The largest imports stay one append, within what a caller waits for, and hold nobody else up for long."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from projections import interfaces as rows
from service.commands import interface_imports
from service.commands.interface_imports import Mode, Report
from service.commands.interfaces import INTERFACE_LIMIT
from service.interface_import.imported import ImportedDocument, Operation
from tests.service.commands.given import an_organization, backend, head, origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from tests.store_fixture import StoreParts

pytestmark = pytest.mark.soak
SECONDS = 20.0  # a third of what the append's connection is given
HELD = 1.0  # seconds that others may have to wait for their turn


def document(name: str, place: str) -> ImportedDocument:
    operations = tuple(
        Operation(f"{name}{number}", f"Interface {number}", "GET", f"/{place}{number}/{{id}}", "About it")
        for number in range(INTERFACE_LIMIT)
    )
    return ImportedDocument("OpenAPI 3.0", "orders", "Orders", None, None, operations, ())


@asynccontextmanager
async def unhurried() -> AsyncIterator[None]:
    """Require that others have their turn meanwhile."""
    longest, over = 0.0, False

    async def others() -> None:
        nonlocal longest
        while not over:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - start)

    waiting = asyncio.create_task(others())
    yield
    over = True
    await waiting
    assert longest < HELD


async def imports(parts: StoreParts, organization: UUID, name: str, place: str) -> Report:
    by = backend(organization, "write_api")
    start = time.perf_counter()
    done = await interface_imports.carry_out(
        parts.store, origin(by), by, organization=organization, document=document(name, place), mode=Mode.OVERWRITE
    )
    assert time.perf_counter() - start < SECONDS
    return done.value


async def test_five_thousand_interfaces_are_imported_replaced_and_deleted_in_one_append(parts: StoreParts) -> None:
    organization = (await an_organization(parts)).id
    before = await head(parts)
    async with unhurried():
        await imports(parts, organization, "first", "a")
    assert await head(parts) - before == INTERFACE_LIMIT + 1
    async with unhurried():  # each has another path
        await imports(parts, organization, "first", "b")
    assert await head(parts) - before == 2 * INTERFACE_LIMIT + 1
    async with unhurried():  # each is deleted, and another one has its path
        report = await imports(parts, organization, "second", "b")
    assert await head(parts) - before == 4 * INTERFACE_LIMIT + 1
    assert report.resource.id is not None
    assert await rows.count(parts.pool, report.resource.id) == INTERFACE_LIMIT
