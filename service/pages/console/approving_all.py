"""Approving all interface grants that wait, or all that were looked for, after a question that counts them.

None is approved that was requested after the list was shown, and none that whoever is signed in asked for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pydantic

from domain.refusals import InvalidExpiry
from projections import interface_grant_pages
from service.commands import interface_grant_batches
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, form_fields, seen_with
from service.pages.console.grant_filters import (
    APPLICATION,
    DONE,
    RESOURCE,
    SEARCH,
    Wanted,
    address,
    application_of,
    resources_of,
    wanted,
)
from service.pages.console.interface_approvals import COUNT, LEFT, UNTIL
from service.pages.console.opening import APPROVE
from service.pages.console.pending_grants import ALL, PATH, SUBMITTED_BEFORE
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiohttp import web

    from service.pages.console.administrator import Administrator

COUNTED = 1000


class ApproveAll(pydantic.BaseModel):
    """Which of those that waited at a time are to be approved: of an application, on an API resource, of a name."""

    submitted_before: str
    application: str = ""
    resource: str = ""
    search: str = ""
    organization: str = ""


class ApproveAllForm(ApproveAll):
    """The answer to the question: until the end of which day; where none is said, for as long as was asked for."""

    until: str = ""
    csrf: str = ""


@seen_with(APPROVE)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Ask whether all are to be approved, telling how many there are."""
    values = parameters(request, APPLICATION, RESOURCE, SEARCH, SUBMITTED_BEFORE)
    return await _question(request, who, wanted(values), asked.moment(values.get(SUBMITTED_BEFORE)))


async def _question(
    request: web.Request,
    who: Administrator,
    chosen: Wanted,
    before: datetime,
    *,
    status: int = 200,
    notice: str = "",
) -> web.Response:
    parts, organization = request.app[PARTS], who.signed_in.organization
    now = parts.clock.now()
    count = await interface_grant_pages.pending_count(
        parts.store.pool,
        organization,
        application=chosen.application,
        resource=chosen.resource,
        search=chosen.search,
        submitted_before=before,
        most=COUNTED + 1,
    )
    application = await application_of(request, who, chosen.application)
    resources = await resources_of(request, who, chosen.resource)
    return rendering.form_page(
        request,
        "console_approve_all.html",
        status=status,
        owner=await way_on.owner_of(parts, organization),
        application=None if application is None else application["name"],
        resource=next((one["name"] for one in resources if one["id"] == str(chosen.resource)), None),
        search=chosen.search,
        count=min(count, COUNTED),
        more=count > COUNTED,
        tomorrow=(now + timedelta(days=1)).date().isoformat(),
        fields={**form_fields(request, who, ALL), **chosen.chosen, SUBMITTED_BEFORE: before.isoformat()},
        back=address(PATH, chosen.chosen),
        notice=notice,
    )


@done_with(APPROVE)
async def approve_all(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Approve all that waited when the list was shown, and tell how many that were."""
    chosen, before = wanted(form), asked.moment(form.get(SUBMITTED_BEFORE))
    try:
        done = await interface_grant_batches.approve_all(
            request.app[PARTS].store,
            who.origin(request),
            who.caller,
            organization=who.signed_in.organization,
            application=chosen.application,
            resource=chosen.resource,
            search=chosen.search,
            submitted_before=before,
            expires_at=asked.end_of(form[UNTIL], UNTIL) if form.get(UNTIL) else None,
        )
    except InvalidExpiry as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        return await _question(request, who, chosen, before, status=status, notice="console_until_wrong")
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    told = {DONE: "approved_all", COUNT: str(done.value.approved), LEFT: str(done.value.left_out)}
    return way_on.to(request.app[PARTS], PATH, **{**home, **chosen.chosen, **told})


ENDPOINTS = (
    Endpoint(
        "GET", ALL, ask, Group.PAGES, "pages", "Ask before all interface grants that wait are approved",
        {
            200: html("The question."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not approve interface grants."), **FAILED,
        },
        query=ApproveAll,
    ),
    Endpoint(
        "POST", ALL, approve_all, Group.PAGES, "pages", "Approve all interface grants that waited at a time",
        {
            303: ELSEWHERE, 400: html("The form cannot be read, or the day is past."),
            403: html("The form is none of ours, or whoever is signed in may not approve interface grants."),
            **UNREADABLE, **FAILED,
        },
        body=ApproveAllForm, reads=(FORM,),
    ),
)  # fmt: skip
