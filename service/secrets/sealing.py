"""Seal one personal field of one event so that only its subject's data key opens it, and only in that place.

Sealed text, base64url without padding:      version (1 byte, 0x01) | nonce (12) | AES-256-GCM ciphertext | tag (16)
Additional data, never stored, must match:   "muniment-seal-v1" | subject (16 bytes) | topic | field
where topic and field are UTF-8 behind their length (2 bytes, big-endian), so that no two places read alike.
The format is permanent: events hold it for ever. A new one gets a new version byte.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from uuid import UUID

VERSION = b"\x01"
DOMAIN = b"muniment-seal-v1"
NONCE_BYTES = 12
OVERHEAD_BYTES = len(VERSION) + NONCE_BYTES + 16


class SealBroken(Exception):
    """A sealed text was changed, cut short, moved to another place, or sealed under another key."""

    def __init__(self, subject: UUID, topic: str, field: str) -> None:
        """Name the place, never the text."""
        super().__init__(f"the seal of {field} in {topic} of {subject} does not open")


def seal(data_key: bytes | AESGCM, plaintext: bytes, *, subject: UUID, topic: str, field: str) -> str:
    """Return the sealed text. Its length tells the plaintext's. A caller with many fields passes an AESGCM object."""
    cipher = data_key if isinstance(data_key, AESGCM) else AESGCM(data_key)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return _text(VERSION + nonce + cipher.encrypt(nonce, plaintext, _place(subject, topic, field)))


def open_sealed(data_key: bytes | AESGCM, sealed: str, *, subject: UUID, topic: str, field: str) -> bytes:
    """Return the plaintext. Raises SealBroken for anything but the very text that `seal` returned for this place."""
    cipher = data_key if isinstance(data_key, AESGCM) else AESGCM(data_key)
    try:
        raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        # Decoding forgives stray characters and spare bits; a seal does not.
        if raw[:1] == VERSION and len(raw) >= OVERHEAD_BYTES and _text(raw) == sealed:
            return cipher.decrypt(raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :], _place(subject, topic, field))
    except (InvalidTag, ValueError):
        pass
    raise SealBroken(subject, topic, field) from None


def _place(subject: UUID, topic: str, field: str) -> bytes:
    name, part = topic.encode(), field.encode()
    return b"".join((DOMAIN, subject.bytes, len(name).to_bytes(2, "big"), name, len(part).to_bytes(2, "big"), part))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
