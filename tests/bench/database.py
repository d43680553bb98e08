"""The databases that the benchmark itself needs: embedded PostgreSQL, as durable as a server in earnest."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from service.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class NotDurable(Exception):
    """The database may lose what it has acknowledged, so nothing measured on it counts."""


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run PostgreSQL on a new data folder and yield its DSN. Raises NotDurable."""
    embedded = EmbeddedPostgres(folder)
    dsn = embedded.start()
    try:
        asyncio.run(_insist_on_durability(dsn))
        yield dsn
    finally:
        embedded.stop()


async def _insist_on_durability(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        off = [name for name in DURABLE if await connection.fetchval(f"SHOW {name}") != "on"]
    finally:
        await connection.close()
    if off:
        message = f"not on: {', '.join(off)}"
        raise NotDurable(message)
