"""/console/interface-logs: which calls gateways asked about and how they were decided, newest first, to be searched."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from projections import applications, interfaces
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.pages import moments, rendering, way_on
from service.pages.console.administrator import seen_with
from service.pages.console.call_filters import (
    ANY,
    BEFORE,
    FIELDS,
    METHODS,
    OUTCOMES,
    REASONS,
    REFUSED,
    CallFilter,
    user_of,
    wanted,
)
from service.pages.console.called import names
from service.pages.console.grant_filters import address
from service.pages.console.opening import READ_CALLS
from service.pages.posted import ELSEWHERE, FAILED, html, parameters
from service.parts import PARTS
from service.store import interface_call_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator
    from service.pages.console.call_filters import Wanted

PATH = "/console/interface-logs"
SHOWN = 50
WHOLE_MINUTE = timedelta(minutes=1, microseconds=-1)


@seen_with(READ_CALLS)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the call log."""
    chosen = wanted(parameters(request, *FIELDS))
    found = await _found(request, who, chosen)
    fields = {name: value for name, value in chosen.fields.items() if name != BEFORE}
    return rendering.page(
        request,
        "console_calls.html",
        owner=await way_on.owner_of(request.app[PARTS], who.signed_in.organization),
        opens=who.opens,
        wanted=chosen,
        said=chosen.fields,
        about=await _about(request, who, chosen),
        outcomes=OUTCOMES,
        reasons=REASONS,
        methods=METHODS,
        calls=await _shown(request, who, found.rows, fields),
        first=address(PATH, fields),
        next=None if found.before is None else address(PATH, {**fields, BEFORE: found.before}),
    )


async def _found(request: web.Request, who: Administrator, chosen: Wanted) -> interface_call_pages.Page:
    """Return a page of the calls; the minute of `until` is a whole one."""
    return await interface_call_pages.page(
        request.app[PARTS].store.pool,
        who.signed_in.organization,
        resource=chosen.resource,
        interface=chosen.interface,
        application=chosen.application,
        user=await user_of(request, who, chosen.user),
        client_id=chosen.client,
        address=chosen.address,
        allowed=None if chosen.outcome == ANY else chosen.outcome != REFUSED,
        cause=None if chosen.cause == ANY else chosen.cause,
        method=None if chosen.method == ANY else chosen.method,
        path=chosen.path,
        since=chosen.since,
        until=None if chosen.until is None else chosen.until + WHOLE_MINUTE,
        before=chosen.before,
        limit=SHOWN,
    )


async def _about(request: web.Request, who: Administrator, chosen: Wanted) -> list[tuple[str, str]]:
    """Return what the log is narrowed to by id, each with the word for it: by name, where it is there by that name."""
    pool, organization = request.app[PARTS].store.pool, who.signed_in.organization
    found: list[tuple[str, str]] = []
    for word, identifier, one in (
        ("console_grants_application", chosen.application, applications.one),
        ("console_grants_interface", chosen.interface, interfaces.one),
        ("console_grants_resource", chosen.resource, interfaces.resource),
    ):
        if identifier is not None:
            row = await one(pool, identifier)
            named = row is not None and row["organization"] == organization and row["name"]
            found.append((word, named or str(identifier)))
    return found


async def _shown(
    request: web.Request, who: Administrator, rows: Sequence[asyncpg.Record], fields: dict[str, str]
) -> list[dict[str, Any]]:
    """Return what is shown of calls; whoever called leads to their other calls."""
    language = rendering.language_of(request)
    ids = {row[name] for row in rows for name in ("application", "user_id") if row[name] is not None}
    called = await names(request, who, ids)

    def also(**more: Any) -> str:
        return address(PATH, {**fields, **more})

    return [
        {
            "at": moments.stamp(row["at"], language, second=row["method"] is not None),
            "method": row["method"],
            "path": row["path"],
            "test": row["test"],
            "interface": row["interface_identifier"],
            "resource": row["resource_identifier"],
            "of_interface": row["interface"] and also(interface=row["interface"]),
            "application": called.get(row["application"], row["client_id"] or row["application"]),
            "of_application": row["application"] and also(application=row["application"]),
            "user": called.get(row["user_id"], row["user_id"]),
            "of_user": row["user_id"] and also(user=row["user_id"]),
            "address": row["address"],
            "status": row["status"],
            "cause": row["cause"],
            "count": row["count"],
            "request": str(row["id"]) if row["method"] is not None else None,
        }
        for row in rows
    ]


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The call log",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not see the call log."), **FAILED,
        },
        query=CallFilter,
    ),
)  # fmt: skip
