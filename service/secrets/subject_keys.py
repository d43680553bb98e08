"""Remember unwrapped data keys for a short while, so that a destroyed key is soon gone from memory too."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.secrets.master_key import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.secrets.master_key import MasterKeys

HELD_SECONDS = 60.0
HELD_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class NewSubjectKey:
    """A key made for an append: its row, and the cipher that seals that append's events."""

    subject: UUID
    wrapped: bytes = field(repr=False)
    master_key_id: str
    cipher: AESGCM = field(repr=False, compare=False)


class SubjectKeys:
    """Data keys by subject: each at most 60 s after it was put, at most 10,000, the least recently used leave first.

    Ciphers are handed out instead of bytes: they cost nothing to use again and show nothing when printed.
    """

    def __init__(
        self,
        master_keys: MasterKeys,
        monotonic: Callable[[], float],
        *,
        seconds: float = HELD_SECONDS,
        size: int = HELD_KEYS,
    ) -> None:
        """Take the ring and a clock in seconds that never goes back."""
        self._master_keys = master_keys
        self._monotonic = monotonic
        self._seconds = seconds
        self._size = size
        # Two orders over the same subjects: by last use, and by the moment each expires.
        self._ciphers: OrderedDict[UUID, AESGCM] = OrderedDict()
        self._expiries: OrderedDict[UUID, float] = OrderedDict()

    def __len__(self) -> int:
        """Count the keys held, those included that expired since the last call."""
        return len(self._ciphers)

    def new_key(self, subject: UUID) -> NewSubjectKey:
        """Make a data key. Nothing is kept: another process may win the append, or it may be refused."""
        data_key = secrets.token_bytes(KEY_BYTES)
        wrapped = self._master_keys.wrap(data_key, subject=subject)
        return NewSubjectKey(subject, wrapped, self._master_keys.current_id, AESGCM(data_key))

    def admit(self, key: NewSubjectKey) -> None:
        """Hold a new key, once its row is committed."""
        self._hold(key.subject, key.cipher)

    def get(self, subject: UUID) -> AESGCM | None:
        """Return the subject's cipher, or None when it is not held or was put 60 s ago or longer."""
        self.sweep()
        cipher = self._ciphers.get(subject)
        if cipher is not None:
            self._ciphers.move_to_end(subject)
        return cipher

    def put(self, subject: UUID, wrapped: bytes, master_key_id: str) -> AESGCM:
        """Unwrap a key read from its row, hold it and return its cipher. Raises UnknownMasterKey, WrapBroken."""
        cipher = AESGCM(self._master_keys.unwrap(wrapped, subject=subject, key_id=master_key_id))
        self._hold(subject, cipher)
        return cipher

    def forget(self, subject: UUID) -> None:
        """Drop a key at once, for its row was destroyed; no word about one that is not held."""
        self._ciphers.pop(subject, None)
        self._expiries.pop(subject, None)

    def sweep(self) -> None:
        """Drop what has expired. Every other call does; a timer calls it so that an idle process holds nothing."""
        now = self._monotonic()
        while self._expiries:
            subject, expiry = next(iter(self._expiries.items()))
            if expiry > now:
                return
            self.forget(subject)

    def _hold(self, subject: UUID, cipher: AESGCM) -> None:
        self.sweep()
        # Taken out first, so that it goes to the end of both orders.
        self.forget(subject)
        self._ciphers[subject] = cipher
        self._expiries[subject] = self._monotonic() + self._seconds
        if len(self._ciphers) > self._size:
            self.forget(next(iter(self._ciphers)))
