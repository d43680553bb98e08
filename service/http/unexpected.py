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


async def answered(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn routing errors and failures into problem documents; the cause goes to the log with the request's id."""
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
        return problem(
            503, "unavailable", "The service is unavailable, try again shortly", headers={"Retry-After": "1"}
        )
    except Exception:
        log.exception("request_failed", request_id=str(request[REQUEST_ID]))
        return problem(500, "internal_error", "The request failed; its id names it in the log")
