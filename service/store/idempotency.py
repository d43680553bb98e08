"""Idempotency keys: a repeated request gets the answer of the first, for 24 hours, and nothing happens twice.

A key is scoped by client and route. What is stored tells nothing by itself: the key by its digest, the request by an
HMAC, the answer (it may hold secrets) under a key derived from the master key and from the idempotency key, which
only its client has. All of it is committed with the events it stands for (see `pending.Remembered`).

Sealed answer: version (1 byte, 0x01) | master key id (8) | nonce (12) | AES-256-GCM ciphertext | tag (16), bound to
the key's digest.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.store.pending import Remembered
from service.store.refusals import AlreadyAnswered, IdempotencyMismatch, InvalidIdempotencyKey

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from service.secrets.master_key import MasterKeys

KEY = re.compile(r"[\x21-\x7e]{1,255}")
VERSION = b"\x01"
HEAD_BYTES = 1 + 8
NONCE_BYTES = 12
TEXT_AT = HEAD_BYTES + NONCE_BYTES
MAC_PURPOSE = "idempotency-request"
SEAL_PURPOSE = "idempotency-answer"
DOMAIN = b"muniment-answer-v1"

FIND = "SELECT request_mac, answer FROM muniment.idempotency WHERE key = $1 AND expires_at > clock_timestamp()"


class AnswerUnreadable(Exception):
    """A stored answer does not open: it was changed, or its master key is no longer on the ring."""


class StoredAnswer(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it was given, to be given again."""

    status: int
    body: bytes
    headers: dict[str, str]

    def __repr__(self) -> str:
        """Show no content."""
        return f"StoredAnswer({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that carries an idempotency key: the key's digest, the key itself, and the request's digest."""

    digest: bytes
    key: str = field(repr=False)
    request: bytes = field(repr=False)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(StoredAnswer).decode


class Idempotency:
    """Recognizes repeated requests and keeps their answers."""

    def __init__(self, pool: asyncpg.Pool, master_keys: MasterKeys, reload: Callable[[], None] = lambda: None) -> None:
        """Take where answers are read and what seals them; they are written with the append.

        `reload` brings the ring up to date: called when an answer was sealed under a key that is not on it.
        """
        self._pool = pool
        self._master_keys = master_keys
        self._reload = reload

    def attempt(self, *, client: str, route: str, key: str, method: str, path: str, body: bytes) -> Attempt:
        """Return what identifies a request. `route` is the template, `path` the path with its query as it came.

        Raises InvalidIdempotencyKey.
        """
        if KEY.fullmatch(key) is None:
            raise InvalidIdempotencyKey
        scope = _digest(client.encode("utf-8", "surrogatepass"), route.encode(), key.encode("ascii"))
        request = _digest(method.encode("utf-8", "surrogatepass"), path.encode("utf-8", "surrogatepass"), body)
        return Attempt(scope, key, request)

    async def find(self, attempt: Attempt) -> StoredAnswer | None:
        """Return the answer to be given again, None for a key that is new or was used 24 hours ago.

        Raises IdempotencyMismatch when it was used for another request, and AnswerUnreadable. Two requests may both
        find nothing; the append then lets one win, and the other has its AlreadyAnswered replayed.
        """
        row = await self._pool.fetchrow(FIND, attempt.digest)
        return None if row is None else self._replay(attempt, row["request_mac"], row["answer"])

    def replay(self, attempt: Attempt, answered: AlreadyAnswered) -> StoredAnswer:
        """Return the answer of the request that won the race. Raises IdempotencyMismatch, AnswerUnreadable."""
        return self._replay(attempt, answered.request_mac, answered.answer)

    def remembered(self, attempt: Attempt, answer: StoredAnswer) -> Remembered:
        """Return the row to be committed with the append that the answer tells about."""
        mac = self._master_keys.mac(MAC_PURPOSE, attempt.request)
        return Remembered(attempt.digest, mac, self.seal(attempt, _encode(answer)))

    def seal(self, attempt: Attempt, answer: bytes) -> bytes:
        """Return an answer that only the same idempotency key and this service together open."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = VERSION + bytes.fromhex(self._master_keys.current_id)
        cipher = AESGCM(self._master_keys.derive(SEAL_PURPOSE, attempt.key.encode("ascii")))
        return head + nonce + cipher.encrypt(nonce, answer, DOMAIN + head + attempt.digest)

    def open_sealed(self, attempt: Attempt, sealed: bytes) -> bytes:
        """Return what was sealed under any master key of the ring. Raises AnswerUnreadable."""
        head, nonce, text = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:TEXT_AT], sealed[TEXT_AT:]
        place = self._place(sealed)
        key = self._master_keys.derive_all(SEAL_PURPOSE, attempt.key.encode("ascii"))[place]
        try:
            return AESGCM(key).decrypt(nonce, text, DOMAIN + head + attempt.digest)
        except (InvalidTag, ValueError):
            raise AnswerUnreadable from None

    def _replay(self, attempt: Attempt, request_mac: bytes, answer: bytes) -> StoredAnswer:
        # The same key sealed the answer and made the request's HMAC: without it, nobody can say what differs.
        place = self._place(answer)
        if not hmac.compare_digest(request_mac, self._master_keys.mac_all(MAC_PURPOSE, attempt.request)[place]):
            raise IdempotencyMismatch
        return _decode(self.open_sealed(attempt, answer))

    def _place(self, sealed: bytes) -> int:
        """Return the place on the ring of the master key that sealed an answer. Raises AnswerUnreadable."""
        if sealed[:1] != VERSION or len(sealed) < TEXT_AT:
            raise AnswerUnreadable
        name = sealed[1:HEAD_BYTES].hex()
        if name not in self._master_keys.ids:
            self._reload()  # rotated by another process
        if name not in self._master_keys.ids:
            raise AnswerUnreadable
        return self._master_keys.ids.index(name)


def _digest(*parts: bytes) -> bytes:
    """Return SHA-256 over the parts, each behind its length, so that no two divisions read alike."""
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
