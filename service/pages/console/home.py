"""/console: what somebody may do here, and the applications of their organization, to be searched and opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from projections import application_search
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import seen_with
from service.pages.console.opening import (
    APPROVE,
    OPENING,
    READ,
    READ_API,
    READ_CALLS,
    READ_GRANT,
    REQUEST,
    REVOKE,
    WRITE_API,
)
from service.pages.person import person
from service.pages.posted import ELSEWHERE, FAILED, html, parameters
from service.pages.standing import standing
from service.parts import PARTS

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.console.administrator import Administrator

PATH = "/console"
SEARCH, START = "search", "start"
SHOWN = 25
PERMISSIONS = (READ, REVOKE, APPROVE, READ_API, WRITE_API, READ_GRANT, REQUEST, READ_CALLS)


class Search(pydantic.BaseModel):
    """Which applications: `search` is a part of name or client id, or the id; `start` is where the page begins.

    `organization`: where to sign in, for somebody who is not signed in.
    """

    search: str = ""
    start: str = ""
    organization: str = ""


@seen_with(*OPENING)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the first page of the console."""
    parts = request.app[PARTS]
    told = parameters(request, SEARCH, START)
    search, start = asked.text(told.get(SEARCH, "").strip()), asked.identifier(told.get(START))
    rows = await _rows(request, who, search, start) if who.may(READ, READ_GRANT) else []
    return rendering.page(
        request,
        "console.html",
        person=await person(parts, who.signed_in.user),
        owner=await way_on.owner_of(parts, who.signed_in.organization),
        may=[permission for permission in PERMISSIONS if who.may(permission)],
        opens=who.opens,
        sees=who.may(READ, READ_GRANT),
        sees_tokens=who.may(READ),
        sees_grants=who.may(READ_GRANT),
        applications=rows[:SHOWN],
        search=search or "",
        further=start is not None,
        next=rows[SHOWN]["id"] if len(rows) > SHOWN else None,
    )


async def _rows(request: web.Request, who: Administrator, search: str | None, start: Any) -> list[dict[str, Any]]:
    """Return the applications of a page, and the one that the next page begins with."""
    parts, language = request.app[PARTS], rendering.language_of(request)
    rows = await application_search.found(
        parts.store.pool, who.signed_in.organization, search, start=start, limit=SHOWN + 1
    )
    now = parts.clock.now()
    return [
        {
            "id": str(row["id"]),
            "name": row["name"],
            "client_id": row["client_id"],
            "standing": standing(row, now, language),
        }
        for row in rows
    ]


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The console of whoever is signed in",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in has nothing to do here."), **FAILED,
        },
        query=Search,
    ),
)  # fmt: skip
