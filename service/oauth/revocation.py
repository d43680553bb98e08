"""POST /oauth2/revoke (RFC 7009): ends a token before its time, on every worker before the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from domain.caller import Caller
from domain.permissions import allows
from service.commands import tokens
from service.oauth import answers
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import OAuthError, invalid_request
from service.oauth.token_endpoint import POSITION
from service.store.decision import Origin

if TYPE_CHECKING:
    import asyncpg

    from service.oauth.clients import Client
    from service.parts import Parts

REASON = "revoked by its client"


async def revoke(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """End one access token. An unknown or ended one is no error (section 2.2); another client's is refused (2.1)."""
    credentials = presented(request, parameters)
    request["client_id"] = credentials.client_id
    client = await parts.issuer.authenticate(credentials)
    request["client"] = client
    admit(parts, client.client_id, client.rate_limit)
    token = parameters.get("token")
    if token is None:
        raise invalid_request("token is missing")
    row = await parts.tokens.find(token)
    if row is None:
        return web.Response(headers=answers.NO_STORE)
    if not _may_revoke(client, row):
        raise OAuthError("unauthorized_client", "The token was issued to another client")
    by = Caller(
        actor=client.id, organization=client.organization, permissions=client.permissions, application=client.id
    )
    origin = Origin(client.id, client.organization, client.id, request["request_id"], reads=client.guards)
    outcome = await tokens.revoke(parts.store, origin, by, family=row["family"], token=row["id"], reason=REASON)
    return web.Response(headers={**answers.NO_STORE, POSITION: str(outcome.position)})


HANDLER = endpoint(revoke, "revoke")


def _may_revoke(client: Client, row: asyncpg.Record) -> bool:
    if row["application"] == client.id:
        return True
    same = row["organization"] == client.organization or "root" in client.permissions
    return same and allows(client.permissions, "revoke_token")
