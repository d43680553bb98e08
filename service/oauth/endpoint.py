"""The frame of an OAuth endpoint: parameters in, an answer or a recorded refusal out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from domain.refusals import Refusal
from service.http.request import client_address
from service.oauth import answers, parameters
from service.oauth.errors import SLOW_DOWN, UNAVAILABLE, OAuthError, of_refusal
from service.parts import PARTS
from service.store.refusals import StoreRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.parts import Parts

    Work = Callable[[web.Request, Parts, dict[str, str]], Awaitable[web.Response]]
    Render = Callable[[OAuthError], dict[str, Any]]

log = structlog.get_logger(__name__)


def endpoint(
    work: Work, operation: str, *, json: bool = True, render: Render | None = None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of an endpoint. `operation` names it in the record of refusals."""

    async def handle(request: web.Request) -> web.StreamResponse:
        parts = request.app[PARTS]
        values: dict[str, str] = {}
        try:
            values = await parameters.read(request, json=json)
            return await work(request, parts, values)
        except OAuthError as problem:
            refused = problem
        except Refusal as refusal:
            refused = of_refusal(refusal)
        except StoreRefusal:
            refused = UNAVAILABLE
        _record(request, parts, values, operation, refused)
        return answers.error(refused, render)

    return handle


def admit(parts: Parts, client_id: str, limit: int | None) -> None:
    """Count a request of a client. Raises OAuthError 429 when its rate limit is used up."""
    wait = parts.limiter.admit(client_id, limit)
    if wait:
        problem = OAuthError(SLOW_DOWN.error, SLOW_DOWN.description, status=SLOW_DOWN.status)
        problem.retry_after = wait
        raise problem


def _record(request: web.Request, parts: Parts, values: dict[str, str], operation: str, problem: OAuthError) -> None:
    known = request.get("client")
    parts.refused.note(
        organization=known.organization if known else None,
        actor=known.id if known else None,
        client=known.client_id if known else (request.get("client_id") or values.get("client_id")),
        operation=operation,
        status=problem.status,
        code=problem.error,
        detail=problem.detail or problem.description,
        request_id=request["request_id"],
        address=client_address(request),
    )
