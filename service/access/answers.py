"""What a gateway is answered about a call: who calls, or why the call is refused.

The headers of a call that may pass are always all there, empty ones too: a gateway that hands them on so replaces
whatever the caller sent under their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from service.access.causes import CAUSES
from service.http.problems import CONTENT_TYPE, TITLES, Problem

if TYPE_CHECKING:
    from uuid import UUID

    from service.access.causes import Cause
    from service.access.decisions import Verdict

IDENTITY = {
    "Muniment-Client-Id": "The client id of the application that calls; empty where no token is needed.",
    "Muniment-Application": "The application's id; empty where no token is needed.",
    "Muniment-User": "The id of the person it calls for; empty where there is none.",
    "Muniment-Account": "The id of the account it calls for; empty where there is none.",
    "Muniment-Scope": "The scope of the token; empty where no token is needed.",
    "Muniment-Interface": "The identifier of the interface that is called.",
    "Muniment-Request-Id": "Under which the call log knows the call.",
}
"""Who calls what, for the service behind the gateway."""
REFUSAL = "Muniment-Refusal"
"""The code of a refusal, for gateways that cannot hand its body on, as nginx cannot."""
_NOBODY = dict.fromkeys(IDENTITY, "") | {"Cache-Control": "no-store"}


class RefusedCall(Problem):
    """Why a call is refused. `state` is the number that iForm's applications know the reason by."""

    state: int


def allowed(verdict: Verdict, request_id: UUID) -> web.Response:
    """Return the answer that lets a call pass."""
    row, interface = verdict.row, verdict.interface
    headers = dict(_NOBODY)
    headers["Muniment-Request-Id"] = str(request_id)
    if interface is not None:
        headers["Muniment-Interface"] = interface.identifier
    if row is not None:
        user, account = row["user_id"], row["account"]
        headers["Muniment-Client-Id"] = row["client_id"]
        headers["Muniment-Application"] = str(row["application"])
        headers["Muniment-User"] = "" if user is None else str(user)
        headers["Muniment-Account"] = "" if account is None else str(account)
        headers["Muniment-Scope"] = row["scope"]
    return web.Response(headers=headers)


def refused(cause: Cause, *, seconds_left: int) -> web.Response:
    """Return the answer that refuses a call; in so many seconds calls are counted anew."""
    headers = _HEADERS[cause.code]
    if cause.status == web.HTTPTooManyRequests.status_code:
        headers = {**headers, "Retry-After": str(seconds_left)}
    return web.Response(body=_BODIES[cause.code], status=cause.status, headers=headers)


def _body(cause: Cause) -> bytes:
    return msgspec.json.encode(
        {
            "type": "about:blank",
            "title": TITLES[cause.status],
            "status": cause.status,
            "code": cause.code,
            "detail": cause.sentence,
            "state": cause.state,
        }
    )


def _headers(cause: Cause) -> dict[str, str]:
    headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", REFUSAL: cause.code}
    if cause.status == web.HTTPUnauthorized.status_code:  # RFC 6750 section 3
        error = "" if cause.error is None else f', error="{cause.error}", error_description="{cause.sentence}"'
        headers["WWW-Authenticate"] = f'Bearer realm="muniment"{error}'
    return headers


_BODIES = {cause.code: _body(cause) for cause in CAUSES}
_HEADERS = {cause.code: _headers(cause) for cause in CAUSES}
