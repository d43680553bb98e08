"""A door: routes that speak one dialect. A route declares its permission and the shape of its input, once.

The order of decisions is the same behind every door: bearer token (401), rate (429), client kind and permission (403),
parameters and body (400), then the command's own rules. A refusal is rendered by the door's own table and recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import structlog
from aiohttp import web

from domain.refusals import Refusal, TooOften
from service.http import problems
from service.http.bearer import Unauthenticated
from service.http.body import MAX_BODY, BadBody, read_bytes
from service.http.call import Call, render
from service.http.consistency import PositionBeyondHead, PositionNotReached, await_position
from service.http.exactly_once import replayed
from service.http.group import Group
from service.http.input import InvalidInput, read_body, read_query
from service.http.request import client_address
from service.http.route import Declared, Route
from service.http.unexpected import REFUSE
from service.parts import PARTS, PRESENTED_CLIENT, REQUEST_ID
from service.store.log import head
from service.store.refusals import AlreadyAnswered, StoreRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.http.bearer import Authenticated
    from service.http.document import Output
    from service.http.input import Input
    from service.http.route import Handler, Kind
    from service.parts import Parts
    from service.store.decision import Origin

log = structlog.get_logger(__name__)


class Door:
    """A set of routes with one error shape. Native doors answer problem+json.

    `REFUSAL` is that shape, None for plain text; `GROUP` says which API document tells of the routes. `BASIC`:
    applications may come with their id and secret by HTTP Basic, too. `BODY_LIMIT` is in bytes. `NAMED`: how callers
    call their requests is told back to them.
    """

    REFUSAL: ClassVar[type[Output] | None] = problems.Problem
    GROUP: ClassVar[Group] = Group.MANAGEMENT
    BASIC: ClassVar[bool] = False
    BODY_LIMIT: ClassVar[int] = MAX_BODY
    NAMED: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        """Begin without routes. `name` tells doors apart, for people."""
        self.name = name
        self.routes: list[Route] = []

    def route(
        self, method: Kind, path: str, *, permission: str, summary: str, **more: Unpack[Declared]
    ) -> Callable[[Handler], Handler]:
        """Declare the route of the decorated handler."""

        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, handler, permission, summary, **more))
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

    def word(self, code: str) -> str:
        """Return how this door calls what the code of a refusal stands for; other dialects have words of their own."""
        return code

    def nobody(self, refused: Unauthenticated) -> str:
        """Return the code of a refusal of a caller who is nobody."""
        return refused.error or "unauthenticated"

    def challenge(self, refused: Unauthenticated) -> str:
        """Return how a caller who is nobody is told to authenticate (RFC 6750 section 3)."""
        if refused.error is None:
            return 'Bearer realm="muniment"'
        return f'Bearer realm="muniment", error="{refused.error}", error_description="{refused.sentence}"'

    async def authenticate(self, request: web.Request, parts: Parts) -> Authenticated:
        """Return the caller of a request: by bearer token, and by what else a dialect knows. Raises Unauthenticated."""
        return await parts.bearer.authenticate(request)

    def origin(self, parts: Parts, authenticated: Authenticated, request_id: UUID) -> Origin:
        """Return where a caller's commands come from, and how its authority is judged again."""
        return parts.bearer.origin(authenticated, request_id)

    def permit(self, route: Route, authenticated: Authenticated) -> None:
        """Refuse a caller of the wrong kind, and one without the route's permissions. Raises Refused."""
        if route.machines_only and not authenticated.is_machine:
            raise Refused(403, "wrong_client_kind", "Only a private back-end client may do this")
        for permission in route.permissions:
            if not authenticated.caller.holds(permission):
                challenge = f'Bearer error="insufficient_scope", scope="{route.permission}"'
                sentence = f"The permission {permission} is missing"
                raise Refused(403, "insufficient_scope", sentence, headers={"WWW-Authenticate": challenge})

    async def read(self, request: web.Request, shape: type[Input]) -> tuple[Input, bytes]:
        """Return the body of a request as its model, and as it came. Raises BadBody and InvalidInput."""
        raw = await read_bytes(request, limit=self.BODY_LIMIT)
        return read_body(request, shape, raw), raw

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            parts = request.app[PARTS]
            request[REFUSE] = self.refuse
            authenticated: Authenticated | None = None
            try:
                authenticated = await self.authenticate(request, parts)
                return await self._serve(request, parts, route, authenticated)
            except Refused as refused:
                status, code, sentence, extra = refused.status, refused.code, str(refused), refused.extra
            except Unauthenticated as refused:
                status, code, sentence = refused.status, self.nobody(refused), refused.sentence
                extra = {"headers": {"WWW-Authenticate": self.challenge(refused)}}
            except InvalidInput as refused:
                status, code, sentence, extra = 400, refused.code, refused.sentence, {"errors": refused.errors}
            except BadBody as refused:
                status, code, sentence, extra = refused.status, "invalid_body", refused.sentence, {}
            except (PositionBeyondHead, PositionNotReached) as refused:
                status, code, sentence, extra = refused.status, refused.code, refused.sentence, refused.extra
            except (Refusal, StoreRefusal) as refused:
                status, code, sentence, _ = problems.of_refusal(refused)
                errors = problems.errors_of(refused)
                extra = {"errors": errors} if errors else {}
                if seconds := _wait(refused, status):
                    extra["headers"] = {"Retry-After": str(seconds)}
                if isinstance(refused, Refusal) and refused.detail:
                    log.info("refused", refusal=code, detail=refused.detail, request_id=str(request[REQUEST_ID]))
            response = self.refuse(status, code, sentence, **extra)  # a dialect may answer with a status of its own
            _record(request, parts, route, authenticated, status=response.status, code=code, sentence=sentence)
            return response

        return handle

    async def _serve(
        self, request: web.Request, parts: Parts, route: Route, authenticated: Authenticated
    ) -> web.StreamResponse:
        _admit(parts, authenticated)
        self.permit(route, authenticated)
        call = Call(request, parts, route, authenticated, self.origin(parts, authenticated, request[REQUEST_ID]))
        raw = b""
        if route.query is not None or request.query_string:
            call.query = read_query(request, route.query)
        if route.body is not None:
            call.body, raw = await self.read(request, route.body)
        await await_position(request, parts)
        if route.reads:
            return render(await route.handler(call), route.status)
        return await _once(call, raw)


