"""The token endpoints. One grant engine; a path only chooses how requests are read and answers written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.grant_types import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    PASSWORD,
    PASSWORD_ALIAS,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)
from domain.scope import ORGANIZATION_AUDIENCE
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import OAuthError, invalid_request, invalid_target, unauthorized_client
from service.oauth.grants import (
    authorization_code,
    client_credentials,
    device_code,
    password,
    refresh_token,
    token_exchange,
)
from service.oauth.issuing import IssuedToken, require_audience
from service.oauth.people import named_audience
from service.oauth.shapes import POSITION
from service.parts import PRESENTED_CLIENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts

    Grant = Callable[[web.Request, Parts, dict[str, str], Client], Awaitable[IssuedForPerson]]

GRANTS: dict[str, Grant] = {
    AUTHORIZATION_CODE: authorization_code.grant,
    REFRESH_TOKEN: refresh_token.grant,
    PASSWORD: password.grant,
    DEVICE_CODE: device_code.grant,
    TOKEN_EXCHANGE: token_exchange.grant,
}
"""The grants of people. A machine's own token, `client_credentials`, is issued on a shorter way."""
GRANT_TYPES = (CLIENT_CREDENTIALS, *GRANTS)
ALIASES = {PASSWORD_ALIAS: PASSWORD}


async def standard(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """POST /oauth2/token: form or JSON, the audience named (spec/inbox-manager.md section 1, RFC 6749, RFC 8707)."""
    issued = await granted(request, parts, parameters, audience=lambda: require_audience(parameters))
    return answers.document(described(issued), headers={POSITION: str(issued.position)})


async def server_to_server(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """POST /oauth2/v1/token: form, scope required, `expires_on` in the answer (spec/melody.md M2 to M8)."""
    if "grant_type" in parameters:
        parameters["grant_type"] = parameters["grant_type"].lower()
    if parameters.get("grant_type") == CLIENT_CREDENTIALS and "scope" not in parameters:
        raise invalid_request("scope is missing")
    audience = parameters.get("audience") or parts.settings.default_audience
    issued = await granted(request, parts, parameters, audience=lambda: audience)
    body = {**described(issued), "expires_on": issued.expires_on}
    return answers.document(body, headers={POSITION: str(issued.position)})


async def account_settings(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """POST /oidc/token: form with `resource` or `organization_id`, or both (spec/logto.md section 9.1)."""
    organization = parameters.get("organization_id")
    issued = await granted(
        request, parts, parameters, audience=lambda: _resource(parameters, organization), organization=organization
    )
    return answers.document(described(issued), headers={POSITION: str(issued.position)})


def account_settings_error(problem: OAuthError) -> dict[str, Any]:
    """Render an error as `/oidc/token` does: RFC 6749 and beside it `code` and `message` (spec/logto.md section 3)."""
    return {
        "error": problem.error,
        "error_description": problem.description,
        "code": f"oidc.{problem.error}",
        "message": problem.description,
    }


async def granted(
    request: web.Request,
    parts: Parts,
    parameters: dict[str, str],
    *,
    audience: Callable[[], str],
    organization: str | None = None,
) -> IssuedToken | IssuedForPerson:
    """Let the grant that is asked for issue what it issues.

    `audience` is asked, and `organization` looked at, for a machine's own token alone.

    Raises OAuthError, and what the grant refuses with.
    """
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise invalid_request("grant_type is missing")
    if grant_type == CLIENT_CREDENTIALS:
        return await client_credentials.grant(
            request, parts, parameters, audience=audience(), organization=organization
        )
    grant_type = parameters["grant_type"] = ALIASES.get(grant_type, grant_type)
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise OAuthError("unsupported_grant_type", "This grant type is not supported")
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    client = await parts.issuer.authenticate(credentials, public=True)
    admit(request, parts, client)
    if not client.may(grant_type):
        raise unauthorized_client("This client may not use this grant type")
    return await grant(request, parts, parameters, client)


def described(issued: IssuedToken | IssuedForPerson) -> dict[str, Any]:
    """Return the answer of RFC 6749 section 5.1; a person's has a refresh token and an ID token where there are any."""
    answer = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    }
    if not isinstance(issued, IssuedToken):
        answer |= issued.more
        for name in ("refresh_token", "id_token"):
            text = getattr(issued, name)
            if text is not None:
                answer[name] = text
    return answer


STANDARD = Endpoint(
    "POST",
    "/oauth2/token",
    endpoint(standard, "token"),
    Group.OAUTH,
    "oauth",
    "Issue a token",
    shapes.token_replies(Reply("The token.", shapes.Token, headers=(POSITION,))),
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
    "Issue a token, in the server-to-server dialect",
    shapes.token_replies(Reply("The token.", shapes.ServerToken, headers=(POSITION,))),
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
    "Issue a token, in the account settings' dialect",
    shapes.token_replies(Reply("The token.", shapes.Token, headers=(POSITION,)), shapes.AccountSettingsProblem),
    body=shapes.TokenRequest,
    reads=(FORM,),
    client=True,
    errors=shapes.TOKEN_ERRORS,
)


def _resource(parameters: dict[str, str], organization: str | None) -> str:
    """Return the resource that is named, else the organization's audience. Raises OAuthError invalid_target."""
    resource = named_audience(parameters)
    if resource is not None:
        return resource
    if organization is None:
        raise invalid_target("Neither resource nor organization_id is there")
    return ORGANIZATION_AUDIENCE + organization.lower()
