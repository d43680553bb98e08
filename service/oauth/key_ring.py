"""The signing keys this process signs with, and the position at which they were the active ones.

Access tokens and ID tokens may be signed by different algorithms: most verifiers of ID tokens insist on RS256.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from domain.signing_key import SigningKey
from projections import signing_keys
from service.oauth.signing_together import SigningTogether
from service.secrets.signing import Signer, jwks
from service.store.decision import Decision
from service.store.log import head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import asyncpg

    from service.clock import Clock
    from service.store.vault import Vault

GUARD = "signing-keys"
ATTEMPTS = 5  # readings; only rotations that follow each other at once need more than two


class NoSigningKey(Exception):
    """No key of an algorithm is active: the next start makes one."""


class KeyRing:
    """Holds the signers, one an algorithm. Decisions that sign carry its guard; after a rotation it reloads."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        vault: Vault,
        clock: Clock,
        *,
        access_tokens: str = "ES256",
        id_tokens: str = "RS256",
    ) -> None:
        """Take where keys are read, and the algorithms to sign with; `load` fills the ring."""
        self._pool = pool
        self._vault = vault
        self._clock = clock
        self._lock = asyncio.Lock()
        self._access_tokens = access_tokens
        self._id_tokens = id_tokens
        self._signers: dict[str, Signer] = {}
        self._together = SigningTogether()
        self.position = -1

    @property
    def signer(self) -> Signer:
        """The signer of access tokens. Raises NoSigningKey."""
        return self._of(self._access_tokens)

    @property
    def id_token_signer(self) -> Signer:
        """The signer of ID tokens and logout tokens. Raises NoSigningKey."""
        return self._of(self._id_tokens)

    @property
    def guards(self) -> dict[str, int]:
        """The guard of every decision that signs."""
        return {GUARD: self.position}

    def sign(self, claims: Mapping[str, object]) -> asyncio.Future[str]:
        """Return the coming access token over these claims, by the key that is the active one now: so is its guard.

        Take `guards` before it is there, then: a rotation meanwhile must show. Raises NoSigningKey.
        """
        return self._together.sign(self.signer, claims)

    def _of(self, algorithm: str) -> Signer:
        try:
            return self._signers[algorithm]
        except KeyError:
            raise NoSigningKey(algorithm) from None

    async def load(self, *, newer_than: int = -1) -> None:
        """Read the active keys, unless another caller did while this one waited for its turn. Raises NoSigningKey."""
        async with self._lock:
            if self.position > newer_than >= 0:
                return
            for _ in range(ATTEMPTS):
                if await self._read():
                    return
            raise NoSigningKey

    async def _read(self) -> bool:
        """Take over the active keys; return False when one was retired, and its private half destroyed, meanwhile."""
        position = await head(self._pool)
        rows = await signing_keys.every(self._pool)
        signers: dict[str, Signer] = {}
        for algorithm in dict.fromkeys((self._access_tokens, self._id_tokens)):
            signer = await self._newest(algorithm, rows, position)
            if signer is None:
                return False
            signers[algorithm] = signer
        self._signers, self.position = signers, position
        return True

    async def _newest(self, algorithm: str, rows: Sequence[asyncpg.Record], position: int) -> Signer | None:
        """Return the signer of an algorithm's newest active key, None when its private half is gone."""
        active = [row for row in rows if row["status"] == "active" and row["algorithm"] == algorithm]
        if not active:
            raise NoSigningKey(algorithm)
        newest = max(active, key=lambda row: row["activated_at"])
        decision = Decision(self._pool, self._vault, position=position, organization=newest["id"])
        key = await decision.peek(SigningKey, newest["id"])
        if key is None or key.private_key is None:
            return None
        present = self._signers.get(algorithm)
        if present is not None and present.kid == key.kid:
            return present
        return Signer(key.kid, key.algorithm, key.private_key)

    async def document(self) -> dict[str, Any]:
        """Return the JWKS (RFC 7517 section 5): all keys that verifiers need now or soon, read at this moment."""
        rows = await signing_keys.published(self._pool, self._clock.now())
        return jwks([signing_keys.public_key(row) for row in rows])
