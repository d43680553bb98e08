"""Asking for interfaces on behalf of an application: those that were chosen one by one, or all, after a question.

Without a script, each button of the selector sends its form; all but asking lead back to it, by an address that says
what is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import SignInOnly, ThirdPartyNotEffective, TooMuchAtOnce, UnknownApplication, UnknownInterface
from projections import interface_grant_pages
from service.commands import interface_grant_batches, interface_grants
from service.commands.interface_grants import Wanted
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked, chosen
from service.pages.console.administrator import done_with, form_fields, seen_with
from service.pages.console.grant_filters import (
    AFTER,
    APPLICATION,
    DONE,
    RESOURCE,
    SEARCH,
    address,
    application_of,
    resources_of,
)
from service.pages.console.interface_grants import CHOOSING, COUNT, PATH
from service.pages.console.opening import READ_GRANT, REQUEST
from service.pages.console.selector import CHOSEN, FOLLOWING, Choosing, choosing, page
from service.pages.console.tokens import unknown
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.console.administrator import Administrator

ALL = f"{PATH}/request-all"
DO = "do"
SEARCHING, RESET, NEXT, FIRST, CLEAR, REQUESTING, EVERY = "search", "reset", "next", "first", "clear", "request", "all"
STEPS = (SEARCHING, RESET, NEXT, FIRST, CLEAR, REQUESTING, EVERY)
"""What the buttons do. The first is the form's own, when somebody types on in a field."""
COUNTED = 1000
FAULTS: dict[type[Refusal], str] = {
    SignInOnly: "console_grants_not_usable",
    ThirdPartyNotEffective: "console_grants_not_usable",
    TooMuchAtOnce: "console_request_too_much",
}
REFUSED: tuple[type[Refusal], ...] = (*FAULTS, UnknownInterface)


class Selector(pydantic.BaseModel):
    """Where somebody is: for which application, what is looked for, where the page begins, and what is chosen so far.

    `done`: what was just done, for `count` interfaces. `organization`: where to sign in, for somebody who is not.
    """

    application: str
    resource: str = ""
    search: str = ""
    after: str = ""
    chosen: str = ""
    done: str = ""
    count: str = ""
    organization: str = ""


class ChooseForm(pydantic.BaseModel):
    """What to do next, by the name of a button. Each interface that is ticked is a field `pick.` and its id: `yes`."""

    application: str
    do: str = SEARCHING
    resource: str = ""
    search: str = ""
    after: str = ""
    following: str = ""
    organization: str = ""
    csrf: str = ""


class RequestAll(pydantic.BaseModel):
    """For which application all interfaces are to be asked for: those of an API resource, of a name or path."""

    application: str
    resource: str = ""
    search: str = ""
    organization: str = ""


class RequestAllForm(RequestAll):
    """The answer to the question."""

    csrf: str = ""


@seen_with(REQUEST)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the selector."""
    values = parameters(request, APPLICATION, RESOURCE, SEARCH, AFTER, CHOSEN, DONE, COUNT)
    row = await _application(request, who, values)
    if row is None:
        return unknown(request, who)
    notice = "console_grants_requested" if values.get(DONE) == "requested" else ""
    return await page(request, who, row, choosing(values), notice=notice, count=asked.number(values.get(COUNT)) or 0)


@done_with(REQUEST)
async def choose(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Do what a button of the selector says: ask for what is ticked, or lead back to the selector."""
    row = await _application(request, who, form)
    if row is None:
        return unknown(request, who)
    step, at = asked.choice(form.get(DO), STEPS), choosing(form)
    if len(at.chosen) > chosen.MOST:
        return await _refused(request, who, row, at, "console_request_too_many")
    if step == EVERY:
        return way_on.to(request.app[PARTS], ALL, **{APPLICATION: str(row["id"]), **at.filter})
    if step != REQUESTING:
        further = _moved(at, step, form)
        return way_on.to(request.app[PARTS], CHOOSING, **{APPLICATION: str(row["id"]), **further.fields})
    return await _request(request, who, row, at)


async def _request(request: web.Request, who: Administrator, row: asyncpg.Record, at: Choosing) -> web.StreamResponse:
    if not at.chosen:
        return await _refused(request, who, row, at, "console_request_none")
    try:
        done = await interface_grants.request(
            request.app[PARTS].store,
            who.origin(request),
            who.caller,
            application=row["id"],
            interfaces=[Wanted(interface) for interface in sorted(at.chosen)],
        )
    except UnknownApplication as refusal:  # deleted meanwhile
        note_refusal(request, refusal, who.signed_in)
        return unknown(request, who)
    except REFUSED as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        notice = FAULTS.get(type(refusal), "form_stale")
        return await page(request, who, row, at, status=status, notice=notice, bad=True)
    return _requested(request, who, row, len(done.value.grants))


