"""A door: routes that speak one dialect. A route declares its permission and the shape of its input, once.

The order of decisions is the same behind every door: bearer token (401), rate (429), client kind and permission (403),
parameters and body (400), then the command's own rules. A refusal is rendered by the door's own table and recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar
from uuid import UUID

import msgspec
import pydantic
import structlog
from aiohttp import web

from domain.refusals import Refusal, Unknown, UnknownAccount
from service.http import problems
from service.http.bearer import Unauthenticated
from service.http.body import BadBody, parse_json, read_bytes
from service.http.consistency import PositionBeyondHead, PositionNotReached, await_position
from service.http.exactly_once import replayed
from service.http.input import Nothing
from service.http.request import client_address
from service.parts import PARTS, REQUEST_ID
from service.store.refusals import AlreadyAnswered, StoreRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from domain.caller import Caller
    from service.http.bearer import Authenticated
    from service.http.exactly_once import OnceOnly
    from service.http.input import Input
    from service.parts import Parts
    from service.store.decision import Origin
    from service.store.pending import Remembered
    from service.store.store import Outcome, Store

    Handler = Callable[["Call"], Awaitable["Answer"]]

P = ParamSpec("P")
T = TypeVar("T")
POSITION = "Muniment-Position"
# An escaped NUL, told from an escaped backslash before "u0000": PostgreSQL keeps no such text.
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Answer:
    """What a handler returns. `body` None: no content. `position` becomes the Muniment-Position header."""

    body: Any = None
    position: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


def no_content(_: object) -> Answer:
    """Answer a command that leaves nothing to tell."""
    return Answer()


@dataclass(frozen=True)
class Route:
    """One route's declaration: what validation, the permission check and the API document are made from."""

    method: str
    path: str
    handler: Handler
    permission: str
    summary: str
    body: type[Input] | None = None
    query: type[Input] | None = None
    status: int = 200
    machines_only: bool = False


