"""The call log's rows: every call that a gateway asked about, for as long as the setting says.

A row is a call and has the id of the request that asked, or stands for `times` refused ones of one minute and has an id
of its own. Its partition is a week. Rows are so many that they go in by COPY, and are encoded a few at a time: requests
are served in between.
"""

from __future__ import annotations

import asyncio
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from projections import copy_format
from projections.copy_format import FIELDS, HEADER, IDS, NULL, TRAILER
from service.operations.redaction import masked
from service.store.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime
    from uuid import UUID

MAX_PATH = 1_000
MAX_ADDRESS = 64
MAX_METHOD = 20
AT_ONCE = 50  # rows that are encoded before others have their turn

# For what was written already, perhaps: an answer was lost.
INSERT = """
INSERT INTO muniment.interface_calls (id, at, organization, resource, interface, gateway, application, user_id,
                                      client_id, address, method, path, test, status, cause, count)
SELECT c.id, c.at, c.organization, c.resource, c.interface, c.gateway, c.application, c.user_id, c.client_id, c.address,
       c.method, c.path, c.test, c.status, c.cause, c.count
  FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[],
              $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::integer[], $15::text[],
              $16::integer[])
       c(id, at, organization, resource, interface, gateway, application, user_id, client_id, address, method, path,
         test, status, cause, count)
ON CONFLICT DO NOTHING
"""


COLUMNS = (
    "id", "at", "organization", "resource", "interface", "gateway", "application", "user_id", "client_id", "address",
    "method", "path", "test", "status", "cause", "count",
)  # fmt: skip


class LoggedCall(NamedTuple):
    """One row. `cause` is None for a call that was allowed; a count has neither user, client, method nor path."""

    id: UUID
    at: datetime
    organization: UUID | None
    resource: UUID | None
    interface: UUID | None
    gateway: UUID | None
    application: UUID | None
    user: UUID | None
    client_id: str | None
    address: str | None
    method: str | None
    path: str | None
    test: bool
    status: int
    cause: str | None
    times: int


async def write(pool: asyncpg.Pool, rows: Sequence[LoggedCall]) -> None:
    """Add rows; one that is there already stays as it is."""
    try:
        async with pool.acquire() as connection:
            await connection.copy_to_table(
                "interface_calls", schema_name="muniment", columns=COLUMNS, source=_stream(rows), format="binary"
            )
    except asyncpg.UniqueViolationError:
        await pool.execute(INSERT, *_cleaned(rows))


async def _stream(rows: Sequence[LoggedCall]) -> AsyncIterator[bytes]:
    yield HEADER
    for first in range(0, len(rows), AT_ONCE):
        yield _packed(rows[first : first + AT_ONCE])
        await asyncio.sleep(0)
    yield TRAILER


def _packed(rows: Sequence[LoggedCall]) -> bytes:
    """Return rows as COPY takes them, their fields in the order of COLUMNS."""
    ids, times, *others = _cleaned(rows)
    uuids, texts, (tests, statuses, causes, counts) = others[:6], others[6:10], others[10:]
    moments = [_MOMENT(8, moment) for moment in copy_format.microseconds(times)]
    fields = [[NULL if value is None else IDS + value.bytes for value in column] for column in uuids]
    fields += [[*map(copy_format.text, column)] for column in texts]
    fields += [[_BOOLEANS[test] for test in tests], [_NUMBER(4, status) for status in statuses]]
    fields += [[*map(copy_format.text, causes)], [_NUMBER(4, count) for count in counts]]
    first = (IDS, [value.bytes for value in ids])
    return copy_format.rows(len(COLUMNS), [first, (FIELDS, moments), *((FIELDS, column) for column in fields)])


def _cleaned(rows: Sequence[LoggedCall]) -> list[Sequence[Any]]:
    """Return the columns of rows, without what does not belong into a row."""
    columns: list[Sequence[Any]] = [*zip(*rows, strict=True)]
    columns[_PATH] = [path and masked(path) for path in columns[_PATH]]
    for number, limit in _CHOSEN:
        texts = columns[number]
        together = "".join(filter(None, texts))
        if not (together.isascii() and together.isprintable()):  # nearly always there is nothing to clean
            columns[number] = [text and plain(text, limit) for text in texts]
    return columns


_MOMENT = Struct(">iq").pack
_NUMBER = Struct(">ii").pack
_BOOLEANS = {False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}
_PATH = LoggedCall._fields.index("path")
_CHOSEN = [
    (LoggedCall._fields.index(name), limit)
    for name, limit in (("address", MAX_ADDRESS), ("method", MAX_METHOD), ("path", MAX_PATH))
]
"""What others chose: a gateway's callers, before anybody knew who they were."""
