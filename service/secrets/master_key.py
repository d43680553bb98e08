"""The ring of master keys: wraps the subjects' data keys and derives keys for everything else.

The first key is the current one; older ones only open what they closed, until they are forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.secrets import key_file, ring_text
from service.secrets.ring_text import KEY_BYTES, InvalidMasterKey

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path
    from uuid import UUID

__all__ = ["KEY_BYTES", "InvalidMasterKey", "MasterKeys", "UnknownMasterKey", "WrapBroken", "key_id"]

NONCE_BYTES = 12
ID_DOMAIN = b"muniment-master-key-id-v1"
WRAP_DOMAIN = b"muniment-wrap-v1"
DERIVE_DOMAIN = b"muniment-derive-v1"


class UnknownMasterKey(Exception):
    """Something was wrapped under a key that is not on the ring."""

    def __init__(self, key_id: str) -> None:
        """Name the missing key by its id."""
        super().__init__(f"master key {key_id} is not on the ring")
        self.key_id = key_id


class WrapBroken(Exception):
    """A wrapped key was changed, cut short, or belongs to another subject."""


def key_id(key: bytes) -> str:
    """Return the public name of a key: 16 hex digits of its SHA-256 behind a prefix of their own."""
    return hashlib.sha256(ID_DOMAIN + key).hexdigest()[:16]


class MasterKeys:
    """One or more 32-byte keys, newest first. The keys themselves never leave it and never show in its repr."""

    __slots__ = ("_ciphers", "_keys", "_mac_keys", "current_id", "ids")

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take the keys, current first. Raises InvalidMasterKey for none, for a wrong length and for doubles."""
        self._keys = ring_text.checked(keys)
        self.ids: tuple[str, ...] = tuple(key_id(key) for key in keys)
        self.current_id: str = self.ids[0]
        self._ciphers = {name: AESGCM(key) for name, key in zip(self.ids, keys, strict=True)}
        self._mac_keys: dict[str, tuple[bytes, ...]] = {}

    def __repr__(self) -> str:
        """Name the keys by id."""
        return f"MasterKeys({', '.join(self.ids)})"

    @classmethod
    def generate(cls) -> Self:
        """Return a ring of one new key."""
        return cls([ring_text.new_key()])

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Read keys in base64, current first, separated by commas or white space. Raises InvalidMasterKey."""
        return cls(ring_text.read(text))

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Read the ring at `path`, made with one new key (mode 0600) when there is no file; its folder must exist.

        Raises InvalidMasterKey and key_file.KeyFileExposed.
        """
        return cls.from_base64(key_file.read_or_create(path, lambda: ring_text.write([ring_text.new_key()])))

    @classmethod
    def rotate(cls, path: Path) -> Self:
        """Put a new key before those at `path` and return the new ring.

        Only who loads the file again knows the new key: an UnknownMasterKey after a rotation is a reason to.
        """
        return cls.from_base64(
            key_file.rewrite(path, lambda text: ring_text.write([ring_text.new_key(), *ring_text.read(text)]))
        )

    @classmethod
    def forget_old(cls, path: Path, *, in_use: Collection[str] = ()) -> Self:
        """Drop all keys at `path` but the current one and those whose ids are `in_use`; return the ring that is left.

        Final: what a forgotten key wrapped is lost. Wrap it again first, and pass the ids that rows still name.
        """

        def kept(text: str) -> str:
            current, *older = ring_text.read(text)
            return ring_text.write([current, *(key for key in older if key_id(key) in in_use)])

        return cls.from_base64(key_file.rewrite(path, kept))

    def adopt(self, other: MasterKeys) -> None:
        """Become the same ring as another, in place: whoever holds this one goes on with the other's keys."""
        self._keys, self.ids, self.current_id = other._keys, other.ids, other.current_id
        self._ciphers, self._mac_keys = other._ciphers, {}

    def prefer(self, key_id: str) -> None:
        """Make a key of the ring the current one, as a finished rotation elsewhere asks. Raises UnknownMasterKey."""
        if key_id not in self._ciphers:
            raise UnknownMasterKey(key_id)
        order = sorted(self._keys, key=lambda key: _name(key) != key_id)
        self.adopt(MasterKeys(order))

    def wrap(self, data_key: bytes, *, subject: UUID) -> bytes:
        """Encrypt a data key under the current key, bound to its subject: nonce (12 bytes), then ciphertext and tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[self.current_id].encrypt(nonce, data_key, WRAP_DOMAIN + subject.bytes)

    def unwrap(self, wrapped: bytes, *, subject: UUID, key_id: str) -> bytes:
        """Return the data key that `wrap` closed under the named key. Raises UnknownMasterKey, WrapBroken."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownMasterKey(key_id)
        try:
            return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], WRAP_DOMAIN + subject.bytes)
        except (InvalidTag, ValueError):
            message = f"the wrapped key of {subject} does not open"
            raise WrapBroken(message) from None

    def derive(self, purpose: str, context: bytes = b"") -> bytes:
        """Return 32 bytes of HKDF-SHA256 (RFC 5869) from the current key, for this purpose and context alone."""
        return _derived(self._keys[0], purpose, context)

    def derive_all(self, purpose: str, context: bytes = b"") -> tuple[bytes, ...]:
        """Return what `derive` gives under each key of the ring, current first: to read what an older key closed."""
        return tuple(_derived(key, purpose, context) for key in self._keys)

    def mac(self, purpose: str, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of the data under a key derived for the purpose from the current key.

        It changes with a rotation: compare stored ones with `mac_all`.
        """
        return hmac.digest(self._mac_ring(purpose)[0], data, "sha256")

    def mac_all(self, purpose: str, data: bytes) -> tuple[bytes, ...]:
        """Return what `mac` gives under each key of the ring, current first."""
        return tuple(hmac.digest(key, data, "sha256") for key in self._mac_ring(purpose))

    def _mac_ring(self, purpose: str) -> tuple[bytes, ...]:
        ring = self._mac_keys.get(purpose)
        if ring is None:
            ring = self._mac_keys[purpose] = self.derive_all(purpose)
        return ring


def _name(key: bytes) -> str:
    return key_id(key)


def _derived(key: bytes, purpose: str, context: bytes) -> bytes:
    # The purpose carries its length, so that no purpose and context together read as another pair.
    label = purpose.encode()
    info = DERIVE_DOMAIN + len(label).to_bytes(2, "big") + label + context
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)