@dataclass(slots=True)
class Call:
    """One request, authenticated and validated."""

    request: web.Request
    parts: Parts
    route: Route
    authenticated: Authenticated
    origin: Origin
    body: Any = None
    query: Any = None
    once: OnceOnly | None = None

    @property
    def by(self) -> Caller:
        """The caller as the rules see it."""
        return self.authenticated.caller

    def id(self, name: str, unknown: type[Unknown]) -> UUID:
        """Return a path parameter as an id; what is no UUID names nothing. Raises the given refusal."""
        text = self.request.match_info[name]
        try:
            value = UUID(text)
        except ValueError:
            raise unknown from None
        if str(value) != text.lower():
            raise unknown
        return value

    def seen(self, row: asyncpg.Record | None, unknown: type[Unknown]) -> asyncpg.Record:
        """Return a row of the caller's organization (of any, for root); another one does not exist for the caller."""
        if row is None or not self.by.sees(row["organization"]):
            raise unknown
        return row

    def organization(self, chosen: UUID | None) -> UUID | None:
        """Return whose things to list: the caller's own; for root the chosen organization's, or all (None)."""
        if self.by.is_root:
            return chosen
        if chosen not in (None, self.by.organization):
            raise UnknownAccount
        return self.by.organization

    async def carry_out(
        self,
        command: Callable[Concatenate[Store, Origin, Caller, P], Awaitable[Outcome[T]]],
        answer: Callable[[T], Answer],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Answer:
        """Give a command for this caller and answer with its outcome, kept under the Idempotency-Key if there is one.

        `answer` is called before the commit too, so that the answer is kept in the same transaction as the events.
        """
        remember: Callable[[T], Remembered] | None = None
        if self.once is not None:
            once = self.once

            def remember(value: T) -> Remembered:
                return once.remembered(render(answer(value), self.route.status))

        outcome = await command(self.parts.store, self.origin, self.by, *args, **kwargs, remember=remember)  # type: ignore[arg-type] # every command takes it
        done = answer(outcome.value)
        done.position = outcome.position
        return done


Kind = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


class Door:
    """A set of routes with one error shape. Native doors answer problem+json."""

    def __init__(self, name: str) -> None:
        """Begin without routes. `name` tells doors apart, for people."""
        self.name = name
        self.routes: list[Route] = []

    def route(
        self,
        method: Kind,
        path: str,
        *,
        permission: str,
        summary: str,
        body: type[Input] | None = None,
        query: type[Input] | None = None,
        status: int = 200,
        machines_only: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare the route of the decorated handler."""

        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, handler, permission, summary, body, query, status, machines_only))
            return handler

        return declare

    def add_to(self, app: web.Application) -> None:
        """Mount the door's routes."""
        for route in self.routes:
            app.router.add_route(route.method, route.path, self._handler(route))

    def refuse(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Return a refusal in this door's shape; doors of other dialects override this."""
        return problems.problem(status, code, sentence, errors=errors or (), headers=headers)

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            parts = request.app[PARTS]
            authenticated: Authenticated | None = None
            try:
                authenticated = await parts.bearer.authenticate(request)
                return await self._serve(request, parts, route, authenticated)
            except _Refused as refused:
                status, code, sentence, extra = refused.status, refused.code, str(refused), refused.extra
            except Unauthenticated as refused:
                status, code, sentence = refused.status, refused.error or "unauthenticated", refused.sentence
                extra = {"headers": {"WWW-Authenticate": _challenge(refused)}}
            except BadBody as refused:
                status, code, sentence, extra = refused.status, "invalid_body", refused.sentence, {}
            except (PositionBeyondHead, PositionNotReached) as refused:
                status, code, sentence, extra = refused.status, refused.code, refused.sentence, refused.extra
            except (Refusal, StoreRefusal) as refused:
                status, code, sentence, at = problems.of_refusal(refused)
                extra = {"errors": [{"field": at, "message": sentence}]} if at else {}
                if status == web.HTTPServiceUnavailable.status_code:
                    extra["headers"] = {"Retry-After": "1"}
                if isinstance(refused, Refusal) and refused.detail:
                    log.info("refused", refusal=code, detail=refused.detail, request_id=str(request[REQUEST_ID]))
            _record(request, parts, route, authenticated, status=status, code=code, sentence=sentence)
            return self.refuse(status, code, sentence, **extra)

        return handle

    async def _serve(
        self, request: web.Request, parts: Parts, route: Route, authenticated: Authenticated
    ) -> web.StreamResponse:
        _admit(parts, authenticated)
        if route.machines_only and not authenticated.is_machine:
            raise _Refused(403, "wrong_client_kind", "Only a private back-end client may do this")
        if not authenticated.caller.holds(route.permission):
            challenge = f'Bearer error="insufficient_scope", scope="{route.permission}"'
            sentence = f"The permission {route.permission} is missing"
            raise _Refused(403, "insufficient_scope", sentence, headers={"WWW-Authenticate": challenge})
        call = Call(request, parts, route, authenticated, parts.bearer.origin(authenticated, request[REQUEST_ID]))
        raw = b""
        if route.query is not None or request.query_string:
            call.query = _validated(route.query or Nothing, "query", values=_query(request))
        if route.body is not None:
            raw = await read_bytes(request)
            call.body = _body(request, route.body, raw)
        await await_position(request, parts)
        if route.method == "GET":
            return render(await route.handler(call), route.status)
        return await _once(call, raw)


class _Refused(Exception):
    """A refusal of the frame itself."""

    def __init__(self, status: int, code: str, sentence: str, **extra: Any) -> None:
        super().__init__(sentence)
        self.status, self.code, self.extra = status, code, extra


async def _once(call: Call, raw: bytes) -> web.Response:
    """Carry a mutation out, or give the answer again that its Idempotency-Key had before."""
    found = await replayed(call, raw)
    if found is not None:
        return found
    try:
        return render(await call.route.handler(call), call.route.status)
    except AlreadyAnswered as answered:
        if call.once is None:
            raise
        return await call.once.replay(answered)
    except (Refusal, StoreRefusal):
        # The same request may have won elsewhere meanwhile: then this one is refused for what that one did.
        won = await call.once.find() if call.once is not None else None
        if won is None:
            raise
        return won


def render(answer: Answer, status: int) -> web.Response:
    """Return an answer as JSON, never stored by caches."""
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.position is not None:
        headers[POSITION] = str(answer.position)
    if answer.body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        body=msgspec.json.encode(answer.body),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def _admit(parts: Parts, authenticated: Authenticated) -> None:
    wait = parts.limiter.admit(authenticated.client_id, authenticated.rate_limit)
    if wait:
        raise _Refused(429, "too_many_requests", "Too many requests", headers={"Retry-After": str(wait)})


def _challenge(refused: Unauthenticated) -> str:
    if refused.error is None:
        return 'Bearer realm="muniment"'
    return f'Bearer realm="muniment", error="{refused.error}", error_description="{refused.sentence}"'


def _query(request: web.Request) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise _Refused(400, "invalid_query", f"The parameter {name[:64]} is repeated")
        values[name] = value
    return values


def _body(request: web.Request, shape: type[Input], raw: bytes) -> Input:
    if not raw and not any(member.is_required() for member in shape.model_fields.values()):
        return shape()
    if request.content_type != "application/json":
        raise BadBody("The content type must be application/json", status=415)
    parse_json(raw)  # for its limits and its clear refusals; the values are taken by the model itself
    if NUL.search(raw):
        raise BadBody("The body holds a NUL character")
    return _validated(shape, "body", raw=raw)


def _validated(shape: type[Input], where: str, *, raw: bytes = b"", values: dict[str, str] | None = None) -> Input:
    """Return a validated body (strict JSON) or query (text, from which numbers, ids and times are read)."""
    try:
        return shape.model_validate_json(raw) if values is None else shape.model_validate_strings(values)
    except pydantic.ValidationError as error:
        errors = [
            {"in": where, "field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
            for item in error.errors(include_url=False, include_context=False, include_input=False)[:20]
        ]
        raise _Refused(400, f"invalid_{where}", f"The {where} does not fit", errors=errors) from None


def _record(
    request: web.Request,
    parts: Parts,
    route: Route,
    authenticated: Authenticated | None,
    *,
    status: int,
    code: str,
    sentence: str,
) -> None:
    caller = authenticated.caller if authenticated else None
    parts.refused.note(
        organization=caller.organization if caller else None,
        actor=caller.actor if caller else None,
        client=authenticated.client_id if authenticated else None,
        operation=f"{route.method} {route.path}",
        status=status,
        code=code,
        detail=sentence,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )
