"""The exchange of a personal access token: access in its owner's name, where they are not there to be asked.

It is a token exchange (RFC 8693) whose subject token is no access token: spec/logto.md section 8. What is issued dies
with the personal access token and lives no longer; it comes without refresh token and ID token, and with no permission
of the management interface. Without a resource it is a reference, good for asking who the owner is.

With `organization_id` it is for what the owner is in that account, of which they must be a member.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.application_settings import TokenFormat
from domain.grant_types import TOKEN_EXCHANGE
from domain.permissions import OFFLINE_ACCESS
from domain.scope import organization_audience
from projections import memberships, personal_access_tokens
from service.oauth import people
from service.oauth.end_user import asserted
from service.oauth.errors import access_denied, invalid_grant, invalid_request, invalid_scope, unauthorized_client
from service.oauth.token_types import ACCESS_TOKEN, PERSONAL_ACCESS_TOKEN
from service.parts import REQUEST_ID
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import asyncpg
    from aiohttp import web

    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts

SHORTEST = timedelta(seconds=1)  # what is left of a token's life is counted in whole seconds


class Place(NamedTuple):
    """An account that the owner acts in, and their membership there."""

    account: UUID
    membership: UUID


async def grant(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> IssuedForPerson:
    """Issue an access token to a client for the owner of the personal access token that it has.

    Raises OAuthError: invalid_request (something is missing, or an actor is named), unauthorized_client (a third
    party), invalid_grant (no token that can be used, or an owner who may not come in), access_denied (no member of the
    account), invalid_target, invalid_scope.
    """
    _require_types(parameters)

    async def attempt(client: Client) -> IssuedForPerson:
        if client.standing is not None:
            raise unauthorized_client("A third party may not exchange personal access tokens")
        now = parts.clock.now()
        token = await _presented(parts, client, parameters["subject_token"], now)
        place = await _place(parts, token["user_id"], parameters.get("organization_id"))
        resource = people.named_audience(parameters)
        audience, issuer = resource or _own_audience(parts, place), parts.settings.issuer
        scope = [
            name
            for name in people.scope_for_people(
                client, audience, parameters.get("scope"), now, issuer, listed=resource is not None or place is None
            )
            if name != OFFLINE_ACCESS
        ]
        if not scope:
            raise invalid_scope("Nothing remains of the scope")
        return await people.issue_family(
            parts,
            client,
            request_id=request[REQUEST_ID],
            grant_type=TOKEN_EXCHANGE,
            user=token["user_id"],
            account=None if place is None else place.account,
            membership=None if place is None else place.membership,
            scope=" ".join(scope),
            audience=audience,
            position=token["head"],
            end_user=asserted(request, parameters, client, token["user_id"]),
            refresh=False,
            id_token=False,
            not_after=token["expires_at"],
            more={"issued_token_type": ACCESS_TOKEN},
            personal_access_token=token["id"],
            format=TokenFormat.OPAQUE if resource is None and place is None else None,
            claims=None if resource is None or place is None else {"organization_id": str(place.account)},
        )

    return await people.decided(request, parts, parameters, client, attempt)


def _require_types(parameters: Mapping[str, str]) -> None:
    """Refuse what is no exchange of a personal access token for an access token, by nobody else. Raises OAuthError."""
    if "subject_token" not in parameters:
        raise invalid_request("subject_token is missing")
    if "actor_token" in parameters or "actor_token_type" in parameters:
        raise invalid_request(f"There is no actor where a {PERSONAL_ACCESS_TOKEN} is exchanged")
    if parameters.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise invalid_request(f"requested_token_type must be {ACCESS_TOKEN}")


async def _presented(parts: Parts, client: Client, value: str, now: datetime) -> asyncpg.Record:
    """Return the row of a token that its owner can use now, in the client's organization. Raises invalid_grant.

    Which of the reasons it is, the log knows and the client does not.
    """
    token = await personal_access_tokens.presented(parts.store.pool, sha256_hex(value))
    if token is None:
        raise invalid_grant("no such personal access token")
    if token["organization"] != client.organization:
        raise invalid_grant("a personal access token of another organization")
    if token["organization_status"] != "active":
        raise invalid_grant("the organization is not active")
    if token["user_status"] != "active":
        raise invalid_grant("the owner of the personal access token is not active")
    if token["expires_at"] is not None and token["expires_at"] - now < SHORTEST:
        raise invalid_grant("the personal access token has expired")
    return token


async def _place(parts: Parts, user: UUID, named: str | None) -> Place | None:
    """Return the account that is named, with the owner's membership; None where none is. Raises access_denied.

    Both were read after the token: its position guards them.
    """
    if named is None:
        return None
    account = _id(named)
    membership = None if account is None else await memberships.in_active_account(parts.store.pool, account, user)
    if account is None or membership is None:
        raise access_denied("The user is no member of this organization")
    return Place(account, membership)


def _own_audience(parts: Parts, place: Place | None) -> str:
    """Return whom a token is for that names no resource: us, or the account."""
    return parts.settings.issuer if place is None else organization_audience(place.account)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
