"""The grant by device code (RFC 8628 sections 3.4 and 3.5): a device asks whether a person has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.device_authorization import DeviceAuthorization, Status
from domain.grant_types import DEVICE_CODE
from projections import device_authorizations as rows
from service import authority
from service.oauth import people
from service.oauth.end_user import asserted
from service.oauth.errors import OAuthError, invalid_grant, invalid_request
from service.parts import REQUEST_ID
from service.secrets.digests import sha256_hex
from service.store.device_polls import too_early

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from aiohttp import web

    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts


async def grant(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> IssuedForPerson:
    """Issue tokens to the device that a person approved, once.

    Raises OAuthError: authorization_pending, slow_down (it asked too early: five seconds more, from now on),
    access_denied, expired_token, or invalid_grant for a code that is nobody's, another client's, or used.
    """
    code = parameters.get("device_code")
    if code is None:
        raise invalid_request("device_code is missing")
    digest, polled = sha256_hex(code), False

    async def attempt(client: Client) -> IssuedForPerson:
        nonlocal polled
        now = parts.clock.now()
        row = _of_client(await rows.by_digest(parts.store.pool, digest, now), client)
        _require_time(row, now)
        if not polled:
            polled = True
            await _require_patience(parts, row, now)
        _require_approval(row)
        people.require_resource(parameters, row["audience"])
        end_user = asserted(request, parameters, client, row["user_id"])
        return await _redeem(request, parts, client, row, end_user=end_user, now=now)

    return await people.decided(request, parts, parameters, client, attempt)


def _of_client(row: asyncpg.Record | None, client: Client) -> asyncpg.Record:
    if row is None:
        raise invalid_grant("no such device code, or it was used")
    if row["application"] != client.id:
        raise invalid_grant("the device code belongs to another client")
    return row


def _require_time(row: asyncpg.Record, now: datetime) -> None:
    if now >= row["expires_at"]:
        raise OAuthError("expired_token", "The device code has expired: ask for another")


async def _require_patience(parts: Parts, row: asyncpg.Record, now: datetime) -> None:
    if await too_early(parts.store.pool, row["id"], now, row["expires_at"]):
        raise OAuthError("slow_down", "The device asks too often: wait five seconds more from now on")


def _require_approval(row: asyncpg.Record) -> None:
    match Status(row["status"]):
        case Status.PENDING:
            waiting = OAuthError("authorization_pending", "Nobody has answered yet")
            waiting.recorded = False
            raise waiting
        case Status.DENIED:
            raise OAuthError("access_denied", "The person refused")
    if not row["in_force"]:
        raise OAuthError("access_denied", "The approval is no longer in force")


async def _redeem(
    request: web.Request,
    parts: Parts,
    client: Client,
    row: asyncpg.Record,
    *,
    end_user: str | None,
    now: datetime,
) -> IssuedForPerson:
    """Exchange the approval for tokens. What client or person have lost since the request, it does not get."""
    audience, asked = row["audience"], row["scope"]
    held = await authority.at(parts, audience, asked, user=row["user_id"])
    scope = people.scope_for_people(client, audience, asked, now, parts.settings.issuer, roles=held.permissions)
    device = DeviceAuthorization.recalled(
        id=row["id"],
        version=row["version"],
        organization=row["organization"],
        application=row["application"],
        status=row["status"],
        expires_at=row["expires_at"],
        at=row["requested_at"],
    )
    family = parts.clock.new_id()
    device.redeem(family, now)
    return await people.issue_family(
        parts,
        client,
        request_id=request[REQUEST_ID],
        grant_type=DEVICE_CODE,
        family=family,
        user=row["user_id"],
        session=row["session"],
        scope=" ".join(scope),
        audience=audience,
        position=row["head"],
        end_user=end_user,
        authenticated_at=row["authenticated_at"],
        methods=row["methods"],
        more_reads=held.guards,
        along=(device,),
    )
