"""Digests of passwords as Logto's `Legacy` writes them: JSON, `[algorithm, arguments, digest]` (spec/logto.md 6.6).

"@" among the arguments stands for the password. Of most algorithms they are joined and digested. The others have
places for them:

    pbkdf2, pbkdf2Sync   salt (`hex:…` or as it is), iterations, length of the key, digest, "@"; in hex
    firebase-scrypt      salt, signer key, salt separator, rounds, memory cost, "@"; keys, salts and digest in base64
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from domain.refusals import InvalidDigest, UnsupportedDigest

if TYPE_CHECKING:
    from collections.abc import Callable

ITERATIONS_LIMIT = 2_000_000
"""Of pbkdf2, over all blocks of the key: a second or two of one core."""
KEY_LIMIT = 512  # bytes
# What Firebase itself allows: https://firebase.google.com/docs/auth/admin/import-users
ROUNDS_LIMIT, MEMORY_COST_LIMIT = 8, 14
MEMORY_LIMIT = 32 * 2**20  # bytes; those take 16 MiB

PASSWORD = "@"  # noqa: S105 - where it stands
_EXTENDABLE = {"shake_128": 16, "shake_256": 32}
"""Digests of any length, and the bytes that OpenSSL gives them unasked."""
_NUMBER = re.compile(r"[1-9]\d{0,6}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_decode = msgspec.json.Decoder(tuple[str, list[str | int], str]).decode


class Legacy(NamedTuple):
    """How a digest is made of a password, in bytes, and what comes of the right one."""

    made: Callable[[bytes], bytes]
    expected: bytes


def read(text: str) -> Legacy:
    """Return what such a text says.

    Raises UnsupportedDigest for an algorithm that is not known here, InvalidDigest for a text of another form or one
    that costs too much to check.
    """
    try:
        algorithm, told, digest = _decode(text)
    except (msgspec.MsgspecError, ValueError):
        raise _invalid("no algorithm, arguments and digest") from None
    arguments = [str(each) for each in told]
    if PASSWORD not in arguments:
        raise _invalid("no place for the password")
    match algorithm:
        case "pbkdf2" | "pbkdf2Sync":
            return _pbkdf2(arguments, digest)
        case "firebase-scrypt":
            return _firebase_scrypt(arguments, digest)
        case _:
            return _joined(algorithm, arguments, digest)


def _joined(algorithm: str, arguments: list[str], digest: str) -> Legacy:
    size = _size(algorithm)

    def made(password: bytes) -> bytes:
        text = b"".join(password if each == PASSWORD else each.encode() for each in arguments)
        digested = hashlib.new(algorithm, text, usedforsecurity=False)
        # The length is asked for where there is none by itself.
        return digested.digest() if digested.digest_size else digested.digest(size)  # type: ignore[call-arg] # shake

    return Legacy(made, _of_hex(digest, size))


def _pbkdf2(arguments: list[str], digest: str) -> Legacy:
    salt_text, iterations, length, algorithm = _before_password(arguments, 4)
    salt = _of_hex(salt_text[4:]) if salt_text.startswith("hex:") else salt_text.encode()
    rounds, size = _number(iterations, ITERATIONS_LIMIT), _number(length, KEY_LIMIT)
    block = _size(algorithm)
    if rounds * -(-size // block) > ITERATIONS_LIMIT:
        raise _invalid("too many iterations")
    if _is_extendable(algorithm):
        raise _unsupported()

    def made(password: bytes) -> bytes:
        return hashlib.pbkdf2_hmac(algorithm, password, salt, rounds, size)

    return Legacy(made, _of_hex(digest, size))


def _firebase_scrypt(arguments: list[str], digest: str) -> Legacy:
    """Read how Firebase digests: scrypt makes a key, which the project's own key is encrypted with.

    https://github.com/firebase/scrypt describes it; only accounts' salts and digests differ within a project.
    """
    salt, signer_key, separator, rounds, memory = _before_password(arguments, 5)
    salted, signer, expected = _of_base64(salt) + _of_base64(separator), _of_base64(signer_key), _of_base64(digest)
    size, cost = _number(rounds, ROUNDS_LIMIT), 2 ** _number(memory, MEMORY_COST_LIMIT)
    if len(expected) != len(signer):
        raise _invalid("the digest has another length than the signer key")

    def made(password: bytes) -> bytes:
        key = hashlib.scrypt(password, salt=salted, n=cost, r=size, p=1, maxmem=MEMORY_LIMIT, dklen=32)
        # Each key is used once: there is no counter to begin with but the first.
        cipher = Cipher(AES256(key), CTR(bytes(16))).encryptor()
        return cipher.update(signer) + cipher.finalize()

    return Legacy(made, expected)


def _size(algorithm: str) -> int:
    """Return the length of a digest in bytes. Raises UnsupportedDigest where the algorithm is not known here."""
    try:
        made = hashlib.new(algorithm, usedforsecurity=False)
    except (ValueError, TypeError):  # TypeError: a name that OpenSSL cannot be asked for
        raise _unsupported() from None
    size = made.digest_size or _EXTENDABLE.get(made.name, 0)
    if not size:  # "null" makes nothing of anything: every password would be right
        raise _unsupported()
    return size


def _is_extendable(algorithm: str) -> bool:
    return not hashlib.new(algorithm, usedforsecurity=False).digest_size


def _before_password(arguments: list[str], count: int) -> list[str]:
    if len(arguments) != count + 1 or arguments[count] != PASSWORD:
        raise _invalid(f"{count} arguments and the password")
    return arguments[:count]


def _number(text: str, limit: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > limit:
        raise _invalid(f"a number from 1 to {limit}")
    return int(text)


def _of_hex(text: str, size: int | None = None) -> bytes:
    if not _HEX.fullmatch(text) or (size is not None and len(text) != 2 * size):
        raise _invalid("hex")
    return bytes.fromhex(text)


def _of_base64(text: str) -> bytes:
    """Read base64 of either alphabet, with padding or without: Firebase exports both."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raw = b""
    if not raw:
        raise _invalid("base64")
    return raw


def _unsupported() -> UnsupportedDigest:
    return UnsupportedDigest(field="password_digest")  # its name stays with the caller: it may be anything


def _invalid(detail: str) -> InvalidDigest:
    return InvalidDigest(detail, field="password_digest")
