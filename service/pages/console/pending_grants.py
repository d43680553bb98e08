"""What the page of interface grants that wait shows: who would call what, and the forms to decide about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from projections import interface_grant_pages
from service.commands import third_parties
from service.pages import rendering, way_on
from service.pages.console.administrator import form_fields
from service.pages.console.grant_filters import AFTER, STATUS, Wanted, address, application_of, resources_of
from service.pages.console.grant_rows import shown
from service.parts import PARTS

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.console.administrator import Administrator

PATH = "/console/interface-approvals"
APPROVING, REJECTING, ALL = f"{PATH}/approve", f"{PATH}/reject", f"{PATH}/all"
SUBMITTED_BEFORE = "submitted_before"
SHOWN = 10
"""Each is a form of its own, which makes them long."""


async def page(
    request: web.Request,
    who: Administrator,
    chosen: Wanted,
    *,
    status: int = 200,
    notice: str = "",
    told: dict[str, int] | None = None,
    bad: bool = False,
) -> web.Response:
    """Return the page of those that wait, with a notice of what was done (told with numbers), or with a `bad` one."""
    parts, organization = request.app[PARTS], who.signed_in.organization
    now = parts.clock.now()
    rows = await interface_grant_pages.page(
        parts.store.pool,
        organization,
        application=chosen.application,
        resource=chosen.resource,
        interface=None,
        status="pending",
        search=chosen.search,
        after=chosen.after or UUID(int=0),
        limit=SHOWN + 1,
        now=now,
    )
    fields = chosen.fields
    kept = {name: value for name, value in fields.items() if name != STATUS}
    waiting = await shown(request, who, rows[:SHOWN])
    return rendering.form_page(
        request,
        "console_approvals.html",
        status=status,
        owner=await way_on.owner_of(parts, organization),
        opens=who.opens,
        wanted=chosen,
        application=await application_of(request, who, chosen.application),
        resources=await resources_of(request, who, chosen.resource),
        waiting=waiting,
        until=third_parties.in_a_year(now).date().isoformat(),
        tomorrow=(now + timedelta(days=1)).date().isoformat(),
        approving={**form_fields(request, who, APPROVING), **kept},
        rejecting={**form_fields(request, who, REJECTING), **kept},
        all_path=address(ALL, {**chosen.chosen, SUBMITTED_BEFORE: now.isoformat()}),
        some=any(not one["own"] for one in waiting),
        first=address(PATH, chosen.chosen),
        next=address(PATH, {**chosen.chosen, AFTER: rows[SHOWN - 1]["id"]}) if len(rows) > SHOWN else None,
        notice=notice,
        told=told or {},
        bad=bad,
    )
