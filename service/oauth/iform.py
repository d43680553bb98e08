"""The token endpoint as iForm's clients know it: /oauth/token and /token (spec/iform.md sections 0.2 and 5).

Parameters may stand in the query, but never of a GET: those are kept in too many places. The grant is read in any
letter case, the type of the token is written in lower case, and who it is for stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from domain.grant_types import CLIENT_CREDENTIALS
from projections import users
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.claims import claims
from service.oauth.client_authentication import presented
from service.oauth.endpoint import endpoint
from service.oauth.issuing import IssuedToken
from service.oauth.parameters import with_query
from service.oauth.shapes import POSITION
from service.oauth.token_endpoint import described, granted

if TYPE_CHECKING:
    from aiohttp import web

    from service.parts import Parts


class IFormToken(shapes.Token):
    """A token. `uid` is the id of the person it is for, `info` what its scope tells of them; a machine has neither."""

    token_type: Literal["bearer"]  # type: ignore[assignment] # this dialect's own
    uid: str = ""
    info: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it


async def token(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Issue a token to whoever asks in a form, in the query, or in both. Raises OAuthError."""
    parameters = with_query(request, parameters)
    if "grant_type" in parameters:
        parameters["grant_type"] = parameters["grant_type"].lower()
    audience = parameters.get("resource") or parameters.get("audience")
    if audience is None and parameters.get("grant_type") == CLIENT_CREDENTIALS:
        audience = await _only_audience(request, parts, parameters)
    issued = await granted(request, parts, parameters, audience=lambda: audience or parts.settings.default_audience)
    body = {**described(issued), "token_type": "bearer"}
    if not isinstance(issued, IssuedToken):
        person = await users.person(parts.store.pool, issued.user)
        body["uid"] = str(issued.user)
        body["info"] = {} if person is None else claims(person, issued.scope.split(" "))
    return answers.document(body, headers={POSITION: str(issued.position)})


async def _only_audience(request: web.Request, parts: Parts, parameters: dict[str, str]) -> str | None:
    """Return the one audience that a client has, who names none here; None when it has several, or none.

    That is for whoever claims to be the client: nothing is told of it, and nothing issued, before it proves itself.
    """
    client_id = presented(request, parameters).client_id
    client = parts.clients.remembered(client_id) or await parts.clients.fresh(client_id)
    return next(iter(client.audiences)) if client is not None and len(client.audiences) == 1 else None


def _declared(path: str) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        endpoint(token, "token (iForm)", json=False),
        Group.OAUTH,
        "oauth",
        "Issue a token, in iForm's dialect",
        shapes.replies(Reply("The token.", IFormToken, headers=(POSITION,))),
        body=shapes.QueriedTokenRequest,
        query=shapes.QueriedTokenRequest,
        reads=(FORM,),
        client=True,
        errors=shapes.TOKEN_ERRORS,
    )


ENDPOINTS = (_declared("/oauth/token"), _declared("/token"))
