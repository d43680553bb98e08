"""ID tokens (OpenID Connect Core section 2): who signed in, when and how, told to the application they came from.

What is known of the person beside their id is not in here: it is for `userinfo`, as section 5.4 has it for every flow
that gives an access token. Whoever issues one signs with the ring's key, so its append carries `KeyRing.guards`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from service.oauth.clients import Client
    from service.parts import Parts

TYPE = "JWT"
LIFETIME = 3600  # seconds
# Section 3.1.3.6: the hash is that of the algorithm's signature; Ed25519 signs over SHA-512 (RFC 8032 section 5.1).
HASHES = {"ES256": hashlib.sha256, "RS256": hashlib.sha256, "EdDSA": hashlib.sha512}


def id_token(
    parts: Parts,
    *,
    client: Client,
    user: UUID,
    session: UUID | None,
    methods: Sequence[str],
    authenticated_at: datetime | None,
    nonce: str | None,
    access_token: str,
    now: datetime,
) -> str:
    """Return an ID token for a client. What is None or empty is left out; `methods` are words of RFC 8176."""
    signer = parts.keys.id_token_signer
    issued_at = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": parts.settings.issuer,
        "sub": str(user),
        "aud": client.client_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME,
        "at_hash": left_half(access_token, signer.algorithm),
    }
    if authenticated_at is not None:
        claims["auth_time"] = int(authenticated_at.timestamp())
    if nonce is not None:
        claims["nonce"] = nonce
    if session is not None:
        claims["sid"] = str(session)
    if methods:
        claims["amr"] = list(methods)
    return signer.sign(claims, typ=TYPE)


def left_half(token: str, algorithm: str) -> str:
    """Return the `at_hash` of a token (section 3.1.3.6): the left half of its hash, in base64url."""
    digest = HASHES[algorithm](token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")
