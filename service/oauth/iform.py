"""The token endpoint as iForm's clients know it: /oauth/token and /token (spec/iform.md sections 0.2 and 5).

Parameters may stand in the query, but never of a GET: those are kept in too many places. The grant is read in any
letter case, the type of the token is written in lower case, and who it is for stands beside it. A third party that is
trusted with passwords may come without its secret (F15), and is limited as a public client is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from domain.grant_types import CLIENT_CREDENTIALS, PASSWORD, REFRESH_TOKEN
from projections import tokens, users
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.claims import claims
from service.oauth.client_authentication import presented
from service.oauth.endpoint import endpoint
from service.oauth.iform_scope import in_our_words
from service.oauth.issuing import IssuedToken
from service.oauth.parameters import with_query
from service.oauth.shapes import POSITION
from service.oauth.token_endpoint import ALIASES, GRANT_TYPES, described, granted
from service.parts import UNPROVED
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from aiohttp import web

    from service.oauth.clients import Client
    from service.parts import Parts


class IFormToken(shapes.Token):
    """A token. `uid` is the id of the person it is for, `info` what its scope tells of them; a machine has neither."""

    token_type: Literal["bearer"]  # type: ignore[assignment] # this dialect's own
    uid: str = ""
    info: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it


async def token(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Issue a token to whoever asks in a form, in the query, or in both. Raises OAuthError."""
    parameters = with_query(request, parameters)
    grant_type = parameters.get("grant_type", "").lower()
    if grant_type:
        parameters["grant_type"] = grant_type
    credentials = presented(request, parameters) if grant_type in (*GRANT_TYPES, *ALIASES) else None
    client = None if credentials is None else await _claimed(parts, credentials.client_id)
    audience = parameters.get("resource") or parameters.get("audience")
    if grant_type == CLIENT_CREDENTIALS:
        audience = audience or _only_audience(client)
    elif credentials is not None and client is not None:
        if credentials.secret is None and credentials.assertion is None:
            request[UNPROVED] = await _may_come_unproved(parts, client, parameters)
        parameters |= in_our_words(parameters, client)
    issued = await granted(request, parts, parameters, audience=lambda: audience or parts.settings.default_audience)
    body = {**described(issued), "token_type": "bearer"}
    if not isinstance(issued, IssuedToken):
        person = await users.person(parts.store.pool, issued.user)
        body["uid"] = str(issued.user)
        body["info"] = {} if person is None else claims(person, issued.scope.split(" "))
    return answers.document(body, headers={POSITION: str(issued.position)})


async def _claimed(parts: Parts, client_id: str) -> Client | None:
    """Return the client that a request says it is from, None when there is none.

    Nothing is told of it, and nothing issued, before it proves itself, where it has to.
    """
    return parts.clients.remembered(client_id) or await parts.clients.fresh(client_id)


def _only_audience(client: Client | None) -> str | None:
    """Return the one audience that a client has, who names none here; None when it has several, or none."""
    return next(iter(client.audiences)) if client is not None and len(client.audiences) == 1 else None


async def _may_come_unproved(parts: Parts, client: Client, parameters: dict[str, str]) -> bool:
    """Whether a third party may come by its id alone: with a password, or with a refresh token that came of one."""
    grant_type = parameters["grant_type"]
    if client.standing is None or not client.may(PASSWORD):
        return False
    if grant_type != REFRESH_TOKEN:
        return ALIASES.get(grant_type, grant_type) == PASSWORD
    digest = bytes.fromhex(sha256_hex(parameters.get("refresh_token", "")))
    row = await tokens.renewing(parts.store.pool, digest, parts.clock.now())
    return row is not None and row["grant_type"] == PASSWORD and row["application"] == client.id


def _declared(path: str) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        endpoint(token, "token (iForm)", json=False),
        Group.OAUTH,
        "oauth",
        "Issue a token, in iForm's dialect",
        shapes.token_replies(Reply("The token.", IFormToken, headers=(POSITION,))),
        body=shapes.QueriedTokenRequest,
        query=shapes.QueriedTokenRequest,
        reads=(FORM,),
        client=True,
        errors=shapes.TOKEN_ERRORS,
    )


ENDPOINTS = (_declared("/oauth/token"), _declared("/token"))
