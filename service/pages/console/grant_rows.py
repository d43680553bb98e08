"""What pages show of interface grants: who may call what, how often, until when, and what was decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.third_party import ScopeKind
from service.pages import moments, rendering
from service.pages.console.called import names
from service.pages.standing import EFFECTIVE
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

TAGS = {"pending": "blocked", "effective": "active", "rejected": "revoked", "expired": "expired"}
"""How a status is coloured."""
REJECTABLE = ("pending", "effective")
ASKERS = ("requested_by", "application_created_by", "application_submitted_by")
"""Those who asked for a grant, or for the application: somebody else approves it."""


async def shown(request: web.Request, who: Administrator, rows: Sequence[asyncpg.Record]) -> list[dict[str, Any]]:
    """Return what is shown of grants; one's own are marked, for nobody approves those."""
    language = rendering.language_of(request)
    today = request.app[PARTS].clock.now().date()
    called = await names(request, who, (row["requested_by"] for row in rows))
    return [
        {
            "id": str(row["id"]),
            "application": row["application_name"],
            "application_id": str(row["application"]),
            "client_id": row["client_id"],
            "interface": row["interface_name"],
            "address": f"{row['method']} {row['path']}",
            "resource": row["resource_name"],
            "status": row["status"],
            "tag": TAGS[row["status"]],
            "rejectable": row["status"] in REJECTABLE,
            "reason": row["reason"],
            "frequency": row["frequency"],
            "test_frequency": row["test_frequency"],
            "expires": moments.stamp(row["expires_at"], language),
            "until": _later(row["expires_at"], today),
            "requested": moments.minute(row["requested_at"], language),
            "requested_brief": moments.stamp(row["requested_at"], language),
            "requested_at": row["requested_at"].isoformat(),
            "requester": called.get(row["requested_by"], row["requested_by"]),
            "own": who.signed_in.user in [row[name] for name in ASKERS],
        }
        for row in rows
    ]


def _later(asked: datetime | None, today: date) -> str | None:
    """Return the day until which a grant is asked for, None when nobody said, or it is no day to come."""
    return asked.date().isoformat() if asked is not None and asked.date() > today else None


def usable(application: asyncpg.Record, now: datetime) -> bool:
    """Say whether interfaces may be asked for: by third parties that call them and are in effect, and by one's own."""
    if application["standing"] is None:
        return True
    until = application["effective_until"]
    in_effect = application["standing"] == EFFECTIVE and until is not None and now < until
    return in_effect and ScopeKind.API in application["scope_kinds"]
