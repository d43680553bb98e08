"""The interfaces of one API resource, or of all of an organization's, to be searched: what is called, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import pydantic

from domain.interface import Method, Scope
from projections import interfaces as rows
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.pages import moments, rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import seen_with
from service.pages.console.opening import READ_API, WRITE_API
from service.pages.console.registry import PATH, RESOURCES, no_resource, of_resource, resource_of
from service.pages.posted import ELSEWHERE, FAILED, html, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

ALL, ONE = f"{PATH}/all", f"{RESOURCES}/{{api_resource_id}}"
SEARCH, METHOD, SCOPE, AFTER, DONE = "search", "method", "scope", "after", "done"
ANY = "any"
METHODS = (ANY, *(method.value for method in Method))
SCOPES = (ANY, *(scope.value for scope in Scope))
OUTCOMES = ("resource_made", "resource_changed", "interface_made", "interface_changed", "interface_deleted")
SHOWN = 50


class InterfaceFilter(pydantic.BaseModel):
    """Which interfaces: `search` is a part of name, identifier or path; `after` is the one that the page follows.

    `done`: what was just done. `organization`: where to sign in, for somebody who is not signed in.
    """

    search: str = ""
    method: str = ""
    scope: str = ""
    after: str = ""
    done: str = ""
    organization: str = ""


class Wanted(NamedTuple):
    """A filter, read."""

    search: str | None
    method: str
    scope: str
    after: UUID | None

    @property
    def fields(self) -> dict[str, str]:
        """What an address has to say to come back to the same list, but for its page."""
        said = {SEARCH: self.search or "", METHOD: self.method, SCOPE: self.scope}
        return {name: value for name, value in said.items() if value not in ("", ANY)}


@seen_with(READ_API)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the interfaces of an API resource."""
    resource = await resource_of(request, who, request.match_info["api_resource_id"])
    if resource is None:
        return no_resource(request, who)
    return await _page(request, who, resource)


@seen_with(READ_API)
async def show_all(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the interfaces of all API resources."""
    return await _page(request, who, None)


async def _page(request: web.Request, who: Administrator, resource: asyncpg.Record | None) -> web.Response:
    parts, organization = request.app[PARTS], who.signed_in.organization
    values = parameters(request, SEARCH, METHOD, SCOPE, AFTER, DONE)
    wanted, done = _wanted(values), values.get(DONE, "")
    found = await rows.page(
        parts.store.pool,
        organization,
        resource=None if resource is None else resource["id"],
        search=wanted.search,
        method=None if wanted.method == ANY else wanted.method,
        scope=None if wanted.scope == ANY else wanted.scope,
        after=wanted.after or UUID(int=0),
        limit=SHOWN + 1,
    )
    path = ALL if resource is None else of_resource(resource["id"])
    following = found[SHOWN - 1]["id"] if len(found) > SHOWN else None
    return rendering.page(
        request,
        "console_interface_list.html",
        owner=await way_on.owner_of(parts, organization),
        opens=who.opens,
        writes=who.may(WRITE_API),
        resource=None if resource is None else _resource(resource, rendering.language_of(request)),
        path=path,
        methods=METHODS,
        scopes=SCOPES,
        wanted=wanted,
        interfaces=[_interface(row) for row in found[:SHOWN]],
        next=None if following is None else _address(path, {**wanted.fields, AFTER: str(following)}),
        first=_address(path, wanted.fields),
        notice=f"console_{done}" if done in OUTCOMES else "",
    )


def _wanted(values: Mapping[str, str]) -> Wanted:
    """Read a filter. Raises BadBody."""
    return Wanted(
        asked.text(values.get(SEARCH, "").strip()),
        asked.choice(values.get(METHOD), METHODS),
        asked.choice(values.get(SCOPE), SCOPES),
        asked.identifier(values.get(AFTER)),
    )


def _address(path: str, fields: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(fields)}" if fields else path


def _resource(row: asyncpg.Record, language: str) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        **{name: row[name] for name in ("name", "identifier", "uri", "audience", "description")},
        "made": moments.minute(row["created_at"], language),
        "changed": moments.minute(row["updated_at"], language),
    }


def _interface(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "resource": str(row["resource"]),
        **{
            name: row[name]
            for name in ("name", "identifier", "method", "path", "scope", "submit_limited", "resource_name")
        },
        "frequency": f"{row['frequency']:,}",
        "test_frequency": f"{row['test_frequency']:,}",
    }


SEEN = {
    200: html("The page."),
    303: ELSEWHERE,
    400: html("A parameter cannot be read."),
    403: html("Whoever is signed in may not see interfaces."),
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", ALL, show_all, Group.PAGES, "pages", "The interfaces of an organization", SEEN, query=InterfaceFilter,
    ),
    Endpoint(
        "GET", ONE, show, Group.PAGES, "pages", "The interfaces of an API resource",
        {**SEEN, 404: html("There is no such API resource.")}, query=InterfaceFilter,
    ),
)  # fmt: skip
