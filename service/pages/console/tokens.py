"""/console/applications/{application_id}: the tokens of one application, the newest first, to be filtered and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from projections import applications, token_look_ups
from projections.token_look_ups import ACTIVE, BLOCKED, REVOKED
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.pages import moments, rendering, way_on
from service.pages.console.administrator import form_fields, seen_with, told
from service.pages.console.filters import (
    DONE,
    END_USER,
    FIELDS,
    KINDS,
    PATH,
    START,
    STATUSES,
    Filter,
    Wanted,
    address,
    wanted,
)
from service.pages.console.opening import READ, READ_USER, REVOKE
from service.pages.person import people
from service.pages.posted import ELSEWHERE, FAILED, html, note, parameters
from service.pages.standing import standing
from service.pages.words import WORDS
from service.parts import PARTS

if TYPE_CHECKING:
    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

REVOKING = "/console/tokens/revoke"
ALL = "/console/tokens/revoke-all"
APPLICATION = "application"
ENDABLE = (ACTIVE, BLOCKED)
REPLACED = "replaced"  # a refresh token by the next one
OUTCOMES = ("revoked", "revoked_all", "revoked_end_user")
SHOWN = 50


@seen_with(READ)
async def show(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the tokens of an application."""
    values = parameters(request, *FIELDS, DONE)
    row = await application_of(request, who, request.match_info["application_id"])
    if row is None:
        return unknown(request, who)
    done = values.get(DONE, "")
    return await page(request, who, row, wanted(values), notice=f"console_{done}" if done in OUTCOMES else "")


async def application_of(request: web.Request, who: Administrator, text: str) -> asyncpg.Record | None:
    """Return an application that somebody sees, None when there is none of that id."""
    try:
        application = UUID(text)
    except ValueError:
        return None
    row = await applications.one(request.app[PARTS].store.pool, application)
    return row if row is not None and who.caller.sees(row["organization"]) else None


def unknown(request: web.Request, who: Administrator) -> web.Response:
    """Return the page that tells that there is no such application."""
    note(request, 404, "unknown_application", signed_in=who.signed_in)
    return told(request, "console_unknown_title", "console_unknown_text", 404)


async def page(
    request: web.Request,
    who: Administrator,
    row: asyncpg.Record,
    chosen: Wanted,
    *,
    status: int = 200,
    notice: str = "",
    stale: bool = False,
) -> web.Response:
    """Return the page of an application's tokens, with a notice of what was done, or of a form that was `stale`."""
    parts, language, now = request.app[PARTS], rendering.language_of(request), request.app[PARTS].clock.now()
    look_up = chosen.look_up(row["organization"], row["id"])
    found = await token_look_ups.page(parts.store.pool, look_up, start=chosen.start, limit=SHOWN, now=now)
    return rendering.form_page(
        request,
        "console_tokens.html",
        status=status,
        owner=await way_on.owner_of(parts, row["organization"]),
        application={"id": str(row["id"]), "client_id": row["client_id"], "name": row["name"]},
        standing=standing(row, now, language),
        tokens=await _tokens(request, who, found.rows, language),
        blocked=any(row["status"] == "blocked" for row in found.rows),
        opens=who.opens,
        statuses=STATUSES,
        kinds=KINDS,
        wanted=chosen,
        revokes=who.may(REVOKE),
        revoking={
            **form_fields(request, who, REVOKING),
            APPLICATION: str(row["id"]),
            **chosen.fields,
        },
        all_path=_all_path(row["id"], chosen.end_user),
        next=None if found.next is None else address(row["id"], {**chosen.fields, START: str(found.next)}),
        first=address(row["id"], {name: value for name, value in chosen.fields.items() if name != START}),
        notice=notice,
        stale=stale,
    )


def _all_path(application: UUID, end_user: str | None) -> str:
    named = {APPLICATION: str(application), **({} if end_user is None else {END_USER: end_user})}
    return f"{ALL}?{urlencode(named)}"


async def _tokens(
    request: web.Request, who: Administrator, rows: list[asyncpg.Record], language: str
) -> list[dict[str, Any]]:
    """Return what is shown of tokens: their users by name to those who may see people, else by id."""
    users = {row["user_id"] for row in rows if row["user_id"] is not None}
    named = await people(request.app[PARTS], users) if users and who.may(READ_USER) else {}
    return [
        {
            "id": str(row["id"]),
            "status": row["status"],
            "because": _because(row, language),
            "endable": row["status"] in ENDABLE,
            "end_user": row["end_user"],
            "user": row["user_id"] and str(row["user_id"]),
            "person": named.get(row["user_id"]),
            "issued": moments.stamp(row["issued_at"], language),
            "expires": moments.stamp(row["expires_at"], language),
        }
        for row in rows
    ]


def _because(row: asyncpg.Record, language: str) -> str | None:
    """Return why a token was revoked, None where it was not, or nobody said."""
    if row["status"] != REVOKED:
        return None
    if row["ended_because"] == REPLACED:
        return WORDS[language]["console_replaced"]
    because: str | None = row["ended_because"]
    return because or (WORDS[language]["console_swept"] if row["swept"] else None)


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The tokens of an application",
        {
            200: html("The page."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not see tokens."), 404: html("There is no such application."), **FAILED,
        },
        query=Filter,
    ),
)  # fmt: skip
