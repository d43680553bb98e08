"""/console/interface-grants: who may call which interface, by status, all of them or an application's, to be deleted.

For an application it is the way to ask for more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from domain.refusals import UnknownInterfaceGrant
from projections import interface_grant_pages
from service.commands import interface_grants
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, form_fields, seen_with, told
from service.pages.console.grant_filters import (
    AFTER,
    ANY,
    APPLICATION,
    DONE,
    FIELDS,
    STATUSES,
    Filtered,
    GrantFilter,
    Wanted,
    address,
    application_of,
    resources_of,
    wanted,
)
from service.pages.console.grant_rows import shown, usable
from service.pages.console.opening import APPROVE, READ_GRANT, REQUEST
from service.pages.console.tokens import unknown
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal, parameters
from service.pages.standing import standing
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.pages.console.administrator import Administrator

PATH = "/console/interface-grants"
DELETING, CHOOSING = f"{PATH}/delete", f"{PATH}/choose"
GRANT, COUNT = "grant", "count"
OUTCOMES = ("deleted", "requested")
SHOWN = 50


class GrantDeletion(Filtered):
    """Which grant ends; the rest is the list that it was chosen from."""

    grant: str


@seen_with(READ_GRANT)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the grants."""
    values = parameters(request, *FIELDS, DONE, COUNT)
    done = values.get(DONE, "")
    notice = f"console_grants_{done}" if done in OUTCOMES else ""
    return await page(request, who, wanted(values), notice=notice, count=asked.number(values.get(COUNT)) or 0)


async def page(
    request: web.Request,
    who: Administrator,
    chosen: Wanted,
    *,
    status: int = 200,
    notice: str = "",
    count: int = 0,
    bad: bool = False,
) -> web.Response:
    """Return the page of grants, with a notice of what was done (to `count` of them), or with a `bad` one."""
    application = await application_of(request, who, chosen.application)
    if application is None and chosen.application is not None:
        return unknown(request, who)
    parts, organization = request.app[PARTS], who.signed_in.organization
    now = parts.clock.now()
    rows = await interface_grant_pages.page(
        parts.store.pool,
        organization,
        application=chosen.application,
        resource=chosen.resource,
        interface=None,
        status=None if chosen.status == ANY else chosen.status,
        search=chosen.search,
        after=chosen.after or UUID(int=0),
        limit=SHOWN + 1,
        now=now,
    )
    fields = {name: value for name, value in chosen.fields.items() if name != AFTER}
    own = {APPLICATION: str(chosen.application)} if application is not None else {}
    return rendering.form_page(
        request,
        "console_grants.html",
        status=status,
        owner=await way_on.owner_of(parts, organization),
        opens=who.opens,
        wanted=chosen,
        application=application,
        standing=None if application is None else standing(application, now, rendering.language_of(request)),
        requests=who.may(REQUEST),
        choosing=address(CHOOSING, own) if application is not None and usable(application, now) else None,
        resources=await resources_of(request, who, chosen.resource),
        statuses=STATUSES,
        grants=await shown(request, who, rows[:SHOWN]),
        deletes=who.may(REQUEST),
        rejects=who.may(APPROVE),
        deleting={**form_fields(request, who, DELETING), **chosen.fields},
        plain=address(PATH, own),
        searched=chosen.fields.keys() != own.keys(),
        first=address(PATH, fields),
        next=address(PATH, {**fields, AFTER: rows[SHOWN - 1]["id"]}) if len(rows) > SHOWN else None,
        notice=notice,
        count=count,
        bad=bad,
    )


@done_with(REQUEST)
async def delete(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """End one grant, and go back to the list."""
    grant, chosen = asked.required(form.get(GRANT)), wanted(form)
    try:
        await interface_grants.delete(request.app[PARTS].store, who.origin(request), who.caller, grant=grant)
    except UnknownInterfaceGrant as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        if not who.may(READ_GRANT):  # by now: the list is for those who see grants
            return told(request, "console_stale_title", "form_stale", status)
        return await page(request, who, chosen, status=status, notice="form_stale", bad=True)
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], PATH, **home, **chosen.fields, **{DONE: "deleted"})


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The interface grants of an organization, or of an application",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not see interface grants."),
            404: html("There is no such application."), **FAILED,
        },
        query=GrantFilter,
    ),
    Endpoint(
        "POST", DELETING, delete, Group.PAGES, "pages", "Delete an interface grant",
        {
            303: ELSEWHERE, 400: html("The form cannot be read."),
            403: html("The form is none of ours, or whoever is signed in may not delete interface grants."),
            404: html("There is no such grant."), **UNREADABLE, **FAILED,
        },
        body=GrantDeletion, reads=(FORM,),
    ),
)  # fmt: skip
