"""Tells a browser that somebody signed in at before from all others, by what its cookie holds.

It opens nothing. It lets its user try a password while strangers' guesses at it have used up the attempts of everybody
else, so that nobody can lock another out. The cookie names nobody: it is a number and, under a key derived from the
master key, the HMAC of that number and its user.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING

from service.secrets.digests import DEVICE, same, written

if TYPE_CHECKING:
    from uuid import UUID

    from service.secrets.master_key import MasterKeys

NUMBER_BYTES = 16
PURPOSE = "known-device"
_LENGTH = len(written(DEVICE, bytes(NUMBER_BYTES + 32)))


class KnownDevices:
    """Makes such cookies, and knows them again for as long as the master key that made them is on the ring."""

    def __init__(self, ring: MasterKeys) -> None:
        """Take the ring that the HMAC's key is derived from."""
        self._ring = ring

    def new(self, user: UUID) -> str:
        """Return the cookie of a device that a user has just signed in at."""
        number = secrets.token_bytes(NUMBER_BYTES)
        return written(DEVICE, number + self._ring.mac(PURPOSE, user.bytes + number))

    def knows(self, cookie: str | None, user: UUID) -> bool:
        """Say whether a cookie was made for this user."""
        if cookie is None or len(cookie) != _LENGTH or not cookie.startswith(DEVICE):
            return False
        try:
            number = base64.urlsafe_b64decode(cookie[len(DEVICE) : len(DEVICE) + 64])[:NUMBER_BYTES]
        except (binascii.Error, ValueError):
            return False
        known = [written(DEVICE, number + mac) for mac in self._ring.mac_all(PURPOSE, user.bytes + number)]
        return any([same(cookie, one) for one in known])  # noqa: C419 - all are compared, whichever it is
