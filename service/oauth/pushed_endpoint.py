"""POST /oauth2/par: a client leaves an authorization request here first, out of the browser's sight (RFC 9126)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from service.http.document import Output
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.authorization import checks, pushed
from service.oauth.authorization.asking import begun
from service.oauth.authorization.shapes import Asked
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import invalid_request
from service.parts import PRESENTED_CLIENT

if TYPE_CHECKING:
    from aiohttp import web

    from service.parts import Parts

SECONDS = int(pushed.LIFETIME.total_seconds())


async def push(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Check a request as the authorization endpoint does, and answer the name it can be sent there under."""
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    client = await parts.issuer.authenticate(credentials, public=True)
    admit(request, parts, client)
    if "request_uri" in parameters:
        raise invalid_request("request_uri has no place in a pushed request")  # section 2.1
    asking = await begun(parts, client, parameters)
    checks.judge_address(asking)
    asked = checks.judge(asking)
    return answers.document({"request_uri": pushed.push(parts, asked), "expires_in": SECONDS}, status=201)


class PushedRequest(shapes.Credentials, Asked):
    """An authorization request, and how its client proves itself."""

    client_id: str = ""
    request_uri: Literal[""] = ""


class PushedAnswer(Output):
    """What a request can be sent under to the authorization endpoint: once, for so many seconds."""

    request_uri: str
    expires_in: int


ERRORS = {
    **shapes.ERRORS,
    400: (
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "invalid_target",
        "request_not_supported",
        "registration_not_supported",
    ),
}
_REPLIES = shapes.replies(Reply("Unused."))
PUSHED = Endpoint(
    "POST",
    "/oauth2/par",
    endpoint(push, "push an authorization request", json=False),
    Group.OAUTH,
    "oauth",
    "Leave an authorization request, to be sent by its name",
    {201: Reply("The request's name.", PushedAnswer)} | {s: r for s, r in _REPLIES.items() if s != 200},  # noqa: PLR2004
    body=PushedRequest,
    reads=(FORM,),
    client=True,
    errors=ERRORS,
)
