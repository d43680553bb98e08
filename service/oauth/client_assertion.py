"""Client assertions: private_key_jwt of OpenID Connect Core section 9, RFC 7521 and RFC 7523.

Stricter than the RFCs where spec/README.md 17 says so: `aud` is one string, the issuer or the token endpoint's exact
URL; the lifetime is at most an hour; a `jti` works once.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from datetime import datetime

    from service.oauth.clients import Client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA")
MAX_LIFETIME = 3600  # seconds
LEEWAY = 30  # seconds of difference between two clocks
MAX_LENGTH = 8192


def claimed_client(assertion: str) -> str | None:
    """Return whom an assertion claims to be, unverified; None when it cannot be read."""
    try:
        claims = jwt.decode(assertion[:MAX_LENGTH], options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


def verify(assertion: str, client: Client, now: datetime, *, audiences: tuple[str, ...]) -> bool:
    """Say whether the assertion was signed by the client for this service and is within its time."""
    try:
        header = jwt.get_unverified_header(assertion)
        algorithm = header.get("alg")
        # No `crit` is understood. Keys come from the client's registration alone: jku, jwk and x5u are not looked at.
        if algorithm not in ALGORITHMS or "crit" in header:
            return False
        for key in _candidates(client, header.get("kid"), algorithm):
            claims = _claims(assertion, key, algorithm)
            if claims is not None:
                return _acceptable(claims, client.client_id, now.timestamp(), audiences)
    except jwt.PyJWTError:
        return False
    return False


def _candidates(client: Client, kid: object, algorithm: str) -> list[jwt.PyJWK]:
    found = []
    for member in (client.key_set or {}).get("keys", []):
        if kid is not None and member.get("kid") not in (None, kid):
            continue
        if member.get("alg") not in (None, algorithm) or member.get("use") not in (None, "sig"):
            continue
        try:
            found.append(jwt.PyJWK(member, algorithm=algorithm))
        except jwt.PyJWTError:
            continue
    return found


def _claims(assertion: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any] | None:
    options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        return jwt.decode(assertion, key, algorithms=[algorithm], options=options)  # type: ignore[arg-type]
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError, TypeError, ValueError):
        return None


def _acceptable(claims: dict[str, Any], client_id: str, now: float, audiences: tuple[str, ...]) -> bool:
    expiry, issued, start = claims.get("exp"), claims.get("iat"), claims.get("nbf")
    times = [value for value in (expiry, issued, start) if value is not None]
    if not isinstance(expiry, int | float) or any(not isinstance(v, int | float) or isinstance(v, bool) for v in times):
        return False
    return (
        claims.get("iss") == client_id
        and claims.get("sub") == client_id
        and claims.get("aud") in audiences
        and isinstance(claims.get("aud"), str)
        and isinstance(claims.get("jti"), str)
        and 0 < len(claims["jti"]) <= 256  # noqa: PLR2004 - longer ones serve nobody
        and now - LEEWAY < expiry <= (issued if issued is not None else now) + MAX_LIFETIME
        and expiry <= now + MAX_LIFETIME + LEEWAY
        and (issued is None or issued <= now + LEEWAY)
        and (start is None or start <= now + LEEWAY)
    )


def digest(assertion: str, client: Client) -> bytes:
    """Return what stands for this client's use of the `jti` of a verified assertion in the replay store."""
    claims = jwt.decode(assertion, options={"verify_signature": False})
    return hashlib.sha256(f"{client.id}:{claims['jti']}".encode()).digest()
