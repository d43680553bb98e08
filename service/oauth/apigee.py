"""The token endpoint as Apigee's clients know it: /oauth/client_credential/accesstoken (spec/apigee.md A5 to A7, A15).

The grant stands in the query, the client's credentials in the form or in HTTP Basic, never in the query. Everything
that is answered is a text: times are in milliseconds, lifetimes in seconds. The application is told by its id, the end
user where there is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain.grant_types import CLIENT_CREDENTIALS
from service.http.body import Repeated
from service.http.document import Output
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import OAuthError, invalid_request, invalid_target
from service.oauth.grants import client_credentials
from service.oauth.issuing import require_audience
from service.oauth.parameters import with_query
from service.oauth.shapes import POSITION
from service.parts import PRESENTED_CLIENT

if TYPE_CHECKING:
    from aiohttp import web

    from service.oauth.issuing import IssuedToken
    from service.parts import Parts

SECRETS = ("client_secret", "client_assertion")
QUERIED = ("grant_type", "scope", "audience", "resource")
"""What is read from the query, unless it stands in the form."""


class AllStringsRequest(shapes.Credentials):
    """A request for a token. Without an `audience` or `resource` it is for the only one that the client has."""

    grant_type: str = ""
    scope: str = ""
    audience: str = ""
    resource: str = ""


class QueriedGrant(pydantic.BaseModel):
    """What may stand in the query instead of the form."""

    grant_type: Literal["client_credentials"]
    scope: str = ""
    audience: str = ""
    resource: str = ""


class AllStringsToken(Output):
    """A token, every value a text. `issued_at` is in milliseconds since 1970, `expires_in` in seconds.

    `application_name` is the application's id, `organization_name` the organization's, by which paths call it;
    `app_enduser` is there when an end user was named. There are no developers and no refresh tokens here.
    """

    issued_at: str
    application_name: str
    scope: str
    status: Literal["approved"]
    api_product_list: str
    expires_in: str
    developer_email: str = pydantic.Field(alias="developer.email")
    organization_id: str
    token_type: Literal["BearerToken"]
    client_id: str
    access_token: str
    organization_name: str
    refresh_token_expires_in: str
    refresh_count: str
    app_enduser: str = ""


class AllStringsProblem(Output):
    """An error of RFC 6749 section 5.2, by this dialect's names."""

    error_code: str = pydantic.Field(alias="ErrorCode")
    error: str = pydantic.Field(alias="Error")


async def token(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Issue a machine's own token. Raises OAuthError."""
    parameters |= _queried(request, parameters)
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise invalid_request("grant_type is missing")
    if grant_type != CLIENT_CREDENTIALS:
        raise OAuthError("unsupported_grant_type", "This grant type is not supported")
    audience = await _audience(request, parts, parameters)
    issued = await client_credentials.grant(request, parts, parameters, audience=audience)
    return answers.document(_described(issued), headers={POSITION: str(issued.position)})


def _queried(request: web.Request, parameters: dict[str, str]) -> dict[str, str]:
    """Return what the query says; what stands there beside it may name an end user. Raises OAuthError."""
    queried = with_query(request, {})
    if secret := next((name for name in SECRETS if name in queried), None):
        raise invalid_request(f"{secret} must not stand in the query")
    named = {name: queried[name] for name in QUERIED if name in queried}
    if repeated := named.keys() & parameters.keys():
        raise invalid_request(Repeated(min(repeated)).sentence)
    return named


def problem(error: OAuthError) -> dict[str, Any]:
    """Render an error as this dialect does."""
    return {"ErrorCode": error.error, "Error": error.description}


async def _audience(request: web.Request, parts: Parts, parameters: dict[str, str]) -> str:
    """Return the audience that is named, else the only one that the client has.

    That one is for whoever claims to be the client: nothing is issued before it proves itself. Raises OAuthError; how
    many audiences a client has is told to that client alone.
    """
    if "audience" in parameters or "resource" in parameters:
        return require_audience(parameters)
    credentials = presented(request, parameters)
    client = await parts.clients.fresh(credentials.client_id)
    if client is not None and len(client.audiences) == 1:
        return next(iter(client.audiences))
    request[PRESENTED_CLIENT] = credentials.client_id
    admit(request, parts, await parts.issuer.authenticate(credentials))
    raise invalid_target("audience is missing: name the API that the token is for")


def _described(issued: IssuedToken) -> dict[str, str]:
    client = issued.client
    answer = {
        "issued_at": f"{issued.expires_on - issued.expires_in}000",
        "application_name": str(client.id),
        "scope": issued.scope,
        "status": "approved",
        "api_product_list": f"[{issued.audience}]",
        "expires_in": str(issued.expires_in),
        "developer.email": "",
        "organization_id": str(client.organization),
        "token_type": "BearerToken",
        "client_id": client.client_id,
        "access_token": issued.access_token,
        "organization_name": str(client.organization),
        "refresh_token_expires_in": "0",
        "refresh_count": "0",
    }
    if issued.end_user is not None:
        answer["app_enduser"] = issued.end_user
    return answer


_REPLIES = shapes.replies(Reply("The token.", AllStringsToken, headers=(POSITION,)))
ALL_STRINGS = Endpoint(
    "POST",
    "/oauth/client_credential/accesstoken",
    endpoint(token, "token (all strings)", json=False, render=problem),
    Group.APIGEE,
    "oauth",
    "Issue a machine's own token, told in texts alone",
    {status: reply if status == 200 else replace(reply, shape=AllStringsProblem) for status, reply in _REPLIES.items()},  # noqa: PLR2004 - OK
    body=AllStringsRequest,
    query=QueriedGrant,
    reads=(FORM,),
    client=True,
)
