"""/account: what somebody is here, what has access to it, and where they are signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections import consents as consented
from projections import sessions as rows
from projections import users
from service.authority import of_person
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.pages import moments, way_on
from service.pages.account.holder import PATH, UNTOUCHED, AccountLink, Filled, form_fields, seen, shown, told_done
from service.pages.browsers import named
from service.pages.console.opening import administers
from service.pages.person import person
from service.pages.posted import ELSEWHERE, FAILED, html
from service.pages.rendering import language_of
from service.pages.scope_words import described
from service.pages.standing import standing
from service.parts import PARTS
from service.store.journal import whence

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.account.holder import Holder

REVOKE = f"{PATH}/applications/revoke"
END = f"{PATH}/sessions/end"
OUTCOMES = (
    "revoked", "revoked_all", "ended", "ended_others",
    "profile_changed", "username_changed", "email_changed", "phone_changed", "phone_removed", "password_changed",
)  # fmt: skip


@seen(PATH, lately=False)
async def show(request: web.Request, who: Holder) -> web.StreamResponse:
    """Answer the account page."""
    return await page(request, who, notice=told_done(request, OUTCOMES))


async def page(
    request: web.Request,
    who: Holder,
    *,
    status: int = 200,
    notice: str = "",
    bad: bool = False,
    filled: Filled = UNTOUCHED,
) -> web.Response:
    """Return the account page."""
    parts = request.app[PARTS]
    language = language_of(request)
    return shown(
        request,
        "account.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=filled,
        person=await person(parts, who.user),
        own=await users.one(parts.store.pool, who.user),
        owner=await way_on.owner_of(parts, who.organization),
        applications=await _applications(request, who, language),
        sessions=await _sessions(request, who, language),
        revoking=form_fields(request, who, REVOKE),
        ending=form_fields(request, who, END),
        this=str(who.signed_in.id),
        administers=administers((await of_person(parts, who.signed_in)).caller),
    )


async def _applications(request: web.Request, who: Holder, language: str) -> list[dict[str, Any]]:
    parts = request.app[PARTS]
    now = parts.clock.now()
    return [
        {
            "id": str(row["application"]),
            "name": row["name"],
            "owner": row["organization_name"],
            "standing": standing(row, now, language),
            "scopes": await described(parts, who.organization, row["scope"], language),
            "since": moments.day(row["given_at"], language),
            "used": row["last_used"] and moments.day(row["last_used"], language),
        }
        for row in await consented.access_of(parts.store.pool, who.user)
    ]


async def _sessions(request: web.Request, who: Holder, language: str) -> list[dict[str, Any]]:
    """Return the sessions that live, the one that asks first."""
    parts = request.app[PARTS]
    live = await rows.of_user(parts.store.pool, who.user, parts.clock.now())
    known = await whence(parts.store.pool, [row["request_id"] for row in live])
    return [
        {
            "id": str(row["id"]),
            "own": row["id"] == who.signed_in.id,
            "browser": named(known[row["request_id"]]["user_agent"] if row["request_id"] in known else ""),
            "address": known[row["request_id"]]["address"] if row["request_id"] in known else None,
            "started": moments.minute(row["started_at"], language),
            "again": None
            if row["authenticated_at"] == row["started_at"]
            else moments.minute(row["authenticated_at"], language),
        }
        for row in sorted(live, key=lambda row: row["id"] != who.signed_in.id)
    ]


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The account page of whoever is signed in",
        {200: html("The page."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=AccountLink,
    ),
)  # fmt: skip
