"""The refresh token grant (RFC 6749 section 6): access goes on, with another refresh token each time.

A refresh token that comes back after its replacement ends its family (RFC 9700 section 4.14.2), but for a client's own
grace: then the answer that was lost is given again, with another access token. What must be refused changes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from domain.refusals import RefreshReplayed
from projections import tokens
from projections.roles import NOTHING
from service import authority
from service.commands.impersonation import GRANT_TYPE as IMPERSONATION
from service.oauth import people
from service.oauth.access_tokens import access_token
from service.oauth.errors import invalid_grant, invalid_request, invalid_scope
from service.oauth.id_token import id_token
from service.parts import REQUEST_ID
from service.secrets.digests import sha256, sha256_hex
from service.secrets.refresh_secrets import refresh_secret, same_secret

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from aiohttp import web

    from domain.token_family import TokenFamily
    from projections.roles import Held
    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts


async def grant(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> IssuedForPerson:
    """Exchange a refresh token. Raises OAuthError, RefreshReplayed, TokenEnded."""
    token = parameters.get("refresh_token")
    if token is None:
        raise invalid_request("refresh_token is missing")
    digest = sha256(token)

    async def attempt(client: Client) -> IssuedForPerson:
        now = parts.clock.now()
        row = await tokens.renewing(parts.store.pool, digest, now)
        if row is None or row["application"] != client.id:
            raise invalid_grant("the refresh token is unknown, or another client's")
        family = tokens.renewable(row)
        grace = timedelta(seconds=client.refresh_grace)
        if family.detect_reuse(digest.hex(), now, grace):
            await people.append(parts, client, request[REQUEST_ID], client.id, (family,))
            raise RefreshReplayed
        if not row["in_force"] or family.user is None:
            raise invalid_grant("the person, their session or what they act in is out of force")
        people.require_resource(parameters, row["audience"])
        held = await _held(parts, row)
        scope = _scope(parts, client, row, parameters.get("scope"), now, held=held)
        return await _renew(
            request, parts, client, row, family, presented=digest.hex(), scope=scope, held=held, grace=grace, now=now
        )

    return await people.decided(request, parts, parameters, client, attempt)


async def _renew(
    request: web.Request,
    parts: Parts,
    client: Client,
    row: asyncpg.Record,
    family: TokenFamily,
    *,
    presented: str,
    scope: str,
    held: Held,
    grace: timedelta,
    now: datetime,
) -> IssuedForPerson:
    user = row["user_id"]
    who: dict[str, Any] = {
        "user": user, "account": family.account, "actor": family.actor, "end_user": family.end_user
    }  # fmt: skip
    # Who acts in another's name does so for the time that was given, however often it is renewed.
    until = family.refresh_expires_at if row["grant_type"] == IMPERSONATION else None
    access = access_token(
        parts,
        client,
        parts.clock.new_id(),
        scope=scope,
        audience=row["audience"],
        grant_type=row["grant_type"],
        now=now,
        authenticated_at=family.authenticated_at,
        not_after=until,
        **who,
    )
    repeated = presented != family.refresh_digest
    secret = (
        same_secret(parts.ring, parts.reload_ring, family.id, row["current_version"], str(family.refresh_digest))
        if repeated
        else refresh_secret(parts.ring, family.id, family.version + 1)
    )
    family.refresh(
        presented,
        token=access.id,
        scope=scope,
        audience=row["audience"],
        format=client.token_format,
        digest=sha256_hex(access.text),
        expires_at=access.expires_at,
        refresh_digest=None if secret is None else sha256_hex(secret),
        refresh_expires_at=until or now + timedelta(seconds=client.refresh_token_lifetime),
        now=now,
        grace=grace,
    )
    identity = None
    if people.OPENID in scope.split(" "):
        identity = id_token(
            parts,
            client=client,
            user=user,
            session=family.session,
            methods=row["methods"] or (),
            authenticated_at=family.authenticated_at,
            nonce=None,  # OpenID Connect Core section 12.2: the nonce answers a request that there is none of now
            access_token=access.text,
            now=now,
        )
    kept = people.guards(
        client,
        row["head"],
        session=None if people.outlives(row["scope"]) else family.session,
        membership=family.membership,
        **who,
    )
    reads = (kept, client.guards, parts.keys.guards, held.guards)
    position = await people.append(parts, client, request[REQUEST_ID], family.actor or user, (family,), reads=reads)
    return people.handed_out(access, scope, user, position, refresh_token=secret, id_token=identity)


async def _held(parts: Parts, row: asyncpg.Record) -> Held:
    """Return what the person's roles hold by now; nothing where somebody else acts in their name."""
    if row["actor"] is not None:
        return NOTHING
    return await authority.at(parts, row["audience"], row["scope"], user=row["user_id"])


def _scope(parts: Parts, client: Client, row: asyncpg.Record, asked: str | None, now: datetime, *, held: Held) -> str:
    """Return what of the family's scope is asked for and may still be had; the family itself keeps all of it.

    Raises OAuthError invalid_scope when more is asked for than was granted (RFC 6749 section 6), or nothing remains.
    """
    granted = row["scope"].split(" ")
    if asked is not None and not set(asked.split()) <= set(granted):
        raise invalid_scope("More is asked for than was granted")
    if asked is None and not row["scope"]:  # an application that holds nothing, and a person it may act for
        return ""
    wanted = row["scope"] if asked is None else asked
    issuer = parts.settings.issuer
    return " ".join(people.scope_for_people(client, row["audience"], wanted, now, issuer, roles=held.permissions))
