"""A provider as GitHub is one: a code, redeemed with the client's secret, and a document that tells who the user is.

Nothing is remembered between the two steps, so this works without a session (spec/logto.md section 7). Where all of it
happens is configured, with GitHub's addresses for defaults. The provider is a stranger: how long and how large its
answers are is bounded, and what they say is looked at before anything of it is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import pydantic

from domain.refusals import ConnectorFailed, ProviderAnswerInvalid, SocialCodeInvalid, SocialDenied
from service.connectors.configuration import AuthorizationEndpoint, Config, Endpoint, Visible
from service.http.body import BadBody, parse_json
from service.http.endpoint import FORM
from service.http.input import NUL
from service.outbound import Blocked, NotCalled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from service.outbound import Answer, Outbound

LIMIT = 32 * 1024  # bytes of an answer
SECONDS = 5.0  # for each of the two
CODE_LIMIT = 4096
ID_LIMIT = 256
VALUE_LIMIT = 2048
SUCCESS = range(200, 300)
ACCEPT = {"Accept": "application/json"}
CODE_ERRORS = frozenset({"invalid_grant", "bad_verification_code"})
"""What a provider says of a code that is wrong, was used or has expired: RFC 6749 section 5.2, and GitHub's own."""
# What an Authorization header can hold (RFC 6750 section 2.1, and a little more, for tokens are opaque).
TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
NAMED = re.compile(r"[a-z_]{1,64}")
PKCE = b"muniment-connector-pkce-v1"

Member = Annotated[str, pydantic.Field(min_length=1, max_length=128)]


class ProfileMap(Config):
    """By which members the provider's document tells of a user; None: it does not."""

    id: Member = "id"
    email: Member | None = "email"
    phone: Member | None = None
    name: Member | None = "name"
    avatar: Member | None = "avatar_url"


class GitHubConfig(Config):
    """`issuer`: what the provider calls itself in its answers, as `iss`; `pkce`: answers hold the `state` as well."""

    SECRETS: ClassVar = (("clientSecret",),)
    # What the secret buys, the access tokens of people, goes to the other one.
    SENT_TO: ClassVar = ("tokenEndpoint", "userInfoEndpoint")

    client_id: Visible
    client_secret: Visible
    scope: Annotated[str, pydantic.Field(max_length=1024, pattern=r"^[\x20\x21\x23-\x5b\x5d-\x7e]*$")] = "read:user"
    authorization_endpoint: AuthorizationEndpoint = "https://github.com/login/oauth/authorize"
    token_endpoint: Endpoint = "https://github.com/login/oauth/access_token"  # noqa: S105 - an address
    user_info_endpoint: Endpoint = "https://api.github.com/user"
    token_endpoint_auth_method: Literal["client_secret_post", "client_secret_basic"] = "client_secret_post"  # noqa: S105
    profile_map: ProfileMap = ProfileMap()
    issuer: Visible | None = None
    pkce: bool = False


class Provided(NamedTuple):
    """Who the provider says it was, with what else it tells of them."""

    user_id: str
    details: dict[str, Any]


def authorization_uri(config: GitHubConfig, connector: UUID, *, state: str, redirect_uri: str) -> str:
    """Return where the user is to go."""
    asked = {
        "response_type": "code",
        "client_id": config.client_id,
        "redirect_uri": redirect_uri,
        "scope": config.scope,
        "state": state,
    }
    if config.pkce:
        digest = hashlib.sha256(_verifier(config, connector, state, redirect_uri).encode()).digest()
        asked |= {"code_challenge": _text(digest), "code_challenge_method": "S256"}
    joint = "&" if "?" in config.authorization_endpoint else "?"
    given = {name: value for name, value in asked.items() if value}
    return f"{config.authorization_endpoint}{joint}{urlencode(given, quote_via=quote, safe='')}"


async def redeemed(outbound: Outbound, config: GitHubConfig, connector: UUID, data: Mapping[str, Any]) -> Provided:
    """Return who it was, by what the provider sent back with the user.

    Raises SocialDenied, SocialCodeInvalid, ProviderAnswerInvalid or ConnectorFailed.
    """
    code = _code(config, data)
    redirect_uri, state = data.get("redirectUri"), data.get("state")
    form = {"grant_type": "authorization_code", "code": code}
    if isinstance(redirect_uri, str):
        form["redirect_uri"] = redirect_uri
    if config.pkce:
        if not isinstance(state, str) or not isinstance(redirect_uri, str):
            raise SocialCodeInvalid("the state or the redirect URI is missing")
        form["code_verifier"] = _verifier(config, connector, state, redirect_uri)
    token = await _token(outbound, config, form)
    try:
        answer = await outbound.get(
            config.user_info_endpoint,
            headers={**ACCEPT, "Authorization": f"Bearer {token}"},
            seconds=SECONDS,
            limit=LIMIT,
        )
    except NotCalled as failed:
        raise ConnectorFailed(f"user info: {_why(failed)}") from None
    if answer.status not in SUCCESS:
        raise ConnectorFailed(f"user info: {answer.status}")
    return _provided(config.profile_map, _document(answer))


