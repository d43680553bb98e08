"""Verification codes: six digits that are derived, never kept.

A code is an HMAC over the id of its verification, which nobody can guess the key of, under a key derived from a master
key. So there is nothing to steal at rest; that a code can be guessed in a million tries is what its few tries are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.secrets.digests import same

if TYPE_CHECKING:
    from uuid import UUID

    from service.secrets.master_key import MasterKeys

DIGITS = 6
PURPOSE = "verification-code"


def code(ring: MasterKeys, key: str, verification: UUID) -> str | None:
    """Return the code of a verification under the master key of this id; None when the ring has no such key."""
    raw = dict(zip(ring.ids, ring.mac_all(PURPOSE, verification.bytes), strict=True)).get(key)
    return None if raw is None else f"{int.from_bytes(raw, 'big') % 10**DIGITS:0{DIGITS}d}"


def is_code(ring: MasterKeys, key: str, verification: UUID, typed: str) -> bool:
    """Tell whether somebody typed the code of a verification, in a time that says nothing about how much is right."""
    right = code(ring, key, verification)
    return same(right or "", typed) and right is not None
