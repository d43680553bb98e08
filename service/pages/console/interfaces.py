"""/console/interfaces: the API resources of an organization, to be searched and opened, and its submit limit.

The submit limit is a setting of the organization: whoever may change those settings may change it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pydantic

from projections import accounts
from projections import interfaces as rows
from service.commands import accounts as commands
from service.http.body import BadBody
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, form_fields, seen_with
from service.pages.console.opening import READ_API, WRITE_API, WRITE_ORG
from service.pages.console.registry import PATH
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.pages.console.administrator import Administrator

LIMITING = f"{PATH}/submit-limit"
SEARCH, AFTER, DONE, LIMITED = "search", "after", "done", "limited"
YES, NO = "yes", "no"
OUTCOMES = ("resource_deleted", "limit_set", "limit_lifted")
SHOWN = 25


class ResourceSearch(pydantic.BaseModel):
    """Which API resources: `search` is a part of name or identifier; `after` is the one that the page follows.

    `done`: what was just done. `organization`: where to sign in, for somebody who is not signed in.
    """

    search: str = ""
    after: str = ""
    done: str = ""
    organization: str = ""


class LimitForm(pydantic.BaseModel):
    """Whether calls that may change something are refused, whatever interface they are for."""

    limited: Literal["yes", "no"]
    organization: str = ""
    csrf: str = ""


@seen_with(READ_API)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the page."""
    parts, organization = request.app[PARTS], who.signed_in.organization
    values = parameters(request, SEARCH, AFTER, DONE)
    search, after = asked.text(values.get(SEARCH, "").strip()), asked.identifier(values.get(AFTER))
    done = values.get(DONE, "")
    found = await rows.resources_page(
        parts.store.pool, organization, search=search, after=after or UUID(int=0), limit=SHOWN + 1
    )
    whose: Any = await accounts.one(parts.store.pool, organization)
    return rendering.form_page(
        request,
        "console_interfaces.html",
        owner=whose["name"],
        opens=who.opens,
        writes=who.may(WRITE_API),
        limits=who.may(WRITE_ORG),
        limited=whose["submit_limited"],
        limiting=form_fields(request, who, LIMITING),
        resources=[
            {"id": str(row["id"]), "name": row["name"], "identifier": row["identifier"]} for row in found[:SHOWN]
        ],
        search=search or "",
        further=after is not None,
        next=found[SHOWN - 1]["id"] if len(found) > SHOWN else None,
        notice=f"console_{done}" if done in OUTCOMES else "",
    )


@done_with(WRITE_ORG)
async def limit(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Set the organization's submit limit, or lift it."""
    parts, chosen = request.app[PARTS], form.get(LIMITED)
    if chosen not in (YES, NO):
        raise BadBody("The form does not say what it is about")
    organization = who.signed_in.organization
    await commands.change_settings(
        parts.store, who.origin(request), who.caller, account=organization, submit_limited=chosen == YES
    )
    done = "limit_set" if chosen == YES else "limit_lifted"
    return way_on.to(parts, PATH, **{way_on.ORGANIZATION: str(organization), DONE: done})


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The API resources of an organization",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not see interfaces."), **FAILED,
        },
        query=ResourceSearch,
    ),
    Endpoint(
        "POST", LIMITING, limit, Group.PAGES, "pages", "Set or lift an organization's submit limit",
        {
            303: ELSEWHERE, 400: html("The form cannot be read."),
            403: html("The form is none of ours, or whoever is signed in may not change the organization's settings."),
            **UNREADABLE, **FAILED,
        },
        body=LimitForm, reads=(FORM,),
    ),
)  # fmt: skip