def _code(config: GitHubConfig, data: Mapping[str, Any]) -> str:
    error, code = data.get("error"), data.get("code")
    if error == "access_denied":
        raise SocialDenied
    if error is not None:
        raise ConnectorFailed(f"the provider sent the user back with {_named(error)}")
    if not isinstance(code, str) or not 0 < len(code) <= CODE_LIMIT:
        raise ConnectorFailed("no code")
    # Another provider's answer is never told to this one (RFC 9207 section 2.4).
    if config.issuer is not None and data.get("iss") != config.issuer:
        raise SocialCodeInvalid("the answer is of another issuer")
    return code


async def _token(outbound: Outbound, config: GitHubConfig, form: dict[str, str]) -> str:
    headers = dict(ACCEPT)
    if config.token_endpoint_auth_method == "client_secret_basic":  # noqa: S105 - the name of a method
        # RFC 6749 section 2.3.1: both are encoded as in a form before they are joined.
        pair = f"{quote(config.client_id, safe='')}:{quote(config.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form = {**form, "client_id": config.client_id, "client_secret": config.client_secret}
    try:
        answer = await outbound.post_form(config.token_endpoint, form, headers=headers, seconds=SECONDS, limit=LIMIT)
    except NotCalled as failed:
        raise ConnectorFailed(f"token: {_why(failed)}") from None
    try:
        told = _document(answer)
    except ProviderAnswerInvalid:
        if answer.status in SUCCESS:
            raise
        raise ConnectorFailed(f"token: {answer.status}") from None
    error = told.get("error")
    if isinstance(error, str) and error in CODE_ERRORS:
        raise SocialCodeInvalid(f"token: {error}")
    if error is not None or answer.status not in SUCCESS:  # GitHub tells errors with 200
        raise ConnectorFailed(f"token: {answer.status} {_named(error)}")
    token = told.get("access_token")
    kind = told.get("token_type", "bearer")
    if not isinstance(token, str) or not TOKEN.fullmatch(token) or str(kind).lower() != "bearer":
        raise ProviderAnswerInvalid("no bearer token")
    return token


def _document(answer: Answer) -> dict[str, Any]:
    """Return what an answer tells, as JSON or, as GitHub answers whoever does not ask for JSON, as a form."""
    body = answer.body
    if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM:
        try:
            return dict(parse_qsl(body.decode(), max_num_fields=100))
        except ValueError:
            raise ProviderAnswerInvalid("not a form") from None
    try:
        told = parse_json(body)
    except BadBody as bad:
        raise ProviderAnswerInvalid(bad.sentence) from None
    # PostgreSQL keeps no text with a NUL, which would stop what is made of it later.
    if not isinstance(told, dict) or NUL.search(body):
        raise ProviderAnswerInvalid("not an object, or with a NUL character")
    return told


def _provided(members: ProfileMap, told: dict[str, Any]) -> Provided:
    known = told.get(members.id)
    if isinstance(known, int) and not isinstance(known, bool):
        known = str(known)
    if not isinstance(known, str) or not 0 < len(known) <= ID_LIMIT or CONTROL.search(known):
        raise ProviderAnswerInvalid("no id of the user")
    details: dict[str, Any] = {"id": known}
    for name in ("email", "phone", "name", "avatar"):
        member = getattr(members, name)
        value = None if member is None else told.get(member)
        if isinstance(value, str) and 0 < len(value) <= VALUE_LIMIT and not CONTROL.search(value):
            details[name] = value
    # What is shown as a picture is nothing else.
    if not details.get("avatar", "https://").startswith("https://"):
        del details["avatar"]
    return Provided(known, {**details, "rawData": told})


def _verifier(config: GitHubConfig, connector: UUID, state: str, redirect_uri: str) -> str:
    """Return the code verifier (RFC 7636), which nobody keeps: it follows from the state, and from the secret.

    So a code is good only together with the state that it was asked for with.
    """
    parts = [connector.bytes, state.encode(), redirect_uri.encode()]
    message = b"".join((PKCE, *(len(part).to_bytes(4, "big") + part for part in parts)))
    return _text(hmac.digest(config.client_secret.encode(), message, "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _why(failed: NotCalled) -> str:
    """Return why nobody was called, without what a name leads to inside: those who configure connectors read it."""
    return "may not be called" if isinstance(failed, Blocked) else str(failed)


def _named(error: object) -> str:
    """Return an error's name for the log; what is none is not quoted."""
    return error if isinstance(error, str) and NAMED.fullmatch(error) else "an error without a name"
