"""What the OAuth endpoints read and answer, for the API document: parameters, tokens, errors."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from domain.grant_types import ALL, PASSWORD_ALIAS
from service.http.document import Output
from service.http.endpoint import Reply

POSITION = "Muniment-Position"
Required = Annotated[str, pydantic.Field(min_length=1)]


class Credentials(pydantic.BaseModel):
    """How a client proves itself where it does not by HTTP Basic. Empty parameters count as left out."""

    client_id: str = ""
    client_secret: str = ""
    client_assertion_type: Literal["", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"] = ""
    client_assertion: str = ""


class GrantParameters(Credentials):
    """What each grant takes beside its name: a code, a refresh token, a password, a device code or another token.

    `organization_id` is the account that a token is for: one that the owner of a personal access token is a member of,
    or, at `/oidc/token`, the organization of a machine that asks for a token of its own.
    """

    scope: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""
    username: str = ""
    password: str = ""
    device_code: str = ""
    subject_token: str = ""
    subject_token_type: str = ""
    actor_token: str = ""
    actor_token_type: str = ""
    requested_token_type: str = ""
    audience: str = ""
    resource: str = ""
    organization_id: str = ""


class TokenRequest(GrantParameters):
    """A request for a token. The audience is named as `audience` or as `resource`."""

    grant_type: Literal[(*ALL, PASSWORD_ALIAS)]  # type: ignore[valid-type] # those there are


class ServerTokenRequest(GrantParameters):
    """A request for a token in the server-to-server dialect. `grant_type` may be in any case.

    A machine that asks for its own token must name a scope.
    """

    grant_type: Required


class QueriedTokenRequest(GrantParameters):
    """A request for a token, part of it in the query perhaps. `grant_type`, named once, may be in any case."""

    grant_type: str = ""


class DeviceAuthorizationRequest(Credentials):
    """A device's request for access. A public client names itself by `client_id` and sends nothing else of that."""

    audience: str = ""
    resource: str = ""
    scope: str = ""


class TokenQuestion(Credentials):
    """A token that is asked about or ended."""

    token: Required
    token_type_hint: str = ""


class Token(Output):
    """A token. `expires_in` is in seconds; `scope` is what was granted of what was asked.

    Where a person is behind it, a refresh token comes with it if the client may have one, and an ID token if `openid`
    is in the scope.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str = ""
    id_token: str = ""
    issued_token_type: str = ""


class ServerToken(Token):
    """A token. `expires_on`, in seconds since 1970, is its `exp`."""

    expires_on: int


class DeviceAuthorization(Output):
    """What a device keeps, and what it shows a person. Lifetime and interval are in seconds (RFC 8628 section 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class Actor(Output):
    """Who acts in the name of the token's subject (RFC 8693 section 4.1)."""

    sub: str


class Introspection(Output):
    """What a token is worth at this moment. Where `active` is false nothing else is told.

    `end_user` is whom the application says that it serves by the token, where it says so.
    """

    active: bool
    scope: str = ""
    client_id: str = ""
    application_id: str = ""
    sub: str = ""
    aud: str = ""
    iss: str = ""
    exp: int = 0
    iat: int = 0
    jti: str = ""
    token_type: str = ""
    acc: str = ""
    end_user: str = ""
    act: Actor | None = None


class OAuthProblem(Output):
    """An error of RFC 6749 section 5.2."""

    error: str
    error_description: str


class AccountSettingsProblem(OAuthProblem):
    """An error of RFC 6749 section 5.2, told in the account settings' own words besides."""

    code: str
    message: str


INVALID_REQUEST = ("invalid_request",)
ERRORS = {
    400: ("invalid_request", "unauthorized_client"),
    401: ("invalid_client",),
    408: INVALID_REQUEST,
    413: INVALID_REQUEST,
    415: INVALID_REQUEST,
    429: ("slow_down",),
    500: ("server_error",),
    503: ("temporarily_unavailable",),
}
TOKEN_ERRORS = {
    **ERRORS,
    400: (
        *ERRORS[400],
        "unsupported_grant_type",
        "invalid_target",
        "invalid_scope",
        "invalid_grant",
        "authorization_pending",
        "slow_down",
        "expired_token",
        "access_denied",
    ),
    403: ("access_denied",),
}

DEVICE_ERRORS = {**ERRORS, 400: (*ERRORS[400], "invalid_target", "invalid_scope")}


def token_replies(success: Reply, problem: type[OAuthProblem] = OAuthProblem) -> dict[int, Reply]:
    """Return what a token endpoint answers: who is no member of an organization is refused besides."""
    denied = Reply("Whom the token is for does not belong to the organization.", problem)
    return dict(sorted({**replies(success, problem), 403: denied}.items()))


def replies(success: Reply, problem: type[OAuthProblem] = OAuthProblem) -> dict[int, Reply]:
    """Return what an endpoint answers: the one success, and every error."""
    return {
        200: success,
        400: Reply("The request cannot be served as it is.", problem),
        401: Reply(
            "Client authentication failed. With a challenge where HTTP Basic was tried.",
            problem,
            perhaps=("WWW-Authenticate",),
        ),
        408: Reply("The body did not arrive in time.", problem),
        413: Reply("The body is larger than 64 KiB.", problem),
        415: Reply("The body is of another type, or compressed.", problem),
        429: Reply("The client's rate limit is used up.", problem, headers=("Retry-After",)),
        500: Reply("The request failed; its id names it in the log.", problem),
        503: Reply("The service is busy or restarts: try again shortly.", problem, headers=("Retry-After",)),
    }
