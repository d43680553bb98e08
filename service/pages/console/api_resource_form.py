"""The form of an API resource: a new one, or one that there is, all of it but its identifier.

The form says which values it was made with. When they are others by now, nothing is changed, and what was typed stays
beside what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.refusals import (
    IdentifierTaken,
    InvalidApiIdentifier,
    InvalidAudience,
    InvalidDescription,
    InvalidName,
    InvalidUri,
    TooManyApiResources,
    UnknownApiResource,
)
from service.commands import api_resources
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import way_on
from service.pages.console.administrator import done_with, form_fields, seen_with
from service.pages.console.filled import SEEN, UNTOUCHED, Fault, Filled, at_fault, digest, shown, typed
from service.pages.console.opening import WRITE_API
from service.pages.console.registry import RESOURCES, no_resource, of_resource, resource_of
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note
from service.parts import PARTS
from service.secrets.digests import same

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import asyncpg
    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.console.administrator import Administrator

NEW, EDIT = f"{RESOURCES}/new", f"{RESOURCES}/{{api_resource_id}}/edit"
IDENTIFIER = "identifier"
FIELDS = ("name", "uri", "audience", "description")
"""All that may be changed."""
FAULTS: dict[type[Refusal], Fault] = {
    InvalidApiIdentifier: Fault(IDENTIFIER, "console_identifier_wrong"),
    IdentifierTaken: Fault(IDENTIFIER, "console_resource_taken"),
    InvalidName: Fault("name", "console_name_wrong"),
    InvalidUri: Fault("uri", "console_uri_wrong"),
    InvalidAudience: Fault("audience", "console_audience_wrong"),
    InvalidDescription: Fault("description", "console_description_wrong"),
    TooManyApiResources: Fault("", "console_too_many_resources"),
}
REFUSED = tuple(FAULTS)


class ResourceLink(pydantic.BaseModel):
    """Where to sign in, for somebody who is not signed in."""

    organization: str = ""


class ResourceForm(pydantic.BaseModel):
    """What an API resource is to be. `seen`: which values the form was made with."""

    name: str
    uri: str = ""
    audience: str = ""
    description: str = ""
    seen: str = ""
    organization: str = ""
    csrf: str = ""


class NewResourceForm(ResourceForm):
    """What a new API resource is to be."""

    identifier: str


@seen_with(WRITE_API)
async def ask_new(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the form of a new API resource."""
    return await _new_page(request, who, UNTOUCHED)


@done_with(WRITE_API)
async def make(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Make an API resource."""
    values = typed(form, (IDENTIFIER, *FIELDS))
    try:
        made = await api_resources.create(
            request.app[PARTS].store,
            who.origin(request),
            who.caller,
            organization=who.signed_in.organization,
            identifier=values[IDENTIFIER],
            **_meant(values),
        )
    except REFUSED as refusal:
        status, filled = at_fault(request, who, refusal, FAULTS, values)
        return await _new_page(request, who, filled, status=status)
    return _back(request, who, made.value.id, "resource_made")


@seen_with(WRITE_API)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the form of an API resource."""
    row = await resource_of(request, who, request.match_info["api_resource_id"])
    return no_resource(request, who) if row is None else await _edit_page(request, who, row, UNTOUCHED)


@done_with(WRITE_API)
async def change(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Change what was changed in the form."""
    row = await resource_of(request, who, request.match_info["api_resource_id"])
    if row is None:
        return no_resource(request, who)
    known, values = _known(row), typed(form, FIELDS)
    if not same(form.get(SEEN, ""), digest(known)):
        note(request, 409, "stale_form", signed_in=who.signed_in)
        return await _edit_page(request, who, row, Filled(values, {"": "console_meanwhile"}), status=409)
    changed = {name: value for name, value in _meant(values).items() if values[name] != known[name]}
    parts = request.app[PARTS]
    try:
        if changed:
            await api_resources.change(parts.store, who.origin(request), who.caller, resource=row["id"], **changed)
    except UnknownApiResource:  # deleted meanwhile
        return no_resource(request, who)
    except REFUSED as refusal:
        status, filled = at_fault(request, who, refusal, FAULTS, values)
        return await _edit_page(request, who, row, filled, status=status)
    return _back(request, who, row["id"], "resource_changed")


def _meant(values: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as a command takes it: an empty field says that there is none."""
    return {"name": values["name"], **{name: values[name] or None for name in FIELDS if name != "name"}}


def _known(row: asyncpg.Record) -> dict[str, str]:
    """Return the values of an API resource as its form has them."""
    return {name: row[name] or "" for name in FIELDS}


async def _new_page(request: web.Request, who: Administrator, filled: Filled, *, status: int = 200) -> web.Response:
    return await _page(request, who, filled, status=status, path=NEW, fields=form_fields(request, who, NEW))


async def _edit_page(
    request: web.Request, who: Administrator, row: asyncpg.Record, filled: Filled, *, status: int = 200
) -> web.Response:
    """Return the form of an API resource, with what is known or what was typed, and what differs beside that."""
    known, path = _known(row), EDIT.format(api_resource_id=row["id"])
    values = filled.typed or known
    return await _page(
        request,
        who,
        Filled(values, filled.faults),
        status=status,
        path=path,
        fields={**form_fields(request, who, path), SEEN: digest(known)},
        resource={"id": str(row["id"]), "name": row["name"], "identifier": row["identifier"]},
        others={name: known[name] for name in FIELDS if "" in filled.faults and known[name] != values[name]},
    )


async def _page(
    request: web.Request,
    who: Administrator,
    filled: Filled,
    *,
    status: int,
    path: str,
    fields: Mapping[str, str],
    resource: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
) -> web.Response:
    """Return the form, of a new API resource unless there is one."""
    return shown(
        request,
        "console_api_resource_form.html",
        filled,
        status=status,
        owner=await way_on.owner_of(request.app[PARTS], who.signed_in.organization),
        opens=who.opens,
        resource=resource,
        path=path,
        fields=fields,
        others=others or {},
    )


def _back(request: web.Request, who: Administrator, resource: UUID, outcome: str) -> web.Response:
    home = {way_on.ORGANIZATION: str(who.signed_in.organization)}
    return way_on.to(request.app[PARTS], of_resource(resource), **home, done=outcome)


ASKED = {
    200: html("The form."),
    303: ELSEWHERE,
    400: html("A parameter cannot be read."),
    403: html("Whoever is signed in may not change API resources."),
    **FAILED,
}
DONE = {
    303: ELSEWHERE,
    400: html("The form cannot be read, or a value breaks a rule."),
    403: html("The form is none of ours, or whoever is signed in may not change API resources."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", NEW, ask_new, Group.PAGES, "pages", "The form of a new API resource", ASKED, query=ResourceLink,
    ),
    Endpoint(
        "POST", NEW, make, Group.PAGES, "pages", "Make an API resource",
        {**DONE, 409: html("The identifier is taken, or there are too many.")}, body=NewResourceForm, reads=(FORM,),
    ),
    Endpoint(
        "GET", EDIT, ask, Group.PAGES, "pages", "The form of an API resource",
        {**ASKED, 404: html("There is no such API resource.")}, query=ResourceLink,
    ),
    Endpoint(
        "POST", EDIT, change, Group.PAGES, "pages", "Change an API resource",
        {**DONE, 404: html("There is no such API resource."), 409: html("It was changed meanwhile.")},
        body=ResourceForm, reads=(FORM,),
    ),
)  # fmt: skip
