"""Fills a generation of a read model in bulk: pages of the log go in by COPY and a few statements instead of as JSON.

Reading, decoding and writing overlap: rows are decoded while PostgreSQL takes those before, and where keys are read
over another connection than rows are written, the next page is read there meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from domain import EVENTS
from projections.bulk import Copy, Packed
from projections.copy_format import HEADER, TRAILER
from projections.model import Context
from service.store import codec
from service.store.log import Stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    import asyncpg
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from projections.bulk import Bulk, Read, Step
    from projections.model import Model
    from service.store.vault import Vault

    OnPage = Callable[[int, int], Awaitable[None]]

PAGE_SIZE = 5_000
WINDOW = 100_000  # positions that one query looks through: a model that handles few of them tells how far it is, too
CHUNK = 500  # rows between two looks at what else there is to do: sending, above all

# Joins start from a page's few rows, whatever the planner thinks of tables that nobody has analyzed.
OFF = ("enable_hashjoin", "enable_mergejoin", "enable_material", "enable_seqscan")
IN_NO_HURRY = "SET LOCAL synchronous_commit = off"  # a page that a crash takes is filled again

# What the model handles, and what this program does not know at all: that must stop it, not be skipped. Token events
# have a table of their own, and only topics of their own are in it.
PAGE = """
SELECT {columns}
  FROM {log}
 WHERE notification_id > $1 AND notification_id <= $2
   AND (topic = ANY ($3::text[]) OR topic <> ALL ($4::text[]))
 ORDER BY notification_id
 LIMIT $5
"""
PLAIN = "notification_id, originator_id, originator_version, topic, state"
WHOLE = f"{PLAIN}, organization, actor, client, request_id, recorded_at"  # in the order of Context


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
    pages = _Pages(bulk, vault, list(model.handlers), limit=page_size or PAGE_SIZE)
    await connection.execute("; ".join(f"SET {name} = off" for name in OFF))
    for statement in bulk.staging:
        await connection.execute(statement)
    ahead = None
    try:
        reached = after
        while reached < until:
            page = await (ahead or pages.read(reached, until))
            reached, ahead = page.last, None
            if vault.source is not connection and reached < until:
                ahead = asyncio.create_task(pages.read(reached, until), name="next page")
            async with connection.transaction():
                await connection.execute(IN_NO_HURRY)
                await _apply(connection, page.steps, schema)
                if on_page is not None:
                    await on_page(reached, page.events)
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
        await _put_back(connection, bulk)
    return until


class _Page(NamedTuple):
    """How far a page reaches, how many events it has, and what is to be done for it."""

    last: int
    events: int
    steps: Iterable[Step]


class _Pages:
    """Reads the log page by page, where keys are read too: that may be while the page before is written."""

    def __init__(self, bulk: Bulk, vault: Vault, topics: list[str], *, limit: int) -> None:
        tokens = any(codec.is_token_topic(topic) for topic in topics)
        log = "muniment.log" if tokens else "muniment.events"
        self._query = PAGE.format(columns=PLAIN if bulk.plain else WHOLE, log=log)
        self._bulk, self._vault, self._topics, self._limit = bulk, vault, topics, limit

    async def read(self, after: int, until: int) -> _Page:
        """Return the page behind a position."""
        window = min(until, after + WINDOW)
        arguments = (after, window, self._topics, list(EVENTS), self._limit)
        rows = await self._vault.source.fetch(self._query, *arguments)
        last = rows[-1][0] if len(rows) == self._limit else window
        if not rows:
            return _Page(last, 0, ())
        if self._bulk.plain:
            return _Page(last, len(rows), self._bulk.page(_plain(rows)))
        # What can be known of a page is made of it at once, as long as the database has to do with the one before.
        return _Page(last, len(rows), list(self._bulk.page(await self._whole(rows))))

    async def _whole(self, rows: Sequence[asyncpg.Record]) -> Iterator[Read]:
        sealed: dict[UUID, list[Stored]] = {}
        for _, stream, version, topic, state, *_ in rows if self._bulk.personal else ():
            if codec.event_class(topic).PERSONAL:
                sealed.setdefault(stream, []).append(Stored(version, topic, state))
        return _whole(rows, await self._vault.for_streams(sealed))


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
        else:
            await connection.execute(step)


def _plain(rows: Iterable[asyncpg.Record]) -> Iterator[Read]:
    for position, stream, version, topic, state in rows:
        yield position, stream, version, topic, codec.plain_decoder(topic)(state), None


def _whole(rows: Iterable[asyncpg.Record], ciphers: Mapping[UUID, AESGCM] | None) -> Iterator[Read]:
    for position, stream, version, topic, state, *envelope in rows:
        event = codec.decode_record(topic, stream, version, state, ciphers)
        yield position, stream, version, topic, event, Context(*envelope)


async def _stream(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    yield HEADER
    left = iter(rows)
    while chunk := b"".join(itertools.islice(left, CHUNK)):
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
