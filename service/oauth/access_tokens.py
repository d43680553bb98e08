"""Access tokens of people: JWTs as in RFC 9068, or references; whoever acts in the person's name is named in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.application_settings import TokenFormat
from domain.grant_types import TOKEN_EXCHANGE
from service.secrets.digests import ACCESS_TOKEN, new_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.oauth.clients import Client
    from service.parts import Parts


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token that was made and is not on record yet."""

    id: UUID
    text: str = field(repr=False)
    expires_at: datetime
    lifetime: int


def access_token(
    parts: Parts,
    client: Client,
    token: UUID,
    *,
    user: UUID,
    scope: str,
    audience: str,
    grant_type: str,
    now: datetime,
    account: UUID | None,
    actor: UUID | None,
    authenticated_at: datetime | None,
    end_user: str | None,
    not_after: datetime | None = None,
    format: TokenFormat | None = None,
    more: Mapping[str, str] | None = None,
) -> AccessToken:
    """Return a new access token in a format, the client's unless it is given (RFC 9068 for a JWT).

    `token` is its `jti`, `more` are further claims.
    """
    issued_at = now.replace(microsecond=0)
    expires_at = issued_at + timedelta(seconds=client.token_lifetime(issued_at))
    if not_after is not None:
        expires_at = min(expires_at, not_after.replace(microsecond=0))
    lifetime = int((expires_at - issued_at).total_seconds())
    if (format or client.token_format) is not TokenFormat.JWT:
        return AccessToken(token, new_secret(ACCESS_TOKEN), expires_at, lifetime)
    claims: dict[str, object] = {
        "iss": parts.settings.issuer,
        "sub": str(user),
        "client_id": client.client_id,
        "aud": audience,
        "scope": scope,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
        "jti": str(token),
    }
    if authenticated_at is not None:
        claims["auth_time"] = int(authenticated_at.timestamp())
    if account is not None:
        claims["acc"] = str(account)
    if end_user is not None:
        claims["end_user"] = end_user
    act = acting(actor, grant_type, client.client_id)
    if act is not None:
        claims["act"] = act
    claims |= more or {}
    return AccessToken(token, parts.keys.signer.sign(claims), expires_at, lifetime)


def acting(actor: UUID | None, grant_type: str, client_id: str) -> dict[str, str] | None:
    """Return the `act` claim (RFC 8693 section 4.1): who acts in the user's name, None when it is the user.

    A client that exchanged a token without naming anybody acts itself.
    """
    if actor is not None:
        return {"sub": str(actor)}
    return {"sub": client_id} if grant_type == TOKEN_EXCHANGE else None
