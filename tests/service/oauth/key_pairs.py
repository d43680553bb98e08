"""Key pairs of clients, and the assertions they sign with them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA")


@dataclass(frozen=True)
class Pair:
    """A private key, and its public half as a JWK."""

    algorithm: str
    private: Any
    public: dict[str, Any]

    @property
    def of_joserfc(self) -> Key:
        """The private key as Authlib takes it."""
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}[self.public["kty"]].import_key(pem)


def pair(algorithm: str, kid: str | None = "one") -> Pair:
    private, kind = _private(algorithm)
    jwk = kind.to_jwk(private.public_key(), as_dict=True)
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    return Pair(algorithm, private, public if kid is None else {**public, "kid": kid})


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private(algorithm: str) -> tuple[Any, Any]:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1()), ECAlgorithm
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1()), ECAlgorithm
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm
        case _:
            return _rsa(), RSAAlgorithm


def told(client_id: str, audience: object, *, now: float | None = None, **claims: Any) -> dict[str, Any]:
    """Return the claims of an assertion that lives for a minute; a claim that is None is left out."""
    now = int(time.time()) if now is None else now
    made = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
    return {name: value for name, value in (made | claims).items() if value is not None}


def signed(pair: Pair, claims: dict[str, Any], *, algorithm: str | None = None, **header: Any) -> str:
    return jwt.encode(claims, pair.private, algorithm=algorithm or pair.algorithm, headers={"kid": "one", **header})


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
