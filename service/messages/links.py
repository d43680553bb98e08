"""Secret links in messages. A secret is derived, never kept: the log holds its digest, and who sends makes it again.

It is an HMAC over the event that announces it, under a key derived from the master key for its kind alone. So no queue
of secrets waits anywhere, and a link can be sent as often as it takes to deliver it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from service.secrets.derived import derived_again
from service.secrets.digests import EMAIL_VERIFICATION, INVITATION, sha256_hex, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from service.secrets.master_key import MasterKeys

PAGES = {INVITATION: "invitation", EMAIL_VERIFICATION: "email-verification"}
"""Where a link of each kind leads, below the issuer."""


class Links:
    """Makes secrets, and links from what events tell of them."""

    def __init__(self, ring: MasterKeys, issuer: str, reload: Callable[[], None] = lambda: None) -> None:
        """Take the ring that secrets are derived from, and what links begin with.

        `reload` brings the ring up to date: called when no key of it made a secret.
        """
        self._ring = ring
        self._issuer = issuer
        self._reload = reload

    def digest(self, kind: str, stream: UUID, version: int, expires_at: datetime) -> str:
        """Return the digest of the secret that an event announces: one of this stream, version and expiry."""
        return sha256_hex(written(kind, self._ring.mac(f"link:{kind}", _event(stream, version, expires_at))))

    def link(self, kind: str, stream: UUID, version: int, expires_at: datetime, digest: str) -> str | None:
        """Return the link whose secret has this digest; None when it was derived from a key that is gone by now."""
        message = _event(stream, version, expires_at)
        secret = derived_again(
            self._ring, self._reload, purpose=f"link:{kind}", message=message, prefix=kind, digest=digest
        )
        return None if secret is None else f"{self._issuer}/{PAGES[kind]}?{urlencode({'token': secret})}"


def _event(stream: UUID, version: int, expires_at: datetime) -> bytes:
    return b"".join((stream.bytes, version.to_bytes(8, "big"), expires_at.isoformat().encode()))
