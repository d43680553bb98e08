"""Which interface grants are shown, as the addresses of their pages say it and their forms repeat it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import pydantic

from projections import applications, interfaces
from service.pages.console import asked
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

APPLICATION, RESOURCE, SEARCH, STATUS, AFTER, DONE = "application", "resource", "search", "status", "after", "done"
FIELDS = (APPLICATION, RESOURCE, SEARCH, STATUS, AFTER)
ANY = "any"
STATUSES = (ANY, "pending", "effective", "rejected", "expired")
RESOURCES = 200
"""So many API resources can be chosen from; the others are found by what is looked for."""


class GrantFilter(pydantic.BaseModel):
    """Which grants: of an application, on an API resource, of a name or path, in a status, those `after` one.

    `done`: what was just done, to `count` of them, without `left` of them. `organization`: where to sign in, for
    somebody who is not signed in.
    """

    application: str = ""
    resource: str = ""
    search: str = ""
    status: str = ""
    after: str = ""
    done: str = ""
    count: str = ""
    left: str = ""
    organization: str = ""


class Filtered(pydantic.BaseModel):
    """A form that comes from a list, and leads back to it."""

    application: str = ""
    resource: str = ""
    search: str = ""
    status: str = ""
    after: str = ""
    organization: str = ""
    csrf: str = ""


class Wanted(NamedTuple):
    """A filter, read."""

    application: UUID | None = None
    resource: UUID | None = None
    search: str | None = None
    status: str = ANY
    after: UUID | None = None

    @property
    def fields(self) -> dict[str, str]:
        """What an address or a form has to say to come back to the same list."""
        said = {STATUS: None if self.status == ANY else self.status, AFTER: self.after}
        return {**self.chosen, **{name: str(value) for name, value in said.items() if value is not None}}

    @property
    def chosen(self) -> dict[str, str]:
        """What picks interfaces and applications, whatever became of the grants."""
        said = {APPLICATION: self.application, RESOURCE: self.resource, SEARCH: self.search}
        return {name: str(value) for name, value in said.items() if value is not None}

    @property
    def narrow(self) -> bool:
        """Whether there may be grants that it leaves out."""
        return bool(self.fields)


def wanted(values: Mapping[str, str]) -> Wanted:
    """Read a filter. Raises BadBody."""
    return Wanted(
        asked.identifier(values.get(APPLICATION)),
        asked.identifier(values.get(RESOURCE)),
        asked.text(values.get(SEARCH, "").strip()),
        asked.choice(values.get(STATUS), STATUSES),
        asked.identifier(values.get(AFTER)),
    )


def address(path: str, fields: Mapping[str, Any]) -> str:
    """Return a path with a query."""
    return f"{path}?{urlencode(fields)}" if fields else path


async def application_of(request: web.Request, who: Administrator, application: UUID | None) -> asyncpg.Record | None:
    """Return an application that somebody sees, None when there is none of that id."""
    row = None if application is None else await applications.one(request.app[PARTS].store.pool, application)
    return row if row is not None and row["organization"] == who.signed_in.organization else None


async def resources_of(request: web.Request, who: Administrator, chosen: UUID | None) -> list[dict[str, str]]:
    """Return the API resources to choose from, the one that is chosen among them, by id and name."""
    pool, organization = request.app[PARTS].store.pool, who.signed_in.organization
    rows = await interfaces.resources_page(pool, organization, search=None, after=UUID(int=0), limit=RESOURCES)
    if chosen is not None and all(row["id"] != chosen for row in rows):
        row = await interfaces.resource(pool, chosen)
        rows = [*rows, row] if row is not None and row["organization"] == organization else rows
    return [{"id": str(row["id"]), "name": row["name"]} for row in rows]
