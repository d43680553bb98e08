"""Seals requests that are under way: nothing of them is kept here, and nobody can change them on their way.

A sealed request is base64url without padding of: version (1 byte, 0x01) | id of the master key (8) | nonce (12) |
AES-256-GCM ciphertext of its deflated JSON | tag (16), under a key derived for its purpose, the first nine bytes and
the purpose authenticated too.
"""

from __future__ import annotations

import base64
import secrets
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.oauth.authorization.request import read, written

if TYPE_CHECKING:
    from service.oauth.authorization.request import AuthorizationRequest
    from service.parts import Parts
    from service.secrets.master_key import MasterKeys

UNDER_WAY, PUSHED = "authorization-request", "pushed-authorization-request"
LIFETIME = timedelta(hours=1)
VERSION = b"\x01"
HEAD_BYTES = 1 + 8
NONCE_BYTES = 12
TEXT_AT = HEAD_BYTES + NONCE_BYTES


def seal(parts: Parts, asked: AuthorizationRequest) -> str:
    """Return a request as our pages carry it along."""
    return closed(parts.ring, written(asked), UNDER_WAY)


def opened(parts: Parts, text: str) -> AuthorizationRequest | None:
    """Return the request of `seal`; None for anything else, and from an hour after it was made."""
    return live(parts, text, UNDER_WAY, LIFETIME)


def live(parts: Parts, text: str, purpose: str, lifetime: timedelta) -> AuthorizationRequest | None:
    """Return the request that was sealed for a purpose, None for anything else and once its time is over."""
    if unknown_key(parts.ring, text):
        parts.reload_ring()  # another worker may have a newer master key
    plain = opened_text(parts.ring, text, purpose)
    asked = None if plain is None else read(plain)
    return None if asked is None or parts.clock.now() >= asked.asked_at + lifetime else asked


def closed(ring: MasterKeys, text: bytes, purpose: str) -> str:
    """Return a text sealed for a purpose under the current key."""
    head, nonce = VERSION + bytes.fromhex(ring.current_id), secrets.token_bytes(NONCE_BYTES)
    cipher = AESGCM(ring.derive(purpose))
    return _text(head + nonce + cipher.encrypt(nonce, zlib.compress(text, 9), head + purpose.encode()))


def opened_text(ring: MasterKeys, sealed: str, purpose: str) -> bytes | None:
    """Return what `closed` sealed for this purpose under any key of the ring, None for any other text."""
    raw = _raw(sealed)
    keys = dict(zip(ring.ids, ring.derive_all(purpose), strict=True))
    key = keys.get(raw[1:HEAD_BYTES].hex())
    if key is None:
        return None
    try:
        nonce, head = raw[HEAD_BYTES:TEXT_AT], raw[:HEAD_BYTES]
        return zlib.decompress(AESGCM(key).decrypt(nonce, raw[TEXT_AT:], head + purpose.encode()))
    except (InvalidTag, ValueError):
        return None


def unknown_key(ring: MasterKeys, sealed: str) -> bool:
    """Whether a text reads as sealed, under a key that is not on the ring."""
    raw = _raw(sealed)
    return bool(raw) and raw[1:HEAD_BYTES].hex() not in ring.ids


def _raw(sealed: str) -> bytes:
    """Return the bytes of a sealed text; none where it is not written exactly as we write it."""
    try:
        raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    except ValueError:
        return b""
    # Decoding forgives stray characters and spare bits; a seal does not.
    return raw if raw[:1] == VERSION and len(raw) > TEXT_AT and _text(raw) == sealed else b""


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
