"""POST /oauth2/revoke (RFC 7009): ends a token before its time, on every worker before the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from domain.caller import Caller
from domain.permissions import ROOT, allows
from domain.refusals import UnknownToken
from service.commands import tokens
from service.http.endpoint import Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import OAuthError, invalid_client, invalid_request
from service.oauth.shapes import POSITION
from service.parts import PRESENTED_CLIENT, REQUEST_ID
from service.store.decision import Origin

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.oauth.clients import Client
    from service.parts import Parts

REASON = "revoked by its client"


async def revoke(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """End one access token, or with a refresh token its whole family.

    An unknown or ended one is no error (section 2.2); another client's is refused (2.1). Another organization's is as
    unknown as one that never was (spec/README.md 11). A public client names itself, and ends what was issued to it.
    """
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    client = await parts.issuer.authenticate(credentials, public=True)
    admit(request, parts, client)
    token = parameters.get("token")
    if token is None:
        raise invalid_request("token is missing")
    row = await parts.tokens.find(token)
    access = None if row is None else row["id"]
    if row is None:
        row = await parts.tokens.find_refresh(token, parts.clock.now())
    if row is None or not _sees(client, row):
        return web.Response(headers=answers.NO_STORE)
    _require_right(client, row)
    by = Caller(
        actor=client.id, organization=client.organization, permissions=client.permissions, application=client.id
    )
    origin = _origin(parts, client, row, request[REQUEST_ID])
    try:
        outcome = await tokens.revoke(parts.store, origin, by, family=row["family"], token=access, reason=REASON)
    except UnknownToken:  # removed meanwhile, long after its expiry
        return web.Response(headers=answers.NO_STORE)
    return web.Response(headers={**answers.NO_STORE, POSITION: str(outcome.position)})


REVOCATION = Endpoint(
    "POST",
    "/oauth2/revoke",
    endpoint(revoke, "revoke"),
    Group.OAUTH,
    "oauth",
    "End a token before its time",
    shapes.replies(Reply("The token has ended, or there was none to end.", perhaps=(POSITION,))),
    body=shapes.TokenQuestion,
    client=True,
    errors=shapes.ERRORS,
)


def _sees(client: Client, row: asyncpg.Record) -> bool:
    return row["organization"] == client.organization or ROOT in client.permissions


def _require_right(client: Client, row: asyncpg.Record) -> None:
    if row["application"] != client.id and not allows(client.permissions, "revoke_token"):
        raise OAuthError("unauthorized_client", "The token was issued to another client")


def _origin(parts: Parts, client: Client, row: asyncpg.Record, request_id: UUID) -> Origin:
    """Return where the command comes from. A client that changed meanwhile is judged again, not authenticated again."""

    async def renew() -> Origin:
        present = await parts.clients.fresh(client.client_id)
        if present is None or not present.in_use(parts.clock.now()):
            raise invalid_client("application or organization is not in use")
        if not _sees(present, row):
            raise UnknownToken
        _require_right(present, row)
        return _origin(parts, present, row, request_id)

    return Origin(client.id, client.organization, client.id, request_id, reads=client.guards, renew=renew)
