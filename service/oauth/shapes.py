"""What the OAuth endpoints read and answer, for the API document: parameters, tokens, errors."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from service.http.document import Output
from service.http.endpoint import Reply
from service.oauth.issuing import GRANT_TYPE

POSITION = "Muniment-Position"
Required = Annotated[str, pydantic.Field(min_length=1)]


class Credentials(pydantic.BaseModel):
    """How a client proves itself where it does not by HTTP Basic. Empty parameters count as left out."""

    client_id: str = ""
    client_secret: str = ""
    client_assertion_type: Literal["", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"] = ""
    client_assertion: str = ""


class TokenRequest(Credentials):
    """A request by client credentials. The audience is named as `audience` or as `resource`."""

    grant_type: Literal[GRANT_TYPE]  # type: ignore[valid-type] # the one grant there is
    audience: str = ""
    resource: str = ""
    scope: str = ""


class ServerTokenRequest(Credentials):
    """A request by client credentials in the server-to-server dialect. `grant_type` may be in any case."""

    grant_type: Required
    scope: Required
    audience: str = ""


class TokenQuestion(Credentials):
    """A token that is asked about or ended."""

    token: Required
    token_type_hint: str = ""


class Token(Output):
    """A token. `expires_in` is in seconds; `scope` is what was granted of what was asked."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class ServerToken(Token):
    """A token. `expires_on`, in seconds since 1970, is its `exp`."""

    expires_on: int


class Introspection(Output):
    """What a token is worth at this moment. Where `active` is false nothing else is told."""

    active: bool
    scope: str = ""
    client_id: str = ""
    sub: str = ""
    aud: str = ""
    iss: str = ""
    exp: int = 0
    iat: int = 0
    jti: str = ""
    token_type: str = ""
    acc: str = ""


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
    400: (*ERRORS[400], "unsupported_grant_type", "invalid_target", "invalid_scope"),
}


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
