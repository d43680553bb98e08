"""/oauth2/userinfo (OpenID Connect Core section 5.3): what is told of the person behind an access token.

The token is looked up as at every other door, so whatever ended it ended this, too. It comes in the header or, with
POST, as a form's `access_token` (RFC 6750 sections 2.1 and 2.2); never in the address, which is written down everywhere
(section 2.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from projections import users
from service.http.bearer import Unauthenticated, presented
from service.http.document import Output
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers
from service.oauth.claims import claims
from service.oauth.endpoint import endpoint
from service.oauth.errors import OAuthError, slow_down
from service.oauth.shapes import OAuthProblem
from service.parts import PRESENTED_CLIENT
from service.tokens import is_active

if TYPE_CHECKING:
    from aiohttp import web

    from service.parts import Parts

PATH = "/oauth2/userinfo"
SCOPE = "openid"
PARAMETER = "access_token"


class UserinfoForm(pydantic.BaseModel):
    """An access token for who cannot set the header."""

    access_token: str = ""


class Userinfo(Output):
    """What is told of a person: as much as the token's scope asks for, and as is known."""

    sub: str
    name: str = ""
    family_name: str = ""
    given_name: str = ""
    middle_name: str = ""
    nickname: str = ""
    preferred_username: str = ""
    profile: str = ""
    picture: str = ""
    website: str = ""
    gender: str = ""
    birthdate: str = ""
    zoneinfo: str = ""
    locale: str = ""
    updated_at: int = 0
    email: str = ""
    email_verified: bool = False


async def userinfo(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Answer with the claims of the token's user. Raises OAuthError, with a challenge."""
    row = await parts.tokens.find(_token(request, parameters))
    if row is None or not is_active(row, parts.clock.now()):
        raise _refused("invalid_token", "The token is unknown, has expired or was revoked", 401)
    request[PRESENTED_CLIENT] = row["client_id"]
    wait = parts.limiter.admit(row["client_id"], row["rate_limit"])
    if wait:
        raise slow_down(wait)
    scope = row["scope"].split(" ")
    if row["user_id"] is None or SCOPE not in scope:
        raise _refused("insufficient_scope", "The token is not one of a person with the scope openid", 403)
    person = await users.one(parts.store.pool, row["user_id"])
    if person is None:
        raise _refused("invalid_token", "The token is unknown, has expired or was revoked", 401)
    return answers.document({"sub": str(row["user_id"]), **claims(person, scope)})


def _token(request: web.Request, parameters: dict[str, str]) -> str:
    """Return the one token of a request (RFC 6750 section 2). Raises OAuthError."""
    if PARAMETER in request.query:
        raise _refused("invalid_request", "A token must not stand in the address", 400)
    in_form = parameters.get(PARAMETER) if request.method == "POST" else None
    if in_form is not None:
        if "Authorization" in request.headers:
            raise _refused("invalid_request", "The token was sent in two ways", 400)
        return in_form
    try:
        return presented(request)
    except Unauthenticated as refused:
        raise _refused(refused.error, refused.sentence, refused.status) from None


def _refused(error: str | None, sentence: str, status: int) -> OAuthError:
    """Return the error with its challenge, which names none where no token was sent (RFC 6750 section 3.1)."""
    problem = OAuthError(error or "invalid_token", sentence, status=status)
    problem.challenge = 'Bearer realm="muniment"'
    if error is not None:
        problem.challenge += f', error="{error}", error_description="{sentence}"'
    if error == "insufficient_scope":
        problem.challenge += f', scope="{SCOPE}"'
    return problem


CHALLENGED = ("WWW-Authenticate",)
REPLIES = {
    200: Reply("What is told of the person.", Userinfo),
    400: Reply("The request cannot be read as one.", OAuthProblem, perhaps=CHALLENGED),
    401: Reply("There is no token, or none that counts.", OAuthProblem, headers=CHALLENGED),
    403: Reply("The token is not one of a person who signed in, or lacks the scope.", OAuthProblem, headers=CHALLENGED),
    429: Reply("The client's rate limit is used up.", OAuthProblem, headers=("Retry-After",)),
    500: Reply("The request failed; its id names it in the log.", OAuthProblem),
    503: Reply("The service is busy or restarts: try again shortly.", OAuthProblem, headers=("Retry-After",)),
}
FORM_REPLIES = {
    408: Reply("The body did not arrive in time.", OAuthProblem),
    413: Reply("The body is larger than 64 KiB.", OAuthProblem),
    415: Reply("The body is of another type, or compressed.", OAuthProblem),
}
ERRORS = {
    400: ("invalid_request",),
    401: ("invalid_token",),
    403: ("insufficient_scope",),
    429: ("slow_down",),
    500: ("server_error",),
    503: ("temporarily_unavailable",),
}
HANDLER = endpoint(userinfo, "userinfo", json=False)
ENDPOINTS = (
    Endpoint(
        "GET",
        PATH,
        HANDLER,
        Group.OAUTH,
        "oauth",
        "Tell of the person behind a token",
        REPLIES,
        person=(SCOPE,),
        errors=ERRORS,
    ),
    Endpoint(
        "POST",
        PATH,
        HANDLER,
        Group.OAUTH,
        "oauth",
        "Tell of the person behind a token, which may stand in a form",
        {**REPLIES, **FORM_REPLIES},
        body=UserinfoForm,
        reads=(FORM,),
        person=(SCOPE,),
        errors=ERRORS | dict.fromkeys(FORM_REPLIES, ("invalid_request",)),
    ),
)
