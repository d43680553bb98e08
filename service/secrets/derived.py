"""Secrets that are derived and never kept: found again by the digest that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.secrets.digests import same, sha256_hex, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.secrets.master_key import MasterKeys


def derived_again(
    ring: MasterKeys, reload: Callable[[], None], *, purpose: str, message: bytes, prefix: str, digest: str
) -> str | None:
    """Return the secret that was derived for a message and has this digest; None when the key it came from is gone.

    `reload` brings the ring up to date: called when no key of it made the secret.
    """
    for attempt in range(2):
        if attempt:
            reload()
        for raw in ring.mac_all(purpose, message):
            secret = written(prefix, raw)
            if same(sha256_hex(secret), digest):
                return secret
    return None
