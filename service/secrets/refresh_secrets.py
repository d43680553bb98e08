"""The texts of refresh tokens: derived, never kept, so that one that was lost on its way can be handed out again.

It is an HMAC over the family and the version of the event that issued it, under a key derived from the master key. The
log and the rows hold its digest alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.secrets.derived import derived_again
from service.secrets.digests import REFRESH_TOKEN, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.secrets.master_key import MasterKeys

PURPOSE = "refresh-token"


def refresh_secret(ring: MasterKeys, family: UUID, version: int) -> str:
    """Return the refresh token that the event of this version of a family announces."""
    return written(REFRESH_TOKEN, ring.mac(PURPOSE, _event(family, version)))


def same_secret(ring: MasterKeys, reload: Callable[[], None], family: UUID, version: int, digest: str) -> str | None:
    """Return the refresh token that was announced with this digest; None when the key it was derived from is gone.

    `reload` brings the ring up to date: called when no key of it made the text.
    """
    return derived_again(
        ring, reload, purpose=PURPOSE, message=_event(family, version), prefix=REFRESH_TOKEN, digest=digest
    )


def _event(family: UUID, version: int) -> bytes:
    return family.bytes + version.to_bytes(8, "big")
