"""What the page of third parties that wait shows: what each is, who asked for it, and the forms to decide about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from projections import third_party_pages
from service.commands import third_parties
from service.pages import moments, rendering, way_on
from service.pages.console.administrator import form_fields
from service.pages.console.called import names
from service.parts import PARTS

if TYPE_CHECKING:
    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

PATH = "/console/third-parties"
APPROVING, REJECTING = f"{PATH}/approve", f"{PATH}/reject"
SHOWN = 25


async def page(
    request: web.Request,
    who: Administrator,
    *,
    after: UUID | None = None,
    status: int = 200,
    notice: str = "",
    bad: bool = False,
) -> web.Response:
    """Return the page of those that come `after` one, with a notice of what was done, or with a `bad` one."""
    parts, organization = request.app[PARTS], who.signed_in.organization
    now = parts.clock.now()
    rows = await third_party_pages.page(
        parts.store.pool,
        organization,
        status="pending",
        search=None,
        after=after or UUID(int=0),
        limit=SHOWN + 1,
        now=now,
    )
    waiting = await _waiting(request, who, rows[:SHOWN])
    made = rendering.page if all(one["own"] for one in waiting) else rendering.form_page
    return made(
        request,
        "console_third_parties.html",
        status=status,
        owner=await way_on.owner_of(parts, organization),
        opens=who.opens,
        waiting=waiting,
        until=third_parties.in_a_year(now).date().isoformat(),
        tomorrow=(now + timedelta(days=1)).date().isoformat(),
        approving=form_fields(request, who, APPROVING),
        rejecting=form_fields(request, who, REJECTING),
        further=after is not None,
        next=rows[SHOWN - 1]["id"] if len(rows) > SHOWN else None,
        notice=notice,
        bad=bad,
    )


async def _waiting(request: web.Request, who: Administrator, rows: list[asyncpg.Record]) -> list[dict[str, Any]]:
    """Return what is shown of them; one's own are marked, for nobody decides about those."""
    language, called = rendering.language_of(request), await names(request, who, (row["submitted_by"] for row in rows))
    return [
        {
            "id": str(row["id"]),
            "name": row["name"],
            "identifier": row["client_id"],
            "domain": row["domain"],
            "description": row["description"],
            "redirect_uris": row["redirect_uris"],
            "grant_types": row["grant_types"],
            "scope_kinds": row["scope_kinds"],
            "submitted": moments.minute(row["submitted_at"], language),
            "submitted_at": row["submitted_at"].isoformat(),
            "submitter": called.get(row["submitted_by"], row["submitted_by"]),
            "own": who.signed_in.user in (row["created_by"], row["submitted_by"]),
        }
        for row in rows
    ]
