"""The page that tells what an import would do, with the form to do it, or what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.commands.interface_imports import Mode
from service.interface_import.plan import What
from service.pages import rendering, way_on
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.commands.interface_imports import Report
    from service.interface_import.imported import ImportedDocument
    from service.pages.console.administrator import Administrator

OUTCOMES = (What.DELETED, What.REPLACED, What.ADDED, What.SKIPPED, What.UNCHANGED)
"""In this order: what somebody has to look at first comes first."""
DONE = frozenset({What.DELETED, What.REPLACED, What.ADDED})
SHOWN = 500
"""Rows of the table; the counts are of all."""


async def page(
    request: web.Request,
    who: Administrator,
    document: ImportedDocument,
    report: Report,
    *,
    fields: Mapping[str, str] | None = None,
    status: int = 200,
    notice: str = "",
) -> web.Response:
    """Return the page; without the `fields` of a form it tells what was done."""
    rows = sorted(report.interfaces, key=lambda row: OUTCOMES.index(row.outcome))
    nothing = _does_nothing(report)
    made = rendering.page if fields is None or nothing else rendering.form_page
    return made(
        request,
        "console_import_report.html",
        status=status,
        owner=await way_on.owner_of(request.app[PARTS], who.signed_in.organization),
        opens=who.opens,
        document=document,
        resource=report.resource,
        overwrites=report.mode is Mode.OVERWRITE,
        counts={outcome.value: f"{report.count(outcome):,}" for outcome in OUTCOMES},
        deletes=report.count(What.DELETED) > 0,
        grants_kept=f"{report.grants_kept:,}",
        grants_withdrawn=f"{report.grants_withdrawn:,}",
        withdraws=report.grants_withdrawn > 0,
        nothing=nothing,
        interfaces=rows[:SHOWN],
        more=f"{len(rows) - SHOWN:,}" if len(rows) > SHOWN else "",
        fields=fields,
        organization=str(who.signed_in.organization),
        notice=notice,
    )


def _does_nothing(report: Report) -> bool:
    becomes = {entry.outcome for entry in report.interfaces}
    return DONE.isdisjoint(becomes) and not report.resource.created and not report.resource.changed
