"""Client assertions: private_key_jwt of OpenID Connect Core section 9, RFC 7521 and RFC 7523.

Stricter than the RFCs where spec/README.md 17 says so: `aud` is one string, the issuer or the token endpoint's exact
URL; the lifetime is at most an hour; a `jti` works once.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from datetime import datetime

    from service.oauth.clients import Client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA")
MAX_LIFETIME = 3600  # seconds
LEEWAY = 30  # seconds of difference between two clocks
MAX_LENGTH = 8192
UNREADABLE = (jwt.PyJWTError, RecursionError, UnicodeEncodeError)


def claimed_client(assertion: str) -> str | None:
    """Return whom an assertion claims to be, unverified; None when it cannot be read."""
    if len(assertion) > MAX_LENGTH:
        return None
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except UNREADABLE:
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


def verify(assertion: str, client: Client | None, now: datetime, *, audiences: tuple[str, ...]) -> bool:
    """Say whether the assertion was signed by the client for this service and is within its time.

    Where there is no client or no key of it to try, it takes the time that a wrong signature takes.
    """
    try:
        header = jwt.get_unverified_header(assertion)
        algorithm = header.get("alg")
        # No `crit` is understood. Keys come from the client's registration alone: jku, jwk and x5u are not looked at.
        if algorithm not in ALGORITHMS or "crit" in header:
            return False
        candidates = [] if client is None else _candidates(client, header.get("kid"), algorithm)
        for key in candidates:
            claims = _claims(assertion, key, algorithm)
            if claims is not None and client is not None:
                return _acceptable(claims, client.client_id, now.timestamp(), audiences)
        if not candidates:
            _claims(assertion, _decoy(algorithm), algorithm)
    except UNREADABLE:
        return False
    return False


@cache
def _decoy(algorithm: str) -> jwt.PyJWK:
    """Return a key for the work of a verification whose outcome does not count."""
    match algorithm:
        case "ES256" | "ES384":
            curve = ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1()
            jwk = ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key(), as_dict=True)
        case "EdDSA":
            jwk = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
        case _:
            # Any odd number will do for a modulus, and takes no time to make.
            jwk = RSAAlgorithm.to_jwk(rsa.RSAPublicNumbers(65537, 1 << 2047 | 1).public_key(), as_dict=True)
    return jwt.PyJWK(jwk, algorithm=algorithm)


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
    return hashlib.sha256(f"{client.id}:{claims['jti']}".encode("utf-8", "surrogatepass")).digest()
