"""Rows made column by column for COPY are those that PostgreSQL reads, and what is no such value is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from projections import copy_format
from projections.copy_format import DIGESTS, FIELDS, HEADER, IDS, TRAILER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.store_fixture import StoreParts

A, B = UUID(int=1), UUID(int=2**128 - 1)
MOMENT = datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC)
TABLE = """
CREATE TEMPORARY TABLE copied (id uuid, digest bytea, other uuid, word text, at timestamptz, n bigint, m timestamptz)
"""


async def test_postgresql_reads_rows_as_they_were_meant(parts: StoreParts) -> None:
    rows = copy_format.rows(
        7,
        (
            (IDS, copy_format.identifiers([str(A), str(B)])),
            (DIGESTS, copy_format.digests(["ab" * 32, "00" * 32])),
            (FIELDS, [copy_format.identifier(str(B)), copy_format.identifier(None)]),
            (FIELDS, [copy_format.text("é\t\\"), copy_format.text(None)]),
            (FIELDS, [copy_format.moment(MOMENT), copy_format.moment(None)]),
            (FIELDS, copy_format.numbers([-1, 2**62], copy_format.microseconds([MOMENT, MOMENT + timedelta(days=1)]))),
        ),
    )

    async def source() -> AsyncIterator[bytes]:
        yield HEADER + rows + TRAILER

    await parts.owner.execute(TABLE)
    await parts.owner.copy_to_table("copied", source=source(), schema_name="pg_temp", format="binary")
    assert [tuple(row) for row in await parts.owner.fetch("SELECT * FROM copied ORDER BY id")] == [
        (A, b"\xab" * 32, B, "é\t\\", MOMENT, -1, MOMENT),
        (B, bytes(32), None, None, None, 2**62, MOMENT + timedelta(days=1)),
    ]


@pytest.mark.parametrize("text", ["", "ab", str(A)[:-1], str(A) + "0", "x" * 36, str(A).replace("-", "")])
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        copy_format.identifiers([str(B), text])
    with pytest.raises(ValueError):
        copy_format.identifier(text)


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "xy" * 32, "ab " * 21 + "a"])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        copy_format.digests(["00" * 32, text])
