"""Where gateways ask whether a call may pass: nginx `auth_request`, Traefik ForwardAuth, Envoy HTTP ext_authz.

200 lets it pass and says who calls. 401, 403 and 429 refuse the call, with the cause as `code` and iForm's number for
it as `state`. What is wrong with the gateway's own question is 400, which no gateway takes for an answer about the
call, and 503 says that nothing can be decided now. Both let nothing pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
import structlog

from service.access import answers, presented, questions
from service.access.answers import IDENTITY, REFUSAL, RefusedCall
from service.access.causes import CAUSES
from service.access.decisions import Call, Unsettled
from service.access.gateways import HEADER, proved
from service.access.paths import without_query
from service.access.questions import FORWARDED, ORIGINAL, BadQuestion
from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.http.input import Id
from service.http.problems import CONTENT_TYPE, Problem, problem
from service.http.request import caller_address, client_address
from service.oauth.client_authentication import basic
from service.oauth.errors import OAuthError
from service.parts import PARTS, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.access.decisions import Verdict
    from service.access.questions import Asked
    from service.oauth.clients import Client
    from service.parts import Parts

    Read = Callable[[web.Request], Asked]

OPERATION = "verify"

log = structlog.get_logger(__name__)


class Busy(Exception):
    """Nothing can be decided for so many seconds: 503."""

    def __init__(self, code: str, sentence: str, seconds: int = 1) -> None:
        """Keep what the answer tells."""
        super().__init__(sentence)
        self.code, self.sentence, self.seconds = code, sentence, seconds


def _handler(read: Read) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def verify(request: web.Request) -> web.StreamResponse:
        parts = request.app[PARTS]
        try:
            return await _verify(request, parts, read)
        except BadQuestion as bad:
            _record(request, parts, 400, bad.code, bad.detail or bad.sentence)
            return problem(400, bad.code, bad.sentence)
        except Unsettled:
            busy = Busy("busy", "The interfaces are changing, try again shortly")
        except Busy as raised:
            busy = raised
        _record(request, parts, 503, busy.code, busy.sentence)
        return problem(503, busy.code, busy.sentence, headers={"Retry-After": str(busy.seconds)})

    return verify


async def _verify(request: web.Request, parts: Parts, read: Read) -> web.Response:
    header = questions.once(request, HEADER)
    asked = read(request)
    if parts.call_log.full:  # what nobody could look up afterwards is not decided
        raise Busy("busy", "The call log cannot be written, try again shortly")
    coming = parts.gateways.prove(header)
    call = Call(
        asked.resource,
        asked.method,
        without_query(asked.target),
        presented.digest(request),
        caller_address(request),
        asked.test,
    )
    asking = parts.decisions.ask(call)
    try:
        gateway = await proved(coming)
        _admit(parts, gateway)
    except BaseException:
        asking.cancel()
        raise
    verdict = await parts.decisions.judge(asking, gateway.organization)
    _note(request, parts, gateway, call, verdict)
    if verdict.cause is None:
        return answers.allowed(verdict, request[REQUEST_ID])
    return answers.refused(verdict.cause, seconds_left=parts.decisions.seconds_left())


def _admit(parts: Parts, gateway: Client) -> None:
    """Count a question of a gateway. Raises Busy when its rate limit is used up: 429 would speak of the call."""
    wait = parts.limiter.admit(gateway.client_id, gateway.rate_limit)
    if wait:
        raise Busy("slow_down", "The gateway asks too often", wait)


def _note(request: web.Request, parts: Parts, gateway: Client, call: Call, verdict: Verdict) -> None:
    interface, row, cause = verdict.interface, verdict.row, verdict.cause
    parts.call_log.note(
        at=parts.clock.now(),
        organization=gateway.organization,
        resource=call.resource,
        interface=None if interface is None else interface.id,
        gateway=gateway.id,
        application=None if row is None else row["application"],
        user=None if row is None else row["user_id"],
        client_id=None if row is None else row["client_id"],
        address=call.address,
        method=call.method,
        path=call.path,
        test=call.test,
        status=200 if cause is None else cause.status,
        cause=None if cause is None else cause.code,
        request_id=request[REQUEST_ID],
    )


def _record(request: web.Request, parts: Parts, status: int, code: str, detail: str) -> None:
    """Record that a gateway got no answer about a call; until somebody mends it, it lets none pass."""
    log.warning("gateway_refused", status=status, code=code, detail=detail, request_id=str(request[REQUEST_ID]))
    parts.refused.note(
        organization=None,
        actor=None,
        client=_named(request),
        operation=OPERATION,
        status=status,
        code=code,
        detail=detail,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )


def _named(request: web.Request) -> str | None:
    """Return the client id that a gateway came with; it may name nobody."""
    try:
        return basic(request.headers.get(HEADER, "")).client_id
    except OAuthError:
        return None


class Which(pydantic.BaseModel):
    """Which resource a call is for, in which headers it stands, and whether it is a test."""

    resource: Id
    headers: Literal["original", "forwarded"] = "original"
    test: Literal["true", "false"] = "false"


class CallHeaders(pydantic.BaseModel):
    """The call: its method, and its path as the caller wrote it, by the headers that the query says."""

    original_method: Annotated[str, pydantic.Field(alias=ORIGINAL[0])] = ""
    original_uri: Annotated[str, pydantic.Field(alias=ORIGINAL[1])] = ""
    forwarded_method: Annotated[str, pydantic.Field(alias=FORWARDED[0])] = ""
    forwarded_uri: Annotated[str, pydantic.Field(alias=FORWARDED[1])] = ""


def _told(status: int) -> str:
    return "\n".join(f"- `{cause.code}`: {cause.sentence}" for cause in CAUSES if cause.status == status)


def _refusal(status: int, *headers: str) -> Reply:
    return Reply(_told(status), RefusedCall, CONTENT_TYPE, (REFUSAL, *headers))


_REPLIES = {
    200: Reply("The call may pass.", headers=tuple(IDENTITY)),
    400: Reply(
        "- `unknown_gateway`: The gateway must prove itself\n- `gateway_not_permitted`: The gateway lacks `decide`\n"
        "- `unknown_resource`: The gateway's organization has no such resource\n"
        "- `invalid_question`: The gateway asks in a way that cannot be answered",
        Problem,
        CONTENT_TYPE,
    ),
    401: _refusal(401, "WWW-Authenticate"),
    403: _refusal(403),
    429: _refusal(429, "Retry-After"),
    **UNAVAILABLE,
}


def _endpoint(path: str, read: Read, summary: str, **more: type[pydantic.BaseModel]) -> Endpoint:
    return Endpoint(
        "GET",
        path,
        _handler(read),
        Group.DECISIONS,
        "gateways",
        summary,
        _REPLIES,
        gateway=True,
        any_method=True,
        query=more.get("query"),
        headers=more.get("headers"),
    )


ENDPOINTS = (
    _endpoint(
        questions.VERIFY.rstrip("/"),
        questions.by_headers,
        "Say whether a call may pass, for nginx and Traefik",
        query=Which,
        headers=CallHeaders,
    ),
    _endpoint(
        f"{questions.VERIFY}{{api_resource_id}}/{{path:(?s:.*)}}",
        questions.by_path,
        "Say whether a call may pass, for Envoy",
    ),
    _endpoint(
        f"{questions.TEST}{{api_resource_id}}/{{path:(?s:.*)}}",
        questions.by_path,
        "Say whether a test call may pass, for Envoy",
    ),
)
