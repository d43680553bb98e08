"""Fills a generation of a read model in bulk: pages of the log go in by COPY and a few statements instead of as JSON.

Reading, decoding and writing overlap: rows are decoded while PostgreSQL takes those before, and where keys are read
over another connection than rows are written, the next page is read there meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from projections.bulk import Call, Copy, Packed
from projections.copy_format import HEADER, TRAILER
from service.store.bulk_pages import CHUNK, pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    import asyncpg

    from projections.bulk import Bulk, Step
    from projections.model import Model
    from service.store.vault import Vault

    OnPage = Callable[[int, int], Awaitable[None]]

PAGE_SIZE = 5_000

# Joins start from a page's few rows, whatever the planner thinks of tables that nobody has analyzed.
OFF = ("enable_hashjoin", "enable_mergejoin", "enable_material", "enable_seqscan")
IN_NO_HURRY = "SET LOCAL synchronous_commit = off"  # a page that a crash takes is filled again


class NotInBulk(Exception):
    """A model handles a topic that its bulk path does not know."""


async def fill(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    *,
    schema: str,
    after: int,
    until: int,
    page_size: int | None = None,
    on_page: OnPage | None = None,
) -> int:
    """Apply the events with after < position <= until to a generation of a model that fills in bulk; return `until`.

    Each page is a transaction, in which `on_page(position, events)` is awaited last. The search path must name the
    schema first, and the tables need no `indexes` yet. Raises whatever a poison event raises, the page rolled back.
    """
    bulk = model.bulk
    if bulk is None or bulk.topics != model.handlers.keys():
        raise NotInBulk(model.name)
    await connection.execute("; ".join(f"SET {name} = off" for name in OFF))
    for statement in bulk.staging:
        await connection.execute(statement)
    ranges = {"after": after, "until": until, "limit": page_size or PAGE_SIZE}
    try:
        async with aclosing(pages(model, bulk, vault, **ranges, apart=vault.source is not connection)) as made:
            async for page in made:
                async with connection.transaction():
                    await connection.execute(IN_NO_HURRY)
                    await _apply(connection, page.steps, schema)
                    if on_page is not None:
                        await on_page(page.last, page.events)
    finally:
        await _put_back(connection, bulk)
    return until


async def _apply(connection: asyncpg.Connection, steps: Iterable[Step], schema: str) -> None:
    for step in steps:
        if isinstance(step, Copy):
            place = "pg_temp" if step.table.startswith("staged_") else schema
            await connection.copy_records_to_table(
                step.table, records=_in_chunks(step.rows), columns=step.columns, schema_name=place
            )
        elif isinstance(step, Packed):
            await connection.copy_to_table(
                step.table, source=_stream(step.rows), columns=step.columns, schema_name=schema, format="binary"
            )
        elif isinstance(step, Call):
            await connection.execute(step.statement, *step.columns)
        else:
            await connection.execute(step)


async def _stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    yield HEADER
    for chunk in chunks:
        yield chunk
    yield TRAILER


async def _in_chunks(rows: Iterable[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
    """Yield rows, and every now and then let the connection send what it has."""
    for n, row in enumerate(rows, 1):
        yield row
        if n % CHUNK == 0:
            await asyncio.sleep(0)


async def _put_back(connection: asyncpg.Connection, bulk: Bulk) -> None:
    if connection.is_closed():
        return
    await connection.execute("; ".join(f"RESET {name}" for name in OFF))
    for statement in bulk.staging:
        table = statement.split()[3]
        await connection.execute(f"DROP TABLE IF EXISTS pg_temp.{table}")
