"""Finds a value in whatever holds bytes, as it was given, in another case, encoded, or digested without a key."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import asyncpg

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
 ORDER BY 1
"""
# Shorter texts are in long ones by chance, once they are encoded.
ENCODED_FROM = 9
DIGESTS = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True)
class Shapes:
    """How a value may be written: `anyhow` in either case of its letters, `exactly` in that case alone."""

    anyhow: frozenset[bytes]
    exactly: frozenset[bytes]


@cache
def shapes(value: str) -> Shapes:
    """Return all that gives a value away to whoever sees it."""
    anyhow: set[bytes] = set()
    exactly: set[bytes] = set()
    for text in {value, value.lower(), value.upper(), value.strip()}:
        raw = text.encode()
        anyhow |= {
            raw,
            quote(text, safe="").encode(),
            quote_plus(text, safe="").encode(),
            json.dumps(text)[1:-1].encode(),
            html.escape(text).encode(),
            html.escape(text).replace("&#x27;", "&#39;").encode(),  # as our templates write it
        }
        if len(raw) >= ENCODED_FROM:
            anyhow.add(raw.hex().encode())
            exactly |= set(_in_base64(raw))
    return Shapes(frozenset(shape.lower() for shape in anyhow), frozenset(exactly))


@cache
def digests(value: str) -> Shapes:
    """Return what gives a value away to whoever guesses at it, where there is not too much to guess."""
    anyhow: set[bytes] = set()
    exactly: set[bytes] = set()
    for text in {value, value.lower(), value.upper()}:
        for name in DIGESTS:
            digest = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
            anyhow.add(digest.hex().encode())
            exactly |= {base64.b64encode(digest).rstrip(b"="), base64.urlsafe_b64encode(digest).rstrip(b"=")}
    return Shapes(frozenset(anyhow), frozenset(exactly))


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """Yield the characters that stand for a text wherever it begins: three ways, in either alphabet."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # The first and the last characters hold bits of what stands beside it.
        inner = encoded[(0, 2, 3)[shift] : len(encoded) - (0, 3, 2)[(len(raw) + shift) % 3]]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found(values: dict[str, str], text: bytes, *, guessed: bool = True) -> list[str]:
    """Return the names of the values that are in a text; `guessed`: or their digests, which are found by guessing."""
    lower = text.lower()
    names = []
    for name, value in values.items():
        looked_for = [shapes(value), *([digests(value)] if guessed else [])]
        if any(
            any(shape in lower for shape in each.anyhow) or any(shape in text for shape in each.exactly)
            for each in looked_for
        ):
            names.append(name)
    return sorted(names)


def found_alone(values: dict[str, str], text: bytes) -> list[str]:
    """Return as `found` does of values that are short: those that stand by themselves, between no other digits."""
    return sorted(
        name
        for name, value in values.items()
        if re.search(rb"(?<![0-9A-Za-z.])" + re.escape(value.encode()) + rb"(?![0-9A-Za-z])", text)
    )


async def tables(connection: asyncpg.Connection) -> dict[str, bytes]:
    """Return the rows of every table there is, of all schemas, as text."""
    names = [row["name"] for row in await connection.fetch(TABLES)]
    return {name: await _rows(connection, name) for name in names}


async def _rows(connection: asyncpg.Connection, table: str) -> bytes:
    rows = await connection.fetch(f"SELECT t::text FROM {table} t")
    # In a row, quotes and backslashes stand twice.
    return "\n".join(row[0].replace('""', '"').replace("\\\\", "\\") for row in rows).encode()


def found_in(values: dict[str, str], places: Iterable[tuple[str, bytes]], *, guessed: bool = True) -> list[str]:
    """Return `name in place` for whatever is found."""
    return [f"{name} in {place}" for place, text in places for name in found(values, text, guessed=guessed)]
