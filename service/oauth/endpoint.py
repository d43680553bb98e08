"""The frame of an OAuth endpoint: parameters in, an answer or a recorded refusal out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from domain.refusals import Refusal
from service.http.request import client_address
from service.http.unexpected import UNREACHABLE
from service.oauth import answers, parameters
from service.oauth.errors import OAuthError, failed, of_refusal, slow_down, unavailable
from service.parts import CLIENT, PARTS, PRESENTED_CLIENT, REQUEST_ID
from service.store.refusals import StoreRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.oauth.clients import Client
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
            refused = unavailable()
        except UNREACHABLE:
            log.exception("database_unreachable")
            return answers.error(unavailable(), render)
        except Exception:
            log.exception("request_failed")
            return answers.error(failed(), render)
        if refused.recorded:
            _record(request, parts, values, operation, refused)
        return answers.error(refused, render)

    return handle


def admit(request: web.Request, parts: Parts, client: Client) -> None:
    """Count a request of a client that was let in. Raises OAuthError 429 when its rate limit is used up.

    A public client proves nothing: it has its limit at each address, or anybody could use it up for all.
    """
    request[CLIENT] = client
    name = client.client_id if client.confidential else f"{client.client_id} {client_address(request)}"
    wait = parts.limiter.admit(name, client.rate_limit)
    if wait:
        raise slow_down(wait)


def _record(request: web.Request, parts: Parts, values: dict[str, str], operation: str, problem: OAuthError) -> None:
    known = request.get(CLIENT)
    parts.refused.note(
        organization=known.organization if known else None,
        actor=known.id if known else None,
        client=known.client_id if known else (request.get(PRESENTED_CLIENT) or values.get("client_id")),
        operation=operation,
        status=problem.status,
        code=problem.error,
        detail=problem.detail or problem.description,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )
