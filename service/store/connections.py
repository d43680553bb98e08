"""How the service connects: as the least-privileged role, read models first on the search path, bounded everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# What connecting raises. None of their texts holds the address, which may hold a password.
NO_CONNECTION = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
# A stalled holder of the lock of the log is ended before those who wait for it give up.
STALLED = "5s"
SERVICE_SETTINGS = {
    "role": "muniment_service",
    "search_path": "models, muniment",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": STALLED,
    "jit": "off",
    "timezone": "UTC",
}


class DatabaseUnreachable(Exception):
    """The database does not answer, or does not let this address in; the message says why."""


PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}
# A look-up finds a few rows by their keys. Of a thousand applications, the planner would rather hash them all.
BY_KEY = {"enable_hashjoin": "off", "enable_mergejoin": "off"}


async def pool(dsn: str, *, size: int, name: str, planned_once: bool = False) -> asyncpg.Pool:
    """Return a pool for reading, all its connections open already, so that no request pays for connecting.

    `planned_once` is for a few statements run thousands of times a second, whose plans never depend on their
    arguments: PostgreSQL would otherwise plan each run anew, which takes longer than to run them.
    """
    plans = {**PLANNED_ONCE, **BY_KEY} if planned_once else {}
    return await asyncpg.create_pool(
        dsn,
        min_size=size,
        max_size=size,
        max_inactive_connection_lifetime=0,
        command_timeout=30,
        reset=_as_it_was,
        server_settings={**SERVICE_SETTINGS, **plans, "application_name": name},
    )


async def _as_it_was(_: asyncpg.Connection) -> None:
    """Give a connection back without the driver's reset, a round trip a query: readers change nothing of a session."""


def connector(dsn: str, *, name: str) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """Return a function that opens one more connection of the service, under an application name."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, timeout=10, server_settings={**SERVICE_SETTINGS, "application_name": name})

    return connect


def named_connector(dsn: str) -> Callable[[str], Awaitable[asyncpg.Connection]]:
    """Return a function that opens connections for appending, each under the application name it is given."""

    async def connect(name: str) -> asyncpg.Connection:
        settings = {**SERVICE_SETTINGS, **PLANNED_ONCE, "application_name": name}
        return await asyncpg.connect(dsn, timeout=10, server_settings=settings)

    return connect


async def owner(dsn: str) -> asyncpg.Connection:
    """Return a connection with the rights of the address itself: for migrations and rebuilds.

    Every program opens it first. Raises DatabaseUnreachable.
    """
    settings = {"application_name": "muniment-owner", "jit": "off", "idle_in_transaction_session_timeout": STALLED}
    try:
        return await asyncpg.connect(dsn, timeout=10, server_settings=settings)
    except NO_CONNECTION as error:
        msg = f"the database cannot be used: {str(error) or 'no answer within 10 s'}"
        raise DatabaseUnreachable(msg) from error
