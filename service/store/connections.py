"""How the service connects: as the least-privileged role, read models first on the search path, bounded everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SERVICE_SETTINGS = {
    "role": "muniment_service",
    "search_path": "models, muniment",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "jit": "off",
    "timezone": "UTC",
}


async def pool(dsn: str, *, size: int, name: str) -> asyncpg.Pool:
    """Return a pool for reading, all its connections open already, so that no request pays for connecting."""
    return await asyncpg.create_pool(
        dsn,
        min_size=size,
        max_size=size,
        max_inactive_connection_lifetime=0,
        command_timeout=30,
        reset=_as_it_was,
        server_settings={**SERVICE_SETTINGS, "application_name": name},
    )


async def _as_it_was(_: asyncpg.Connection) -> None:
    """Give a connection back without the driver's reset, a round trip a query: readers change nothing of a session."""


def connector(dsn: str, *, name: str) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """Return a function that opens one more connection of the service, under an application name."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, timeout=10, server_settings={**SERVICE_SETTINGS, "application_name": name})

    return connect


async def owner(dsn: str) -> asyncpg.Connection:
    """Return a connection with the rights of the address itself: for migrations and rebuilds."""
    return await asyncpg.connect(dsn, timeout=10, server_settings={"application_name": "muniment-owner", "jit": "off"})
