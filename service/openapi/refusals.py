"""Which refusals a door's route can answer with, asked of the door itself: status, code, content type and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.caller import Caller
from domain.refusals import TooOften
from service.http import problems
from service.http.bearer import MACHINE, Authenticated, Unauthenticated, UnsupportedScheme
from service.http.body import size
from service.http.door import Refused
from service.store import refusals as store_refusals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.http.door import Door
    from service.http.route import Route

RETRY = {"Retry-After": "1"}
FIT = {400: "does not fit", 408: "did not arrive in time", 413: "is larger than {}", 415: "is of another type"}
NOBODY = UUID(int=0)


class Told(NamedTuple):
    """One refusal as a door tells it."""

    status: int
    code: str
    sentence: str
    content_type: str
    headers: frozenset[str]


def of_route(door: Door, route: Route) -> Iterator[Told]:
    """Yield every refusal of a route: those of the frame, in the order of its decisions, and those of its rules."""
    for status, code, sentence, headers in (*_of_frame(door, route), *_of_rules(route)):
        answer = door.refuse(status, code, sentence, headers=dict(headers))
        said = (answer.text if door.REFUSAL is None else None) or sentence
        names = frozenset(answer.headers) & {"WWW-Authenticate", "Retry-After"}
        yield Told(answer.status, door.word(code), said, answer.content_type, names)


def _of_frame(door: Door, route: Route) -> Iterator[tuple[int, str, str, Mapping[str, str]]]:
    challenge = {"WWW-Authenticate": door.challenge(Unauthenticated("", error=None))}
    for nobody in (Unauthenticated("", error=None), UnsupportedScheme("", error=None)):
        yield 401, door.nobody(nobody), "A bearer token is required", challenge
    yield 401, "invalid_token", "The token is unknown, has ended or is meant for another audience", challenge
    yield 400, "invalid_request", "The Authorization header is malformed or repeated", challenge
    yield 429, "too_many_requests", "Too many requests", RETRY
    for kind in ("", MACHINE):
        try:
            door.permit(route, _powerless(kind))
        except Refused as refused:
            yield refused.status, refused.code, str(refused), refused.extra.get("headers", {})
    yield 400, "invalid_query", "The query does not fit", {}
    if route.body is not None:
        for status, said in FIT.items():
            yield status, "invalid_body", f"The body {said.format(size(door.BODY_LIMIT))}", {}
    yield 400, "invalid_position", "The log has not come to that position", {}
    if route.method == "GET":
        yield 503, "position_not_reached", "The read model has not reached that position yet", RETRY
    elif not route.reads:
        for refusal, (code, sentence) in problems.STORE_SENTENCES.items():
            if refusal is not store_refusals.Taken:  # commands tell whose name it is
                status = problems.STATUS[refusal]
                yield status, code, sentence, RETRY if status == 503 else {}  # noqa: PLR2004 - Service Unavailable
    yield 500, "internal_error", "The request failed; its id names it in the log", {}
    yield 503, "unavailable", "The service is unavailable, try again shortly", RETRY


def _of_rules(route: Route) -> Iterator[tuple[int, str, str, Mapping[str, str]]]:
    for refusal in route.refuses:
        waits = RETRY if issubclass(refusal, TooOften) else {}
        yield problems.status_of(refusal()), refusal.code, refusal.sentence, waits


def _powerless(kind: str) -> Authenticated:
    """Return a caller of a kind of client who holds nothing."""
    caller = Caller(actor=NOBODY, organization=NOBODY, permissions=frozenset(), application=NOBODY)
    return Authenticated(caller, "", kind, None, {}, "")
