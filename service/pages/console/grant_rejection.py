"""The question before a grant is rejected that was found in the list: also one in effect, which ends by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from projections import interface_grant_pages
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import form_fields, seen_with, told
from service.pages.console.grant_filters import APPLICATION, address
from service.pages.console.grant_rows import shown
from service.pages.console.interface_grants import GRANT, PATH
from service.pages.console.opening import APPROVE, READ_GRANT
from service.pages.console.pending_grants import PATH as WAITING
from service.pages.console.pending_grants import REJECTING
from service.pages.posted import ELSEWHERE, FAILED, html, note, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.console.administrator import Administrator


class WhichGrant(pydantic.BaseModel):
    """Which grant it is about. `organization`: where to sign in, for somebody who is not signed in."""

    grant: str
    organization: str = ""


@seen_with(APPROVE)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Ask for the reason."""
    parts, grant = request.app[PARTS], asked.required(parameters(request, GRANT).get(GRANT))
    row = await interface_grant_pages.one(parts.store.pool, grant, parts.clock.now())
    if row is None or row["organization"] != who.signed_in.organization:
        note(request, 404, "unknown_interface_grant", signed_in=who.signed_in)
        return told(request, "console_grants_unknown_title", "console_grants_unknown_text", 404)
    [one] = await shown(request, who, [row])
    return rendering.form_page(
        request,
        "console_reject_grant.html",
        owner=await way_on.owner_of(parts, who.signed_in.organization),
        one=one,
        fields={**form_fields(request, who, REJECTING), GRANT: one["id"]},
        back=address(PATH, {APPLICATION: one["application_id"]}) if who.may(READ_GRANT) else WAITING,
    )


ENDPOINTS = (
    Endpoint(
        "GET", REJECTING, ask, Group.PAGES, "pages", "Ask why an interface grant is rejected",
        {
            200: html("The question."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not reject interface grants."),
            404: html("There is no such grant."), **FAILED,
        },
        query=WhichGrant,
    ),
)  # fmt: skip
