"""The page of the second step of a sign-in as it is shown: for an app, for a code that was sent, for a backup code."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from domain.factor import Proof
from service import second_step
from service.pages import csrf, qr, rendering
from service.parts import PARTS
from service.secrets import one_time

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.way_on import Way
    from service.second_step import Asked, Pending

PATH = "/login/factor"
BY, BACKUP = "by", "backup"
MINUTE = 60
UNSENT = {second_step.LIMITED: "second_limited", second_step.UNSENT: "second_unsent", "": "second_unsent"}
"""What is said when no message with a code is on its way."""


def page(
    request: web.Request,
    way: Way,
    pending: Pending,
    wanted: Asked,
    *,
    backup: bool,
    status: int = 200,
    notice: str = "",
    fault: bool = False,
    wait: int = 0,
) -> web.Response:
    """Return the page; `backup` asks for a backup code, `wait` is in seconds, `notice` the name of what is said."""
    parts, shown = request.app[PARTS], csrf.shown_to(request)
    backup = backup and wanted.backup
    host = urlsplit(parts.settings.issuer).hostname or ""
    code = None
    if pending.secret is not None and wanted.proof is Proof.ENROLMENT:
        code = qr.drawn(one_time.uri(pending.secret, issuer=host, account=wanted.account))
    sent = wanted.channel is not None and not backup
    if sent and not notice and pending.sent != second_step.SENT:
        notice = UNSENT[pending.sent]
    by = {BY: BACKUP} if backup else {}
    response = rendering.form_page(
        request,
        "second_factor.html",
        status=status,
        locales=way.locales,
        way=way,
        fields={**way.fields, **by, csrf.FIELD: csrf.token(parts, PATH, shown)},
        proof=BACKUP if backup else wanted.proof.value,
        recipient=_hidden(wanted.recipient) if pending.sent == second_step.SENT else None,
        sent=sent,
        qr=code,
        secret=pending.secret,
        again=f"/login?{urlencode(way.fields)}",
        instead=_instead(way, wanted, backup=backup),
        notice=notice,
        fault=fault,
        wait_minutes=-(-wait // MINUTE),
    )
    csrf.remember(response, shown)
    return rendering.in_any_window(response)


def _instead(way: Way, wanted: Asked, *, backup: bool) -> str | None:
    """Return where the other way to go on is, None where there is no other."""
    if not wanted.backup:
        return None
    return f"{PATH}?{urlencode(way.fields if backup else {**way.fields, BY: BACKUP})}"


def _hidden(recipient: str | None) -> str:
    """Return as much of an address as its owner knows it by."""
    if recipient is None:
        return ""
    name, at, domain = recipient.rpartition("@")
    return f"{name[:1]}•••@{domain}" if at else f"•••{recipient[-3:]}"
