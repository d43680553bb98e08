"""Make secrets and compare them by digest, in a time that does not depend on what was presented.

A secret reads `mun_<kind>_<43 characters><6 characters>`: 32 random bytes in base64url, then a CRC-32 of all before it,
so that a scanner can tell a leaked one from noise: `mun_[a-z]+_[A-Za-z0-9_-]{49}`.
SHA-256 without salt is enough for these, and only for these: 256 random bits cannot be guessed, a password can.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CLIENT_SECRET = "mun_sec_"  # noqa: S105 - the public prefix
ACCESS_TOKEN = "mun_at_"  # noqa: S105 - the public prefix
REFRESH_TOKEN = "mun_rt_"  # noqa: S105 - the public prefix
AUTHORIZATION_CODE = "mun_ac_"
INVITATION = "mun_inv_"
EMAIL_VERIFICATION = "mun_ver_"
SESSION = "mun_ses_"
DEVICE = "mun_dev_"
DEVICE_CODE = "mun_dc_"

SECRET_BYTES = 32
CHECKSUM_CHARACTERS = 6

# No text is known to have this digest. Compared with when there is no client, so that an unknown client and a wrong
# secret take the same time.
DUMMY_DIGEST = "0" * 64


def new_secret(prefix: str = "", size: int = SECRET_BYTES) -> str:
    """Return a new secret of `size` random bytes: the prefix, the bytes in base64url, a checksum."""
    return written(prefix, secrets.token_bytes(size))


def written(prefix: str, raw: bytes) -> str:
    """Return a secret of these bytes as text: for one that is derived, and can be made again."""
    text = prefix + base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
    return text + _checksum(text)


def has_checksum(secret: str) -> bool:
    """Tell whether a text ends as `new_secret` ends it. Says nothing about validity: operators choose secrets too."""
    text, checksum = secret[:-CHECKSUM_CHARACTERS], secret[-CHECKSUM_CHARACTERS:]
    return bool(text) and checksum == _checksum(text)


def sha256_hex(secret: str) -> str:
    """Return the digest that is stored in the secret's place: 64 lower-case hex digits of SHA-256 over UTF-8."""
    return sha256(secret).hex()


def sha256(secret: str) -> bytes:
    """Return the same digest as read models of tokens have it: its 32 bytes."""
    return hashlib.sha256(_bytes(secret)).digest()


def same(a: str, b: str) -> bool:
    """Compare two texts in a time that depends on their lengths alone."""
    return hmac.compare_digest(_bytes(a), _bytes(b))


def verify_any(presented: str, digests: Sequence[str]) -> int | None:
    """Return the place of the presented secret's digest among `digests`, or None.

    All candidates are compared, also after a match; with none, DUMMY_DIGEST is, and the answer is None.
    """
    digest = sha256_hex(presented)
    found: int | None = None
    for place, candidate in enumerate(digests or (DUMMY_DIGEST,)):
        # No early end: the number of comparisons must not tell which secret matched.
        if same(digest, candidate):
            found = place
    return found if digests else None


def _checksum(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.crc32(_bytes(text)).to_bytes(4, "big"))[:CHECKSUM_CHARACTERS].decode("ascii")


def _bytes(text: str) -> bytes:
    # Headers and JSON can carry lone surrogates: a wrong secret, not a crash.
    return text.encode("utf-8", "surrogatepass")
