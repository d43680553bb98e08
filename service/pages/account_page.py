"""What the account page shows: each application with access, in words, and each live session by browser and address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections import consents as access
from projections import sessions as rows
from service.authority import of_person
from service.pages import csrf, moments, rendering, way_on
from service.pages.browsers import named
from service.pages.console.opening import administers
from service.pages.person import person
from service.pages.scope_words import described
from service.pages.standing import standing
from service.parts import PARTS
from service.store.journal import whence

if TYPE_CHECKING:
    from aiohttp import web

    from service.sessions import SignedIn

REVOKE = "/account/applications/revoke"
END = "/account/sessions/end"
OUTCOMES = ("revoked", "revoked_all", "ended", "ended_others")


async def page(
    request: web.Request, signed_in: SignedIn, *, status: int = 200, done: str = "", stale: bool = False
) -> web.Response:
    """Return the page, with what was just `done` told on it, or that a form was `stale`."""
    parts = request.app[PARTS]
    language = rendering.language_of(request)
    shown = csrf.shown_to(request, signed_in)
    home = {way_on.ORGANIZATION: str(signed_in.organization)}  # where to sign in once the session is over
    notice = "form_stale" if stale else f"account_{done}" if done in OUTCOMES else ""
    return rendering.form_page(
        request,
        "account.html",
        status=status,
        person=await person(parts, signed_in.user),
        owner=await way_on.owner_of(parts, signed_in.organization),
        applications=await _applications(request, signed_in, language),
        sessions=await _sessions(request, signed_in, language),
        revoking={**home, csrf.FIELD: csrf.token(parts, REVOKE, shown)},
        ending={**home, csrf.FIELD: csrf.token(parts, END, shown)},
        own=str(signed_in.id),
        administers=administers((await of_person(parts, signed_in)).caller),
        notice=notice,
        stale=stale,
    )


async def _applications(request: web.Request, signed_in: SignedIn, language: str) -> list[dict[str, Any]]:
    parts = request.app[PARTS]
    now = parts.clock.now()
    return [
        {
            "id": str(row["application"]),
            "name": row["name"],
            "owner": row["organization_name"],
            "standing": standing(row, now, language),
            "scopes": await described(parts, signed_in.organization, row["scope"], language),
            "since": moments.day(row["given_at"], language),
            "used": row["last_used"] and moments.day(row["last_used"], language),
        }
        for row in await access.access_of(parts.store.pool, signed_in.user)
    ]


async def _sessions(request: web.Request, signed_in: SignedIn, language: str) -> list[dict[str, Any]]:
    """Return the sessions that live, the one that asks first."""
    parts = request.app[PARTS]
    live = await rows.of_user(parts.store.pool, signed_in.user, parts.clock.now())
    seen = await whence(parts.store.pool, [row["request_id"] for row in live])
    return [
        {
            "id": str(row["id"]),
            "own": row["id"] == signed_in.id,
            "browser": named(seen[row["request_id"]]["user_agent"] if row["request_id"] in seen else ""),
            "address": seen[row["request_id"]]["address"] if row["request_id"] in seen else None,
            "started": moments.minute(row["started_at"], language),
            "again": None
            if row["authenticated_at"] == row["started_at"]
            else moments.minute(row["authenticated_at"], language),
        }
        for row in sorted(live, key=lambda row: row["id"] != signed_in.id)
    ]
