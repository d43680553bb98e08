"""POST /oauth2/introspect (RFC 7662): what a token is worth at this moment, read from rows, on every worker alike.

Who may see a token: its own client, a client registered for its audience (access tokens only), or one with
`read_token` in the same organization (spec/README.md 18). To everybody else, and for every unknown token, it is not
active.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.permissions import ROOT, allows
from service.http.endpoint import Endpoint, Reply
from service.http.group import Group
from service.oauth import answers, shapes
from service.oauth.access_tokens import acting
from service.oauth.client_authentication import presented
from service.oauth.endpoint import admit, endpoint
from service.oauth.errors import invalid_request
from service.parts import PRESENTED_CLIENT
from service.tokens import is_active, is_renewable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    import asyncpg
    from aiohttp import web

    from service.oauth.clients import Client
    from service.parts import Parts

INACTIVE = {"active": False}


async def introspect(request: web.Request, parts: Parts, parameters: dict[str, str]) -> web.Response:
    """Answer for one token; `token_type_hint` is not needed, for the digest says where to look."""
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    token = parameters.get("token")
    # Both are asked for at once: the two look-ups share no order, and an unauthenticated caller learns nothing.
    looked_up = parts.tokens.find(token) if token else None
    try:
        client = await parts.issuer.authenticate(credentials)
        admit(request, parts, client)
    except BaseException:
        if looked_up is not None:
            looked_up.cancel()
        raise
    if looked_up is None:
        raise invalid_request("token is missing")
    row = await looked_up
    now = parts.clock.now()
    if row is None:
        return answers.document(await _of_refresh_token(parts, client, token or "", now))
    if not is_active(row, now) or not _may_see(client, row, parts.settings.management_audiences):
        return answers.document(INACTIVE)
    return answers.document(_description(row, parts.settings.issuer))


INTROSPECTION = Endpoint(
    "POST",
    "/oauth2/introspect",
    endpoint(introspect, "introspect"),
    Group.OAUTH,
    "oauth",
    "Say what a token is worth at this moment",
    shapes.replies(Reply("The token's worth.", shapes.Introspection)),
    body=shapes.TokenQuestion,
    client=True,
    errors=shapes.ERRORS,
)


async def _of_refresh_token(parts: Parts, client: Client, token: str, now: datetime) -> dict[str, Any]:
    row = await parts.tokens.find_refresh(token, now)
    # Not told to who serves the audience: there, it would pass for an access token.
    if row is None or not is_renewable(row, token, now) or not (_owns(client, row) or _may_read(client, row)):
        return INACTIVE
    told = _of_grant(row, parts.settings.issuer)
    told["token_type"] = "refresh_token"  # noqa: S105 - the type
    if row["expires_at"] is not None:
        told["exp"] = int(row["expires_at"].timestamp())
    return told


def _may_see(client: Client, row: asyncpg.Record, ours: Collection[str]) -> bool:
    return _owns(client, row) or _serves(client, row, ours) or _may_read(client, row)


def _serves(client: Client, row: asyncpg.Record, ours: Collection[str]) -> bool:
    """Say whether a token is meant for a client. The management audiences are served by us, whoever may name them."""
    audience: str = row["audience"]
    return audience in client.audiences and (audience not in ours or row["organization"] == client.organization)


def _owns(client: Client, row: asyncpg.Record) -> bool:
    owns: bool = row["application"] == client.id
    return owns


def _may_read(client: Client, row: asyncpg.Record) -> bool:
    if not allows(client.permissions, "read_token"):
        return False
    return row["organization"] == client.organization or ROOT in client.permissions


def _description(row: asyncpg.Record, issuer: str) -> dict[str, Any]:
    told = _of_grant(row, issuer)
    told["exp"] = int(row["expires_at"].timestamp())
    told["iat"] = int(row["issued_at"].timestamp())
    told["jti"] = str(row["id"])
    told["token_type"] = "Bearer"  # noqa: S105 - the type
    return told


def _of_grant(row: asyncpg.Record, issuer: str) -> dict[str, Any]:
    user = row["user_id"]
    answer: dict[str, Any] = {
        "active": True,
        "scope": row["scope"],
        "client_id": row["client_id"],
        "application_id": str(row["application"]),
        "sub": row["client_id"] if user is None else str(user),
        "aud": row["audience"],
        "iss": issuer,
    }
    if row["account"] is not None:
        answer["acc"] = str(row["account"])
    if row["end_user"] is not None:
        answer["end_user"] = row["end_user"]
    act = acting(row["actor"], row["grant_type"], row["client_id"])
    if act is not None:
        answer["act"] = act
    return answer
