"""The signing keys this process signs with, and the position at which they were the active ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from domain.signing_key import SigningKey
from projections import signing_keys
from service.secrets.signing import Signer, jwks
from service.store.decision import Decision
from service.store.log import head

if TYPE_CHECKING:
    from typing import Any

    from service.store.store import Store

GUARD = "signing-keys"
ATTEMPTS = 5  # readings; only rotations that follow each other at once need more than two


class NoSigningKey(Exception):
    """No key is active: `muniment init` makes the first."""


class KeyRing:
    """Holds the signer for access tokens. Decisions that sign carry its guard; after a rotation it reloads."""

    def __init__(self, store: Store) -> None:
        """Take where keys are read; `load` fills the ring."""
        self._store = store
        self._lock = asyncio.Lock()
        self._signer: Signer | None = None
        self.position = -1

    @property
    def signer(self) -> Signer:
        """The active key's signer. Raises NoSigningKey."""
        if self._signer is None:
            raise NoSigningKey
        return self._signer

    @property
    def guards(self) -> dict[str, int]:
        """The guard of every decision that signs."""
        return {GUARD: self.position}

    async def load(self, *, newer_than: int = -1) -> None:
        """Read the active key, unless another caller did while this one waited for its turn."""
        async with self._lock:
            if self.position > newer_than >= 0:
                return
            for _ in range(ATTEMPTS):
                if await self._read():
                    return
            raise NoSigningKey

    async def _read(self) -> bool:
        """Take over the active key; return False when it was retired, and its private half destroyed, meanwhile."""
        position = await head(self._store.pool)
        rows = await signing_keys.every(self._store.pool)
        active = [row for row in rows if row["status"] == "active"]
        if not active:
            raise NoSigningKey
        newest = max(active, key=lambda row: row["activated_at"])
        decision = Decision(self._store.pool, self._store.vault, position=position, organization=newest["id"])
        key = await decision.peek(SigningKey, newest["id"])
        if key is None or key.private_key is None:
            return False
        if self._signer is None or self._signer.kid != key.kid:
            self._signer = Signer(key.kid, key.algorithm, key.private_key)
        self.position = position
        return True

    async def document(self) -> dict[str, Any]:
        """Return the JWKS (RFC 7517 section 5): all keys that verifiers need now or soon, read at this moment."""
        now = self._store.clock.now()
        rows = await signing_keys.published(self._store.pool, now)
        return jwks([signing_keys.public_key(row) for row in rows])
