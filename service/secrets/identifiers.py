"""Digests of what identifies people, such as an e-mail address, by which the store keeps each to one person.

An address can be guessed, so its digest is keyed. The key is one of the subject keys, of a subject that is nobody: the
master key wraps it, so a rotation leaves every digest as it is, and it exists from the first address on.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUBJECT = UUID("6d756e69-6d65-4e74-8000-6964656e7469")
DOMAIN = b"muniment-identifier-v1"


def digest(cipher: AESGCM, *, organization: UUID, space: str, text: str) -> bytes:
    """Return the digest of an identifier in a space of an organization, under the key of SUBJECT."""
    # The subject's key encrypts this one text and nothing else ever, so a fixed nonce is right: what comes out is a
    # key that only its holder can derive.
    key = cipher.encrypt(bytes(12), bytes(32), DOMAIN)[:32]
    name = space.encode()
    return hmac.digest(key, organization.bytes + len(name).to_bytes(2, "big") + name + text.encode(), "sha256")
