"""The API resources and interfaces that somebody at the console sees, and the page that tells of one that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from projections import interfaces as rows
from service.pages.console.administrator import told
from service.pages.posted import note
from service.parts import PARTS

if TYPE_CHECKING:
    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

PATH = "/console/interfaces"
RESOURCES = "/console/api-resources"


def of_resource(resource: UUID | str) -> str:
    """Return the path of the page of an API resource."""
    return f"{RESOURCES}/{resource}"


async def resource_of(request: web.Request, who: Administrator, text: str) -> asyncpg.Record | None:
    """Return an API resource that somebody sees, None when there is none of that id."""
    resource = _id(text)
    row = None if resource is None else await rows.resource(request.app[PARTS].store.pool, resource)
    return row if row is not None and who.caller.sees(row["organization"]) else None


async def interface_of(request: web.Request, who: Administrator, text: str) -> asyncpg.Record | None:
    """Return an interface that somebody sees, None when there is none of that id."""
    interface = _id(text)
    row = None if interface is None else await rows.one(request.app[PARTS].store.pool, interface)
    return row if row is not None and who.caller.sees(row["organization"]) else None


def no_resource(request: web.Request, who: Administrator) -> web.Response:
    """Return the page that tells that there is no such API resource."""
    note(request, 404, "unknown_api_resource", signed_in=who.signed_in)
    return told(request, "console_no_resource_title", "console_unknown_text", 404)


def no_interface(request: web.Request, who: Administrator) -> web.Response:
    """Return the page that tells that there is no such interface."""
    note(request, 404, "unknown_interface", signed_in=who.signed_in)
    return told(request, "console_no_interface_title", "console_unknown_text", 404)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
