"""The form of an interface: a new one of an API resource, or one that there is, all of it but its identifier.

The form says which values it was made with. When they are others by now, nothing is changed, and what was typed stays
beside what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.interface import Method
from domain.refusals import UnknownApiResource, UnknownInterface
from service.commands import interfaces
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console.administrator import done_with, form_fields, seen_with
from service.pages.console.filled import SEEN, UNTOUCHED, Filled, at_fault, digest, shown, typed
from service.pages.console.interface_fields import DEFAULTS, FAULTS, FIELDS, IDENTIFIER, known_of, meant
from service.pages.console.opening import WRITE_API
from service.pages.console.registry import PATH, interface_of, no_interface, no_resource, of_resource, resource_of
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, parameters
from service.pages.words import WORDS
from service.parts import PARTS
from service.secrets.digests import same

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

NEW, EDIT = f"{PATH}/new", f"{PATH}/{{interface_id}}/edit"
RESOURCE = "resource"
REFUSED = tuple(FAULTS)


class NewInterfaceLink(pydantic.BaseModel):
    """Of which API resource. `organization`: where to sign in, for somebody who is not signed in."""

    resource: str = ""
    organization: str = ""


class InterfaceLink(pydantic.BaseModel):
    """Where to sign in, for somebody who is not signed in."""

    organization: str = ""


class InterfaceForm(pydantic.BaseModel):
    """What an interface is to be. `seen`: which values the form was made with."""

    name: str
    method: str
    path: str
    frequency: str
    test_frequency: str
    scope: str
    submit_limited: str
    description: str = ""
    seen: str = ""
    organization: str = ""
    csrf: str = ""


class NewInterfaceForm(InterfaceForm):
    """What a new interface of an API resource is to be."""

    resource: str
    identifier: str


@seen_with(WRITE_API)
async def ask_new(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the form of a new interface."""
    resource = await resource_of(request, who, parameters(request, RESOURCE).get(RESOURCE, ""))
    if resource is None:
        return no_resource(request, who)
    return await _page(request, who, resource, Filled(DEFAULTS, {}))


@done_with(WRITE_API)
async def make(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Make an interface."""
    resource = await resource_of(request, who, form.get(RESOURCE, ""))
    if resource is None:
        return no_resource(request, who)
    parts, values = request.app[PARTS], typed(form, (IDENTIFIER, *FIELDS))
    try:
        await interfaces.create(
            parts.store,
            who.origin(request),
            who.caller,
            resource=resource["id"],
            identifier=values[IDENTIFIER],
            **meant(values),
        )
    except UnknownApiResource:  # deleted meanwhile
        return no_resource(request, who)
    except REFUSED as refusal:
        status, filled = at_fault(request, who, refusal, FAULTS, values)
        return await _page(request, who, resource, filled, status=status)
    return _back(request, who, resource["id"], "interface_made")


@seen_with(WRITE_API)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the form of an interface."""
    row = await interface_of(request, who, request.match_info["interface_id"])
    return no_interface(request, who) if row is None else await _edit_page(request, who, row, UNTOUCHED)


@done_with(WRITE_API)
async def change(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Change what was changed in the form."""
    row = await interface_of(request, who, request.match_info["interface_id"])
    if row is None:
        return no_interface(request, who)
    parts, known, values = request.app[PARTS], known_of(row), typed(form, FIELDS)
    if not same(form.get(SEEN, ""), digest(known)):
        note(request, 409, "stale_form", signed_in=who.signed_in)
        return await _edit_page(request, who, row, Filled(values, {"": "console_meanwhile"}), status=409)
    try:
        changed = {name: value for name, value in meant(values).items() if values[name] != known[name]}
        if changed:
            await interfaces.change(parts.store, who.origin(request), who.caller, interface=row["id"], **changed)
    except UnknownInterface:  # deleted meanwhile
        return no_interface(request, who)
    except REFUSED as refusal:
        status, filled = at_fault(request, who, refusal, FAULTS, values)
        return await _edit_page(request, who, row, filled, status=status)
    return _back(request, who, row["resource"], "interface_changed")


async def _edit_page(
    request: web.Request, who: Administrator, row: asyncpg.Record, filled: Filled, *, status: int = 200
) -> web.Response:
    """Return the form of an interface, with what is known or what was typed, and what differs beside that."""
    known, path = known_of(row), EDIT.format(interface_id=row["id"])
    values = filled.typed or known
    stale = "" in filled.faults
    others = {name: known[name] for name in FIELDS if stale and known[name] != values[name]}
    resource = {"id": row[RESOURCE], "name": row["resource_name"]}
    return await _page(
        request,
        who,
        resource,
        Filled(values, filled.faults),
        status=status,
        path=path,
        interface={"id": str(row["id"]), "name": row["name"], "identifier": row["identifier"]},
        fields={**form_fields(request, who, path), SEEN: digest(known)},
        others=others,
    )


async def _page(
    request: web.Request,
    who: Administrator,
    resource: Mapping[str, Any] | asyncpg.Record,
    filled: Filled,
    *,
    status: int = 200,
    path: str = NEW,
    interface: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the form, of a new interface unless there is one."""
    named = {**form_fields(request, who, NEW), RESOURCE: str(resource["id"])}
    told = WORDS[rendering.language_of(request)]["console_method_other"]
    return shown(
        request,
        "console_interface_form.html",
        filled,
        status=status,
        owner=await way_on.owner_of(request.app[PARTS], who.signed_in.organization),
        opens=who.opens,
        resource={"id": str(resource["id"]), "name": resource["name"]},
        interface=interface,
        path=path,
        fields=fields or named,
        others=others or {},
        methods={method.value: told if method is Method.ANY else method.value for method in Method},
    )


def _back(request: web.Request, who: Administrator, resource: object, outcome: str) -> web.Response:
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], of_resource(str(resource)), **home, done=outcome)


ASKED = {
    200: html("The form."),
    303: ELSEWHERE,
    400: html("A parameter cannot be read."),
    403: html("Whoever is signed in may not change interfaces."),
    **FAILED,
}
DONE = {
    303: ELSEWHERE,
    400: html("The form cannot be read, or a value breaks a rule."),
    403: html("The form is none of ours, or whoever is signed in may not change interfaces."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", NEW, ask_new, Group.PAGES, "pages", "The form of a new interface",
        {**ASKED, 404: html("There is no such API resource.")}, query=NewInterfaceLink,
    ),
    Endpoint(
        "POST", NEW, make, Group.PAGES, "pages", "Make an interface",
        {
            **DONE, 404: html("There is no such API resource."),
            409: html("The identifier or the address is taken, or there are too many."),
        },
        body=NewInterfaceForm, reads=(FORM,),
    ),
    Endpoint(
        "GET", EDIT, ask, Group.PAGES, "pages", "The form of an interface",
        {**ASKED, 404: html("There is no such interface.")}, query=InterfaceLink,
    ),
    Endpoint(
        "POST", EDIT, change, Group.PAGES, "pages", "Change an interface",
        {
            **DONE, 404: html("There is no such interface."),
            409: html("It was changed meanwhile, or the address is taken."),
        },
        body=InterfaceForm, reads=(FORM,),
    ),
)  # fmt: skip
