"""What nobody refused on purpose: unknown paths and methods, and failures, whose insides never leave the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from service.http.problems import problem
from service.parts import REQUEST_ID
from service.store.lane import LOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger(__name__)
UNREACHABLE = LOST
REFUSE: web.RequestKey[Callable[..., web.Response]] = web.RequestKey("refuse")
"""How the door that a request came to tells of what it does not do, failures too."""


async def answered(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn routing errors into problem documents, and failures into those or what the door makes of them.

    The cause of a failure goes to the log with the request's id.
    """
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as wrong:
        allowed = ", ".join(sorted(wrong.allowed_methods))
        return problem(405, "method_not_allowed", f"Allowed here: {allowed}", headers={"Allow": allowed})
    except web.HTTPNotFound:
        return problem(404, "not_found", "There is nothing at this path")
    except web.HTTPException as raised:
        return problem(raised.status, "http_error", raised.reason)
    except UNREACHABLE:
        log.exception("database_unreachable", request_id=str(request[REQUEST_ID]))
        sentence = "The service is unavailable, try again shortly"
        return _refuse(request)(503, "unavailable", sentence, headers={"Retry-After": "1"})
    except Exception:
        log.exception("request_failed", request_id=str(request[REQUEST_ID]))
        return _refuse(request)(500, "internal_error", "The request failed; its id names it in the log")


def _refuse(request: web.Request) -> Callable[..., web.Response]:
    refuse: Callable[..., web.Response] = request.get(REFUSE, problem)
    return refuse
