"""The binary format of COPY, for the few rows that are so many that a driver's way of encoding them counts.

A row is its number of fields, then each field's length in bytes and its bytes (PostgreSQL's documentation of COPY,
"Binary Format"). Identifiers are 16 bytes, times microseconds since 2000. Rows are made many at a time, column by
column: that takes a third of the time that row by row takes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LENGTH = Struct(">i").pack
_MOMENT = Struct(">iq").pack
_NUMBER_BYTES = 8
_ID = Struct("16s")
_ID_LENGTH = 36
_DIGEST = Struct("32s")
_DIGEST_LENGTH = 64

IDS, DIGESTS, FIELDS = _LENGTH(_ID.size), _LENGTH(_DIGEST.size), b""
"""What a column's pieces are: identifiers or digests, whose length goes before each, or one or more whole fields."""


def rows(fields: int, columns: Sequence[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """Return rows of so many fields from columns of pieces, each told what its pieces are."""
    count, width = len(columns[0][1]), 2 * len(columns)
    pieces = [b""] * (count * width)
    start = fields.to_bytes(2, "big")
    for n, (before, column) in enumerate(columns):
        pieces[2 * n :: width] = [start + before] * count
        pieces[2 * n + 1 :: width] = column
        start = b""
    return b"".join(pieces)


def identifiers(values: Sequence[str]) -> list[bytes]:
    """Return the bytes of identifiers in their canonical text. Raises ValueError when one is none."""
    return _parsed(values, "".join(values).replace("-", ""), _ID_LENGTH, _ID)


def digests(values: Sequence[str]) -> list[bytes]:
    """Return the bytes of SHA-256 digests in hex. Raises ValueError when one is none."""
    return _parsed(values, "".join(values), _DIGEST_LENGTH, _DIGEST)


def _parsed(values: Sequence[str], digits: str, length: int, shape: Struct) -> list[bytes]:
    found = bytes.fromhex(digits)
    if set(map(len, values)) - {length} or len(found) != shape.size * len(values):
        raise ValueError(_none(length, shape))
    return [value for (value,) in shape.iter_unpack(found)]


def _none(length: int, shape: Struct) -> str:
    return f"not {length} characters that stand for {shape.size} bytes"


def microseconds(moments: Sequence[datetime]) -> list[int]:
    """Return moments as the database counts them."""
    return [(moment - _EPOCH) // _MICROSECOND for moment in moments]


def numbers(*columns: Sequence[int]) -> list[bytes]:
    """Return for each row the fields of these columns, all of them bigint or, counted in microseconds, moments."""
    pack = Struct(">" + "iq" * len(columns)).pack
    return list(map(pack, *chain.from_iterable((repeat(_NUMBER_BYTES), column) for column in columns)))


def text(value: str | None) -> bytes:
    """Return a field of text, or NULL."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def identifier(value: str | None) -> bytes:
    """Return a field of an identifier, or NULL. Raises ValueError."""
    if value is None:
        return NULL
    found = bytes.fromhex(value.replace("-", ""))  # as `identifiers` would, for a third of what one alone costs there
    if len(found) != _ID.size or len(value) != _ID_LENGTH:
        raise ValueError(_none(_ID_LENGTH, _ID))
    return IDS + found


def moment(value: datetime | None) -> bytes:
    """Return a field of a moment, or NULL."""
    return NULL if value is None else _MOMENT(_NUMBER_BYTES, (value - _EPOCH) // _MICROSECOND)
