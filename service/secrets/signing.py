"""Sign JWTs as fast as the private key allows, and make the keys for it.

ES256 and RS256 are RFC 7518 sections 3.4 and 3.3, EdDSA with Ed25519 is RFC 8037 section 3.1.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ALGORITHMS = ("ES256", "RS256", "EdDSA")
RSA_BITS = 2048
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068 section 2.1
# What names a key (RFC 7638 section 3.2, RFC 8037 section 2), in the order in which its thumbprint takes it.
IDENTITY = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}

ECDSA_SHA256 = ec.ECDSA(SHA256())
CLAIMS = msgspec.json.Encoder()


class UnusableKey(ValueError):
    """A key does not fit its algorithm, or an algorithm is not one of ALGORITHMS. Never quotes the key."""


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A new key pair: the public half as a JWK with kid, use and alg, the private half as PKCS 8 in PEM."""

    kid: str
    algorithm: str
    public_key: dict[str, str]
    private_key: str = field(repr=False)


class Signer:
    """Signs with one key. Parsing and everything that repeats is done once, when it is made."""

    __slots__ = ("_headers", "_sign", "algorithm", "kid")

    def __init__(self, kid: str, algorithm: str, private_key: str) -> None:
        """Take the private key as unencrypted PEM. Raises UnusableKey."""
        self.kid = kid
        self.algorithm = algorithm
        self._sign = _signature_maker(algorithm, private_key)
        self._headers: dict[str, bytes] = {ACCESS_TOKEN_TYPE: self._header(ACCESS_TOKEN_TYPE)}

    def __repr__(self) -> str:
        """Show the public name of the key."""
        return f"Signer({self.kid}, {self.algorithm})"

    def sign(self, claims: Mapping[str, object], *, typ: str = ACCESS_TOKEN_TYPE) -> str:
        """Return the compact JWS (RFC 7515 section 3.1) over the claims; times are given as whole seconds."""
        header = self._headers.get(typ)
        if header is None:
            header = self._headers[typ] = self._header(typ)
        signed = header + _base64url(CLAIMS.encode(claims))
        return (signed + b"." + _base64url(self._sign(signed))).decode("ascii")

    def _header(self, typ: str) -> bytes:
        return _base64url(CLAIMS.encode({"alg": self.algorithm, "typ": typ, "kid": self.kid})) + b"."


def generate(algorithm: str) -> GeneratedKey:
    """Make a key pair for one of ALGORITHMS; its kid is its RFC 7638 thumbprint. Raises UnusableKey."""
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    match algorithm:
        case "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        case "RS256":
            private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        case "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        case _:
            raise UnusableKey(algorithm)
    named = _public_members(private.public_key())
    kid = thumbprint(named)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return GeneratedKey(kid, algorithm, {**named, "kid": kid, "use": "sig", "alg": algorithm}, pem)


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint of a public JWK (RFC 7638 section 3)."""
    named = CLAIMS.encode({member: jwk[member] for member in IDENTITY[jwk["kty"]]})
    return _base64url(hashlib.sha256(named).digest()).decode("ascii")


def jwks(keys: Iterable[Mapping[str, str]]) -> dict[str, list[dict[str, str]]]:
    """Return the key set document (RFC 7517 section 5) of these public JWKs; any other member is left out."""
    # A list of what may be published, not of what may not: a private member can then never slip through.
    return {"keys": [{m: jwk[m] for m in (*IDENTITY[jwk["kty"]], "kid", "use", "alg") if m in jwk} for jwk in keys]}


def _signature_maker(algorithm: str, pem: str) -> Callable[[bytes], bytes]:
    try:
        # An RSA key is not proved anew each time, which takes longer than all else at a start: what is opened here was
        # sealed when it was made, and opens in no other state.
        key = load_pem_private_key(pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise UnusableKey(algorithm) from None
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return _es256(key)
    if algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_BITS:
        rs256, pkcs1, sha256 = key, padding.PKCS1v15(), SHA256()
        return lambda signed: rs256.sign(signed, pkcs1, sha256)
    if algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    raise UnusableKey(algorithm)


def _es256(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    def sign(signed: bytes) -> bytes:
        # The library answers in DER; JWS wants r and s side by side (RFC 7518 section 3.4).
        r, s = decode_dss_signature(key.sign(signed, ECDSA_SHA256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def _public_members(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> dict[str, str]:
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw).decode("ascii")}


def _number(value: int, size: int = 0) -> str:
    return _base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big")).decode("ascii")


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
