"""Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4): an application is told that a session is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.secrets.signing import Signer

TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME = 120  # seconds, the most that section 2.4 recommends


def logout_token(
    signer: Signer, *, issuer: str, client_id: str, user: UUID, session: UUID, id: UUID, now: datetime
) -> str:
    """Return a logout token for a client. It has no nonce, so that nobody takes it for an ID token (section 2.4)."""
    issued_at = int(now.timestamp())
    claims = {
        "iss": issuer,
        "sub": str(user),
        "aud": client_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME,
        "jti": str(id),
        "sid": str(session),
        "events": {EVENT: {}},
    }
    return signer.sign(claims, typ=TYPE)
