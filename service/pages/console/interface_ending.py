"""Deleting an interface, or an API resource with all of its interfaces, after a question that tells what ends with it.

The answer is about what the question told of: a resource that had no interface then and has one now is not deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.refusals import ApiResourceInUse, TooMuchAtOnce, UnknownApiResource, UnknownInterface
from projections import interface_grants
from projections import interfaces as rows
from service.commands import api_resources, interfaces
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console.administrator import done_with, form_fields, seen_with, told
from service.pages.console.opening import WRITE_API
from service.pages.console.registry import (
    PATH,
    RESOURCES,
    interface_of,
    no_interface,
    no_resource,
    of_resource,
    resource_of,
)
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

ONE, ALL = f"{PATH}/{{interface_id}}/delete", f"{RESOURCES}/{{api_resource_id}}/delete"
CASCADE = "cascade"


class EndingQuestion(pydantic.BaseModel):
    """Where to sign in, for somebody who is not signed in."""

    organization: str = ""


class InterfaceEndingForm(EndingQuestion):
    """The answer to the question about an interface."""

    csrf: str = ""


class ResourceEndingForm(InterfaceEndingForm):
    """The answer to the question about an API resource; `cascade`: it told of interfaces that end too."""

    cascade: str = ""


@seen_with(WRITE_API)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Ask whether an interface is to end, telling how many grants end with it."""
    row = await interface_of(request, who, request.match_info["interface_id"])
    if row is None:
        return no_interface(request, who)
    path = ONE.format(interface_id=row["id"])
    grants = await _grants(request, [row["id"]])
    return await _question(request, who, "interface", row, path, back=of_resource(row["resource"]), grants=grants)


@done_with(WRITE_API)
async def delete(request: web.Request, who: Administrator, _: Mapping[str, str]) -> web.StreamResponse:
    """Delete an interface."""
    row = await interface_of(request, who, request.match_info["interface_id"])
    if row is None:
        return no_interface(request, who)
    try:
        await interfaces.delete(request.app[PARTS].store, who.origin(request), who.caller, interface=row["id"])
    except UnknownInterface:  # deleted meanwhile
        return no_interface(request, who)
    except TooMuchAtOnce as refusal:
        return _too_much(request, who, refusal)
    return _back(request, who, of_resource(row["resource"]), "interface_deleted")


@seen_with(WRITE_API)
async def ask_all(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Ask whether an API resource is to end, telling how many interfaces and grants end with it."""
    row = await resource_of(request, who, request.match_info["api_resource_id"])
    return no_resource(request, who) if row is None else await _resource_question(request, who, row)


@done_with(WRITE_API)
async def delete_all(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Delete an API resource, and the interfaces that the question told of."""
    row = await resource_of(request, who, request.match_info["api_resource_id"])
    if row is None:
        return no_resource(request, who)
    parts, cascade = request.app[PARTS], bool(form.get(CASCADE))
    try:
        await api_resources.delete(parts.store, who.origin(request), who.caller, resource=row["id"], cascade=cascade)
    except UnknownApiResource:  # deleted meanwhile
        return no_resource(request, who)
    except ApiResourceInUse as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        return await _resource_question(request, who, row, status=status, notice="console_in_use_now")
    except TooMuchAtOnce as refusal:
        return _too_much(request, who, refusal)
    return _back(request, who, PATH, "resource_deleted")


async def _grants(request: web.Request, ids: Sequence[UUID]) -> int:
    """Return how many grants there are for interfaces, waiting ones included."""
    counted = await interface_grants.count_of(request.app[PARTS].store.pool, ids)
    return sum(counted.values())


async def _resource_question(
    request: web.Request, who: Administrator, row: asyncpg.Record, *, status: int = 200, notice: str = ""
) -> web.Response:
    ids = await rows.ids_of_resources(
        request.app[PARTS].store.pool, [row["id"]], limit=interfaces.INTERFACE_LIMIT + interfaces.SPARE
    )
    path, more = ALL.format(api_resource_id=row["id"]), {CASCADE: "yes"} if ids else {}
    return await _question(
        request, who, "resource", row, path, back=of_resource(row["id"]), interfaces=len(ids), more=more,
        grants=await _grants(request, ids), status=status, notice=notice,
    )  # fmt: skip


async def _question(
    request: web.Request,
    who: Administrator,
    kind: str,
    row: asyncpg.Record,
    path: str,
    *,
    back: str,
    more: Mapping[str, str] | None = None,
    status: int = 200,
    notice: str = "",
    **counts: Any,
) -> web.Response:
    return rendering.form_page(
        request,
        "console_interface_ending.html",
        status=status,
        kind=kind,
        name=row["name"],
        owner=await way_on.owner_of(request.app[PARTS], who.signed_in.organization),
        counts={name: f"{count:,}" for name, count in counts.items()},
        path=path,
        fields={**form_fields(request, who, path), **(more or {})},
        back=back,
        notice=notice,
    )


def _too_much(request: web.Request, who: Administrator, refusal: TooMuchAtOnce) -> web.Response:
    status = note_refusal(request, refusal, who.signed_in)
    return told(request, "console_stale_title", "console_too_much_text", status)


def _back(request: web.Request, who: Administrator, path: str, outcome: str) -> web.Response:
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], path, **home, done=outcome)


ASKED = {
    200: html("The question."),
    303: ELSEWHERE,
    400: html("A parameter is repeated."),
    403: html("Whoever is signed in may not delete it."),
    404: html("There is no such thing."),
    **FAILED,
}
DONE = {
    303: ELSEWHERE,
    400: html("The form cannot be read."),
    403: html("The form is none of ours, or whoever is signed in may not delete it."),
    404: html("There is no such thing."),
    409: html("It has interfaces by now, or too much would end at once."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint("GET", ONE, ask, Group.PAGES, "pages", "Ask before an interface ends", ASKED, query=EndingQuestion),
    Endpoint(
        "POST", ONE, delete, Group.PAGES, "pages", "Delete an interface", DONE, body=InterfaceEndingForm, reads=(FORM,),
    ),
    Endpoint("GET", ALL, ask_all, Group.PAGES, "pages", "Ask before an API resource ends", ASKED, query=EndingQuestion),
    Endpoint(
        "POST", ALL, delete_all, Group.PAGES, "pages", "Delete an API resource with its interfaces", DONE,
        body=ResourceEndingForm, reads=(FORM,),
    ),
)  # fmt: skip