class Refused(Exception):
    """A refusal of the frame itself."""

    def __init__(self, status: int, code: str, sentence: str, **extra: Any) -> None:
        """Keep what the answer tells, and what `Door.refuse` takes besides."""
        super().__init__(sentence)
        self.status, self.code, self.extra = status, code, extra


async def _once(call: Call, raw: bytes) -> web.Response:
    """Carry a mutation out, or give the answer again that its Idempotency-Key had before."""
    found = await replayed(call, raw)
    if found is not None:
        return found
    try:
        answer = await call.route.handler(call)
        if answer.position is None:  # nothing had to change, and no command found that out
            answer.position = await head(call.parts.store.pool)
        return render(answer, call.route.status)
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


def _wait(refused: Exception, status: int) -> int:
    """Return after how many seconds the same request may be taken, 0 when time does not help."""
    if isinstance(refused, TooOften):
        return refused.seconds
    return 1 if status == web.HTTPServiceUnavailable.status_code else 0


def _admit(parts: Parts, authenticated: Authenticated) -> None:
    wait = parts.limiter.admit(authenticated.client_id, authenticated.rate_limit)
    if wait:
        raise Refused(429, "too_many_requests", "Too many requests", headers={"Retry-After": str(wait)})


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
        client=authenticated.client_id if authenticated else request.get(PRESENTED_CLIENT),
        operation=f"{route.method} {route.path}",
        status=status,
        code=code,
        detail=sentence,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )
