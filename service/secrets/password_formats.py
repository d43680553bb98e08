"""Digests of passwords that other systems made, taken over until their password is next typed (spec/logto.md 6.6).

One is kept as `{format}text`, so that nothing takes it for a digest of our own. Such a digest is of the password as it
was typed, without the normalisation that ours have, and most are weak: after the next right sign-in or check one of
ours is in its place.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from domain.refusals import InvalidDigest, UnsupportedDigest
from service.secrets import legacy_digests

DIGEST_LIMIT = 256

_ARGON2 = re.compile(
    r"\$argon2(?P<kind>i|d|id)\$v=19\$m=(?P<kib>\d{1,6}),t=(?P<passes>\d{1,3}),p=(?P<lanes>\d{1,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,64})\$(?P<key>[A-Za-z0-9+/]{16,90})",
    re.ASCII,
)
MEMORY_LIMIT_KIB, LANES_LIMIT = 131_072, 16
WORK_LIMIT_KIB = 8 * MEMORY_LIMIT_KIB
"""Memory by passes: a second or two of one core. Logto's digests of before had 256 passes over 4 MiB."""

# The last characters of salt and digest stand for fewer bits than others do: an encoder leaves the rest zero.
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]", re.ASCII)
COST_LEAST, COST_MOST = 4, 14
BCRYPT_BYTES = 72
"""What bcrypt looks at of a password. Our library refuses more, where those that made the digests cut it off."""

_PLAIN = {"SHA1": ("sha1", 40), "SHA256": ("sha256", 64), "MD5": ("md5", 32)}
_ARGON2_KINDS = {"Argon2i": "i", "Argon2d": "d", "Argon2id": "id"}
_hasher = PasswordHasher()


def adopted(algorithm: str, digest: str) -> str:
    """Return the form in which a digest of another system is kept.

    `algorithm` is Argon2i, Argon2d, Argon2id, SHA1, SHA256, MD5, Bcrypt or Legacy. Raises InvalidDigest for a digest
    that is none of these or costs too much to check, UnsupportedDigest where its own algorithm is not known here.
    """
    if len(digest) <= DIGEST_LIMIT:
        if algorithm in _PLAIN:
            name, length = _PLAIN[algorithm]
            if re.fullmatch(rf"[0-9a-f]{{{length}}}", digest):
                return f"{{{name}}}{digest}"
        elif algorithm in _ARGON2_KINDS:
            if _is_bearable(digest, _ARGON2_KINDS[algorithm]):
                return f"{{argon2}}{digest}"
        elif algorithm == "Bcrypt":
            found = _BCRYPT.fullmatch(digest)
            if found is not None and COST_LEAST <= int(found["cost"]) <= COST_MOST:
                return f"{{bcrypt}}{digest}"
        elif algorithm == "Legacy":
            legacy_digests.read(digest)
            return f"{{legacy}}{digest}"
    raise InvalidDigest(algorithm, field="password_digest")


def is_foreign(digest: str) -> bool:
    """Say whether another system made the digest."""
    return digest.startswith("{")


def matches(digest: str, password: str) -> bool:
    """Say whether a password, as it was typed, is the one of a digest that `adopted` returned."""
    name, _, text = digest[1:].partition("}")
    raw = password.encode("utf-8", "surrogatepass")
    match name:
        case "argon2":
            try:
                return _hasher.verify(text, raw)
            except (Argon2Error, InvalidHashError):
                return False
        case "bcrypt":
            return bcrypt.checkpw(raw[:BCRYPT_BYTES], text.encode())
        case "legacy":
            try:
                legacy = legacy_digests.read(text)
            except (InvalidDigest, UnsupportedDigest):  # it was taken over by a system that knew more algorithms
                return False
            return hmac.compare_digest(legacy.made(raw), legacy.expected)
        case _:
            made = hashlib.new(name, raw, usedforsecurity=False).hexdigest()
            return hmac.compare_digest(made.encode(), text.encode())


def _is_bearable(digest: str, kind: str) -> bool:
    found = _ARGON2.fullmatch(digest)
    if found is None or found["kind"] != kind or not all(_is_whole(found[part]) for part in ("salt", "key")):
        return False
    kib, passes, lanes = int(found["kib"]), int(found["passes"]), int(found["lanes"])
    return (
        1 <= lanes <= LANES_LIMIT
        and 8 * lanes <= kib <= MEMORY_LIMIT_KIB  # the least: RFC 9106 section 3.1
        and passes >= 1
        and kib * passes <= WORK_LIMIT_KIB
    )


def _is_whole(text: str) -> bool:
    """Say whether a text is base64 as an encoder leaves it; Argon2 reads no other."""
    try:
        return base64.b64encode(base64.b64decode(text + "=" * (-len(text) % 4))).rstrip(b"=").decode() == text
    except ValueError:  # of a length that no text has
        return False
