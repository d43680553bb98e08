"""The binary format of COPY, for the few rows that are so many that a driver's way of encoding them counts.

A row is its number of fields, then each field's length in bytes and its bytes (PostgreSQL's documentation of COPY,
"Binary Format"). Identifiers are 16 bytes, times microseconds since 2000.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ID_BYTES = 16
_LENGTH = Struct(">i").pack


def text(value: str | None) -> bytes:
    """Return a field of text, or NULL."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def id_bytes(value: str) -> bytes:
    """Return the bytes of an identifier in its canonical text. Raises ValueError when it is none."""
    found = bytes.fromhex(value.replace("-", ""))
    if len(found) != _ID_BYTES:
        msg = "not an identifier"
        raise ValueError(msg)
    return found


def identifier(value: str | None) -> bytes:
    """Return a field of an identifier, or NULL. Raises ValueError."""
    return NULL if value is None else b"\0\0\0\x10" + id_bytes(value)


def microseconds(moment: datetime) -> int:
    """Return a moment as the database counts it."""
    return (moment - _EPOCH) // _MICROSECOND
