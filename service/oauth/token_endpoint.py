"""The token endpoints. One grant engine; a path only chooses how requests are read and answers written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import OAuthError, invalid_request, invalid_target
from service.oauth.issuing import GRANT_TYPE, require_audience
from service.oauth.shapes import POSITION
from service.parts import PRESENTED_CLIENT, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from service.oauth.issuing import IssuedToken
    from service.parts import Parts


async def standard(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """POST /oauth2/token: form or JSON, the audience named (spec/inbox-manager.md section 1, RFC 6749, RFC 8707)."""
    _require_grant(parameters)
    issued = await _issue(request, parts, parameters, audience=lambda: require_audience(parameters))
    return _answer(issued, {})


async def server_to_server(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """POST /oauth2/v1/token: form, scope required, `expires_on` in the answer (spec/melody.md M2 to M8)."""
    grant_type = parameters.get("grant_type")
    if grant_type is not None:
        parameters["grant_type"] = grant_type.lower()
    _require_grant(parameters)
    if "scope" not in parameters:
        raise invalid_request("scope is missing")
    audience = parameters.get("audience") or parts.settings.default_audience
    issued = await _issue(request, parts, parameters, audience=lambda: audience)
    return _answer(issued, {"expires_on": issued.expires_on})


async def account_settings(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """POST /oidc/token: form with `resource` (spec/logto.md section 9.1)."""
    _require_grant(parameters)
    issued = await _issue(request, parts, parameters, audience=lambda: _resource(parameters))
    return _answer(issued, {})


def account_settings_error(problem: OAuthError) -> dict[str, Any]:
    """Render an error as `/oidc/token` does: RFC 6749 and beside it `code` and `message` (spec/logto.md section 3)."""
    return {
        "error": problem.error,
        "error_description": problem.description,
        "code": f"oidc.{problem.error}",
        "message": problem.description,
    }


STANDARD = Endpoint(
    "POST",
    "/oauth2/token",
    endpoint(standard, "token"),
    Group.OAUTH,
    "oauth",
    "Issue a token by client credentials",
    shapes.replies(Reply("The token.", shapes.Token, headers=(POSITION,))),
    body=shapes.TokenRequest,
    client=True,
    errors=shapes.TOKEN_ERRORS,
)
SERVER_TO_SERVER = Endpoint(
    "POST",
    "/oauth2/v1/token",
    endpoint(server_to_server, "token (server to server)", json=False),
    Group.SERVER_TO_SERVER,
    "oauth",
    "Issue a token by client credentials, in the server-to-server dialect",
    shapes.replies(Reply("The token.", shapes.ServerToken, headers=(POSITION,))),
    body=shapes.ServerTokenRequest,
    reads=(FORM,),
    client=True,
    errors=shapes.TOKEN_ERRORS,
)
ACCOUNT_SETTINGS = Endpoint(
    "POST",
    "/oidc/token",
    endpoint(account_settings, "token (account settings)", json=False, render=account_settings_error),
    Group.OAUTH,
    "oauth",
    "Issue a token by client credentials, in the account settings' dialect",
    shapes.replies(Reply("The token.", shapes.Token, headers=(POSITION,)), shapes.AccountSettingsProblem),
    body=shapes.TokenRequest,
    reads=(FORM,),
    client=True,
    errors=shapes.TOKEN_ERRORS,
)


def _require_grant(parameters: dict[str, str]) -> None:
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise invalid_request("grant_type is missing")
    if grant_type != GRANT_TYPE:
        raise OAuthError("unsupported_grant_type", "This grant type is not supported")


def _resource(parameters: dict[str, str]) -> str:
    resource = parameters.get("resource") or parameters.get("audience")
    if resource is None:
        raise invalid_target("resource is missing")
    return resource


async def _issue(
    request: web.Request, parts: Parts, parameters: dict[str, str], *, audience: Callable[[], str]
) -> IssuedToken:
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    return await parts.issuer.issue(
        credentials,
        audience=audience(),
        scope=parameters.get("scope"),
        request_id=request[REQUEST_ID],
        admit=partial(admit, request, parts),
    )


def _answer(issued: IssuedToken, more: dict[str, Any]) -> web.Response:
    body = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        **more,
        "scope": issued.scope,
    }
    return answers.document(body, headers={POSITION: str(issued.position)})
