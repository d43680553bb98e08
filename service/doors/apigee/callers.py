"""Callers who prove themselves at each request by an application's id and secret (HTTP Basic, RFC 7617).

They are what they would be by a token of their own: with all that the application holds at the management audiences,
and nothing if it may not have a token by its credentials alone. Proved as at the token endpoints, in constant time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from domain.caller import Caller
from domain.grant_types import CLIENT_CREDENTIALS
from domain.refusals import MissingPermission
from service.http.bearer import Authenticated, Unauthenticated
from service.oauth.client_authentication import presented
from service.oauth.errors import OAuthError
from service.pages.csrf import from_here
from service.parts import PRESENTED_CLIENT
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from uuid import UUID

    from aiohttp import web

    from service.oauth.client_authentication import Credentials
    from service.oauth.clients import Client
    from service.parts import Parts


@dataclass(frozen=True, slots=True)
class ByCredentials(Authenticated):
    """A caller with what proved it, by which it is proved again; there is no token."""

    credentials: Credentials = field(kw_only=True, repr=False)


def has_credentials(request: web.Request) -> bool:
    """Say whether a request comes with HTTP Basic, and with nothing else."""
    headers = request.headers.getall("Authorization", [])
    return len(headers) == 1 and headers[0].partition(" ")[0].lower() == "basic"


async def by_credentials(request: web.Request, parts: Parts) -> ByCredentials:
    """Return the application behind the credentials of a request, as it is now. Raises Unauthenticated.

    Browsers keep credentials that were typed in and add them to what any site lets them send: that changes nothing.
    """
    if request.method != "GET" and not from_here(request):
        raise Unauthenticated("Credentials are not taken from another site", error="invalid_request", status=400)
    try:
        credentials = presented(request, {})
    except OAuthError as refused:
        raise Unauthenticated(refused.description, error=None) from None
    request[PRESENTED_CLIENT] = credentials.client_id
    return await _proved(parts, credentials, parts.issuer.authenticate(credentials))


def origin(parts: Parts, authenticated: ByCredentials, request_id: UUID) -> Origin:
    """Return where this caller's commands come from; its authority is judged again when a guard of it moved.

    That raises Unauthenticated, and MissingPermission when the application may do less than it could.
    """
    caller = authenticated.caller

    async def renew() -> Origin:
        credentials = authenticated.credentials
        present = await _proved(parts, credentials, parts.issuer.again(credentials))
        lost = caller.permissions - present.caller.permissions
        if lost:
            raise MissingPermission(f"taken away meanwhile: {' '.join(sorted(lost))}")
        return origin(parts, replace(authenticated, reads=present.reads), request_id)

    return Origin(
        caller.actor, caller.organization, caller.application, request_id, reads=authenticated.reads, renew=renew
    )


async def _proved(parts: Parts, credentials: Credentials, proof: Awaitable[Client]) -> ByCredentials:
    try:
        client = await proof
    except OAuthError as refused:
        raise Unauthenticated(refused.description, error=None) from None
    now = parts.clock.now()
    held: set[str] = set()
    if client.may(CLIENT_CREDENTIALS):
        for audience in parts.settings.management_audiences:
            held.update(client.held(audience, now) or ())
    caller = Caller(
        actor=client.id, organization=client.organization, permissions=frozenset(held), application=client.id
    )
    return ByCredentials(
        caller, client.client_id, client.kind.value, client.rate_limit, client.guards, "", credentials=credentials
    )
