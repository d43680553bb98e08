"""What pages with forms share: a form is read within limits, and whatever goes wrong is told by a page."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from service.http.body import BadBody, parse_form, read_bytes
from service.http.endpoint import FORM, Reply
from service.http.problems import of_refusal
from service.http.request import client_address
from service.pages.rendering import failing_as_page, problem
from service.parts import PARTS, REQUEST_ID
from service.store.refusals import Closing, NewerGeneration, Overloaded, Stale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from aiohttp import web

    from domain.refusals import Refusal
    from service.sessions import SignedIn

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def html(told: str, *more: str, perhaps: tuple[str, ...] = ()) -> Reply:
    """Return the declaration of a page."""
    return Reply(told, str, "text/html", ("Cache-Control", *more), perhaps)


ELSEWHERE = Reply("On to another page.", None, headers=("Cache-Control", "Location"))
FAILED = {
    500: html("A page that says that something failed."),
    503: html("A page that says so, while the service is away for a moment.", "Retry-After"),
}
UNREADABLE = {status: html("The form cannot be read.") for status in (408, 413, 415)}


def told_by_page(handler: Handler) -> Handler:
    """Let a handler's failures, and forms that cannot be read, be told by a page."""

    @wraps(handler)
    async def telling(request: web.Request) -> web.StreamResponse:
        failing_as_page(request)
        try:
            return await handler(request)
        except BadBody as bad:
            note(request, bad.status, "unreadable_form", bad.sentence)
            return problem(request, "request_problem_title", "request_unreadable", bad.status)
        except (Overloaded, Closing, NewerGeneration, Stale) as busy:
            _, code, sentence, _ = of_refusal(busy)
            note(request, 503, code, sentence)
            response = problem(request, "failed_title", "failed_text", 503)
            response.headers["Retry-After"] = "1"
            return response

    return telling


async def read(request: web.Request) -> dict[str, str]:
    """Return the fields of a form. Raises BadBody."""
    raw = await read_bytes(request)
    if request.content_type != FORM:
        raise BadBody("The content type must be application/x-www-form-urlencoded", status=415)
    return parse_form(raw)


def parameters(request: web.Request, *names: str) -> dict[str, str]:
    """Return these parameters of the query. Raises BadBody when one is repeated."""
    found: dict[str, str] = {}
    for name in names:
        values = request.query.getall(name, [])
        if len(values) > 1:
            raise BadBody(f"The parameter {name} is repeated")
        if values:
            found[name] = values[0]
    return found


def note(
    request: web.Request,
    status: int,
    code: str,
    detail: str | None = None,
    *,
    signed_in: SignedIn | None = None,
    organization: UUID | None = None,
    client: str | None = None,
) -> None:
    """Record a refusal."""
    resource = request.match_info.route.resource
    request.app[PARTS].refused.note(
        organization=organization if signed_in is None else signed_in.organization,
        actor=None if signed_in is None else signed_in.user,
        client=client,
        operation=f"{request.method} {'' if resource is None else resource.canonical}",
        status=status,
        code=code,
        detail=detail,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )


def note_refusal(request: web.Request, refusal: Refusal, signed_in: SignedIn | None = None) -> int:
    """Record a refusal of the rules and return its status."""
    status, code, sentence, _ = of_refusal(refusal)
    note(request, status, code, refusal.detail or sentence, signed_in=signed_in)
    return status
