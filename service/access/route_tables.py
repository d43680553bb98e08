"""The route tables that a worker remembers: never what decides, for each is checked against its resource's position."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from projections import access
from service.access.route_table import RouteTable, compiled
from service.coalescer import Coalescer

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

REMEMBERED = 100_000  # places of tables in all, some 40 MB
EMPTY = 16  # what a table takes up besides, in places


class RouteTables:
    """Route tables by resource, the least used forgotten first."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Take where interfaces are read."""
        self._pool = pool
        self._tables: OrderedDict[UUID, RouteTable] = OrderedDict()
        self._size = 0
        self._loads: Coalescer[UUID, RouteTable] = Coalescer(self._load)

    def remembered(self, resource: UUID) -> RouteTable | None:
        """Return the table of a resource as it was at some time, None when none is remembered."""
        table = self._tables.get(resource)
        if table is not None:
            self._tables.move_to_end(resource)
        return table

    async def load(self, resource: UUID) -> RouteTable | None:
        """Return the table of a resource as the database has it after this call began, None for an unknown one."""
        return await self._loads.get(resource)

    async def _load(self, resources: list[UUID]) -> dict[UUID, RouteTable]:
        found = {}
        for resource in resources:
            rows = await access.routes(self._pool, resource)
            if rows:
                found[resource] = await compiled(rows)
                self._remember(resource, found[resource])
            else:
                self._forget(resource)
        return found

    def _remember(self, resource: UUID, table: RouteTable) -> None:
        self._forget(resource)
        self._tables[resource] = table
        self._size += table.size + EMPTY
        while self._size > REMEMBERED and len(self._tables) > 1:
            _, forgotten = self._tables.popitem(last=False)
            self._size -= forgotten.size + EMPTY

    def _forget(self, resource: UUID) -> None:
        table = self._tables.pop(resource, None)
        if table is not None:
            self._size -= table.size + EMPTY