def _moved(at: Choosing, step: str, form: Mapping[str, str]) -> Choosing:
    if step == RESET:
        return Choosing(None, None, None, at.chosen)
    if step == CLEAR:
        return at._replace(chosen=frozenset())
    return at._replace(after=asked.identifier(form.get(FOLLOWING)) if step == NEXT else None)


async def _refused(
    request: web.Request, who: Administrator, row: asyncpg.Record, at: Choosing, notice: str
) -> web.Response:
    note(request, 400, notice.removeprefix("console_"), signed_in=who.signed_in)
    return await page(request, who, row, at, status=400, notice=notice, bad=True)


@seen_with(REQUEST)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Ask whether all interfaces are to be asked for, telling how many there are."""
    values = parameters(request, APPLICATION, RESOURCE, SEARCH)
    row = await _application(request, who, values)
    if row is None:
        return unknown(request, who)
    return await _question(request, who, row, choosing(values))


async def _question(
    request: web.Request, who: Administrator, row: asyncpg.Record, at: Choosing, *, status: int = 200, notice: str = ""
) -> web.Response:
    parts, named = request.app[PARTS], {APPLICATION: str(row["id"])}
    count = await interface_grant_pages.available_count(
        parts.store.pool,
        row["id"],
        resource=at.resource,
        search=at.search,
        most=COUNTED + 1,
        now=parts.clock.now(),
    )
    resources = await resources_of(request, who, at.resource)
    return rendering.form_page(
        request,
        "console_request_all.html",
        status=status,
        owner=await way_on.owner_of(parts, row["organization"]),
        application=row["name"],
        resource=next((one["name"] for one in resources if one["id"] == str(at.resource)), None),
        search=at.search,
        count=min(count, COUNTED),
        more=count > COUNTED,
        fields={**form_fields(request, who, ALL), **named, **at.filter},
        back=address(CHOOSING, {**named, **at.filter}),
        notice=notice,
    )


@done_with(REQUEST)
async def request_all(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Ask for all interfaces, or for all that were looked for."""
    row = await _application(request, who, form)
    if row is None:
        return unknown(request, who)
    at = choosing(form)
    try:
        done = await interface_grant_batches.request_all(
            request.app[PARTS].store,
            who.origin(request),
            who.caller,
            application=row["id"],
            resource=at.resource,
            search=at.search,
        )
    except UnknownApplication as refusal:  # deleted meanwhile
        note_refusal(request, refusal, who.signed_in)
        return unknown(request, who)
    except REFUSED as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        return await _question(request, who, row, at, status=status, notice=FAULTS.get(type(refusal), "form_stale"))
    return _requested(request, who, row, done.value)


def _requested(request: web.Request, who: Administrator, row: asyncpg.Record, count: int) -> web.Response:
    told = {APPLICATION: str(row["id"]), DONE: "requested", COUNT: str(count)}
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], PATH if who.may(READ_GRANT) else CHOOSING, **home, **told)


async def _application(request: web.Request, who: Administrator, values: Mapping[str, str]) -> asyncpg.Record | None:
    return await application_of(request, who, asked.required(values.get(APPLICATION)))


SEEN = {
    303: ELSEWHERE,
    400: html("A parameter cannot be read."),
    403: html("Whoever is signed in may not ask for interfaces."),
    404: html("There is no such application."),
    **FAILED,
}
ACTED = {
    303: ELSEWHERE,
    400: html("The form cannot be read, or nothing is chosen, or too much."),
    403: html("The form is none of ours, or whoever is signed in may not ask for interfaces."),
    404: html("There is no such application, or an interface that was chosen is gone."),
    409: html("The application may not call interfaces at the moment, or it is too much at once."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", CHOOSING, show, Group.PAGES, "pages", "Choose interfaces for an application",
        {200: html("The page."), **SEEN}, query=Selector,
    ),
    Endpoint(
        "POST", CHOOSING, choose, Group.PAGES, "pages", "Ask for the interfaces that are chosen, or choose on",
        ACTED, body=ChooseForm, reads=(FORM,),
    ),
    Endpoint(
        "GET", ALL, ask, Group.PAGES, "pages", "Ask before all interfaces are asked for",
        {200: html("The question."), **SEEN}, query=RequestAll,
    ),
    Endpoint(
        "POST", ALL, request_all, Group.PAGES, "pages", "Ask for all interfaces, or all that were looked for",
        ACTED, body=RequestAllForm, reads=(FORM,),
    ),
)  # fmt: skip
