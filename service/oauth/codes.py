"""Authorization codes: handed out once a person has signed in and consented (RFC 6749 section 4.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import consent
from domain.authorization import Authorization
from projections import accounts, memberships
from service.oauth.errors import OAuthError
from service.secrets.digests import AUTHORIZATION_CODE, new_secret, sha256_hex
from service.store.decision import collected
from service.store.log import head
from service.store.pending import Envelope

if TYPE_CHECKING:
    from uuid import UUID

    from service.oauth.clients import Client
    from service.parts import Parts
    from service.sessions import SignedIn


async def issue(
    parts: Parts,
    *,
    signed_in: SignedIn,
    client: Client,
    request_id: UUID,
    scope: str,
    audience: str,
    redirect_uri: str | None,
    code_challenge: str | None,
    nonce: str | None,
    account: UUID | None,
    consent_position: int,
) -> str:
    """Return a new code of a signed-in person for a client, good for a minute and for one use.

    `redirect_uri` is None when the request named none; `code_challenge` is of method S256, None without. With
    `account` the person acts as a member of it. The consent was read at `consent_position`, before or after the
    others. Raises OAuthError access_denied when the person is no member of the account, or it is not active; Stale
    when something that this rests on moved: read it anew, ask again.
    """
    reads = {**client.guards, consent.guard(signed_in.user, client.id): consent_position}
    for key, position in signed_in.guards.items():
        reads[key] = min(position, reads.get(key, position))
    membership = None
    if account is not None:
        position = await head(parts.store.pool)
        membership = await _membership(parts, signed_in, account)
        reads |= {f"account:{account}": position, f"membership:{membership}": position}
    text = new_secret(AUTHORIZATION_CODE)
    authorization = Authorization.issue(
        id=parts.clock.new_id(),
        organization=client.organization,
        application=client.id,
        user=signed_in.user,
        session=signed_in.id,
        account=account,
        membership=membership,
        scope=scope,
        audience=audience,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        nonce=nonce,
        methods=list(signed_in.methods),
        authenticated_at=signed_in.authenticated_at,
        digest=sha256_hex(text),
        now=parts.clock.now(),
    )
    envelope = Envelope(client.organization, signed_in.user, client.id, request_id)
    append = parts.store.prepare(collected(authorization), envelope)
    append.reads = reads
    await parts.store.appender.append(append)
    return text


async def _membership(parts: Parts, signed_in: SignedIn, account: UUID) -> UUID:
    """Return as which member the person acts in an account of their organization. Raises OAuthError."""
    row = await accounts.one(parts.store.pool, account)
    membership = await memberships.id_of(parts.store.pool, account, signed_in.user)
    if membership is None or row is None or row["organization"] != signed_in.organization or row["status"] != "active":
        raise OAuthError("access_denied", "The person is no member of the account")
    return membership
