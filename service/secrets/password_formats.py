"""Digests of passwords that other systems made, taken over until their password is next typed (spec/logto.md 6.6).

One is kept as `{format}text`, so that nothing takes it for a digest of our own. Such a digest is of the password as it
was typed, without the normalisation that ours have, and most are weak: after the next right sign-in one of ours is in
its place.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from domain.refusals import InvalidDigest

if TYPE_CHECKING:
    from collections.abc import Callable

DIGEST_LIMIT = 256
ITERATIONS_LIMIT = 2_000_000
KEY_LIMIT = 512  # bytes

_ARGON2 = re.compile(
    r"\$argon2(?P<kind>i|d|id)\$v=19\$m=(?P<kib>\d{1,6}),t=(?P<passes>\d{1,2}),p=(?P<lanes>\d{1,2})"
    r"\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,90}",
    re.ASCII,
)
MEMORY_LIMIT_KIB, PASSES_LIMIT, LANES_LIMIT = 131_072, 16, 16
_PLAIN = {"SHA1": ("sha1", 40), "SHA256": ("sha256", 64), "MD5": ("md5", 32)}
_ARGON2_KINDS = {"Argon2i": "i", "Argon2d": "d", "Argon2id": "id"}
_LEGACY_DIGESTS = frozenset(hashlib.algorithms_guaranteed) - {"shake_128", "shake_256"}
_PBKDF2_DIGESTS = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
_hasher = PasswordHasher()
_decode = msgspec.json.Decoder(tuple[str, list[str | int], str]).decode


def adopted(algorithm: str, digest: str) -> str:
    """Return the form in which a digest of another system is kept. Raises InvalidDigest for one nobody could check.

    `algorithm` is Argon2i, Argon2d, Argon2id, SHA1, SHA256, MD5 or Legacy; what costs too much to check is refused too.
    """
    if len(digest) <= DIGEST_LIMIT:
        if algorithm in _PLAIN:
            name, length = _PLAIN[algorithm]
            if re.fullmatch(rf"[0-9a-f]{{{length}}}", digest):
                return f"{{{name}}}{digest}"
        elif algorithm in _ARGON2_KINDS:
            if _is_bearable(digest, _ARGON2_KINDS[algorithm]):
                return f"{{argon2}}{digest}"
        elif algorithm == "Legacy" and _legacy(digest) is not None:
            return f"{{legacy}}{digest}"
    raise InvalidDigest(algorithm, field="password_digest")


def is_foreign(digest: str) -> bool:
    """Say whether another system made the digest."""
    return digest.startswith("{")


def matches(digest: str, password: str) -> bool:
    """Say whether a password, as it was typed, is the one of a digest that `adopted` returned."""
    name, _, text = digest[1:].partition("}")
    raw = password.encode("utf-8", "surrogatepass")
    if name == "argon2":
        try:
            return _hasher.verify(text, raw)
        except (Argon2Error, InvalidHashError):
            return False
    if name == "legacy":
        made = _legacy(text)
        return made is not None and hmac.compare_digest(made[0](raw), made[1])
    return hmac.compare_digest(hashlib.new(name, raw, usedforsecurity=False).hexdigest().encode(), text.encode())


def _is_bearable(digest: str, kind: str) -> bool:
    found = _ARGON2.fullmatch(digest)
    return (
        found is not None
        and found["kind"] == kind
        and 1 <= int(found["kib"]) <= MEMORY_LIMIT_KIB
        and 1 <= int(found["passes"]) <= PASSES_LIMIT
        and 1 <= int(found["lanes"]) <= LANES_LIMIT
    )


def _legacy(text: str) -> tuple[Callable[[bytes], bytes], bytes] | None:
    """Return how `[algorithm, arguments, digest]` is made of a password, and what it comes to; None: it cannot be.

    "@" among the arguments stands for the password. All are joined and digested, but for pbkdf2, whose are salt,
    iterations, length of the key, digest and "@".
    """
    try:
        algorithm, arguments, digest = _decode(text)
        expected = digest.lower().encode("ascii")
        if arguments.count("@") != 1:
            return None
        if algorithm in ("pbkdf2", "pbkdf2Sync"):
            return _pbkdf2(arguments), expected
    except (msgspec.MsgspecError, ValueError):
        return None
    if algorithm not in _LEGACY_DIGESTS or len(expected) != 2 * hashlib.new(algorithm).digest_size:
        return None

    def joined(password: bytes) -> bytes:
        parts = (password if each == "@" else str(each).encode() for each in arguments)
        return hashlib.new(algorithm, b"".join(parts), usedforsecurity=False).hexdigest().encode()

    return joined, expected


def _pbkdf2(arguments: list[str | int]) -> Callable[[bytes], bytes]:
    """Return how a key is derived. Raises ValueError for arguments that are none, or cost too much."""
    salt_text, iterations, length, algorithm, typed = map(str, arguments)
    salt = bytes.fromhex(salt_text[4:]) if salt_text.startswith("hex:") else salt_text.encode()
    rounds, size = int(iterations), int(length)
    if not 1 <= rounds <= ITERATIONS_LIMIT or not 1 <= size <= KEY_LIMIT or typed != "@":
        raise ValueError(arguments)
    if algorithm not in _PBKDF2_DIGESTS:
        raise ValueError(algorithm)

    def derived(password: bytes) -> bytes:
        return hashlib.pbkdf2_hmac(algorithm, password, salt, rounds, size).hex().encode()

    return derived
