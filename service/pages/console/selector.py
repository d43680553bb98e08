"""The page on which interfaces are chosen for an application: found by API resource and name, ticked, and asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from projections import interface_grant_pages
from service.pages import rendering, way_on
from service.pages.console import asked, chosen
from service.pages.console.administrator import form_fields
from service.pages.console.grant_filters import AFTER, APPLICATION, RESOURCE, SEARCH, address, resources_of
from service.pages.console.grant_rows import usable
from service.pages.console.interface_grants import CHOOSING, PATH
from service.pages.console.opening import READ_GRANT
from service.pages.standing import standing
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

CHOSEN, FOLLOWING = "chosen", "following"
SHOWN = 25


class Choosing(NamedTuple):
    """Where somebody is in the selector."""

    resource: UUID | None
    search: str | None
    after: UUID | None
    chosen: frozenset[UUID]

    @property
    def fields(self) -> dict[str, str]:
        """What the address has to say to come back to the same place."""
        said = {RESOURCE: self.resource, SEARCH: self.search, AFTER: self.after, CHOSEN: chosen.written(self.chosen)}
        return {name: str(value) for name, value in said.items() if value}

    @property
    def filter(self) -> dict[str, str]:
        """What is looked for."""
        return {name: value for name, value in self.fields.items() if name in (RESOURCE, SEARCH)}


def choosing(values: Mapping[str, str]) -> Choosing:
    """Read where somebody is by an address, or by a form, in which what is chosen is ticked. Raises BadBody."""
    return Choosing(
        asked.identifier(values.get(RESOURCE)),
        asked.text(values.get(SEARCH, "").strip()),
        asked.identifier(values.get(AFTER)),
        chosen.read(values.get(CHOSEN)) | chosen.ticked(values),
    )


async def page(
    request: web.Request,
    who: Administrator,
    application: asyncpg.Record,
    at: Choosing,
    *,
    status: int = 200,
    notice: str = "",
    count: int = 0,
    bad: bool = False,
) -> web.Response:
    """Return the selector, with a notice of what was done (for `count` interfaces), or with a `bad` one."""
    parts = request.app[PARTS]
    now = parts.clock.now()
    rows = await interface_grant_pages.available(
        parts.store.pool,
        application["id"],
        resource=at.resource,
        search=at.search,
        after=at.after or UUID(int=0),
        limit=SHOWN + 1,
        now=now,
    )
    here, named = rows[:SHOWN], {APPLICATION: str(application["id"])}
    others = at.chosen - {row["id"] for row in here}
    elsewhere = await interface_grant_pages.chosen(parts.store.pool, application["id"], others, now) if others else []
    return rendering.form_page(
        request,
        "console_choose.html",
        status=status,
        owner=await way_on.owner_of(parts, application["organization"]),
        opens=who.opens,
        application=application,
        standing=standing(application, now, rendering.language_of(request)),
        usable=usable(application, now),
        wanted=at,
        resources=await resources_of(request, who, at.resource),
        interfaces=[_shown(row, at.chosen) for row in here],
        elsewhere=[_shown(row, at.chosen) for row in elsewhere],
        most=chosen.MOST,
        fields={**form_fields(request, who, CHOOSING), **named, AFTER: at.after or "", FOLLOWING: _following(rows)},
        more=len(rows) > SHOWN,
        back=address(PATH, named) if who.may(READ_GRANT) else "/console",
        notice=notice,
        count=count,
        bad=bad,
    )


def _following(rows: list[asyncpg.Record]) -> str:
    return str(rows[SHOWN - 1]["id"]) if len(rows) > SHOWN else ""


def _shown(row: asyncpg.Record, picked: frozenset[UUID]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "field": f"{chosen.PREFIX}{row['id']}",
        "ticked": row["id"] in picked,
        "name": row["name"],
        "address": f"{row['method']} {row['path']}",
        "resource": row["resource_name"],
        "scope": row["scope"],
        "frequency": row["frequency"],
    }
