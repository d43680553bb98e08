"""Master keys as text: base64, current key first, separated by commas (in a setting) or lines (in a file)."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_BYTES = 32


class InvalidMasterKey(ValueError):
    """The master key is not one or more different 32-byte keys in base64. Never quotes what was given."""


def new_key() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def read(text: str) -> tuple[bytes, ...]:
    """Return the keys in the text (either base64 alphabet, padded or not), at least one. Raises InvalidMasterKey."""
    parts = [part for part in re.split(r"[,\s]+", text) if part]
    return checked([_decoded(part, f"master key {place} of {len(parts)}") for place, part in enumerate(parts, start=1)])


def write(keys: Sequence[bytes]) -> str:
    """Return the keys one a line."""
    return "".join(base64.b64encode(key).decode("ascii") + "\n" for key in keys)


def checked(keys: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the keys. Raises InvalidMasterKey for none, for a wrong length and for doubles."""
    for place, key in enumerate(keys, start=1):
        if len(key) != KEY_BYTES:
            message = f"master key {place} of {len(keys)} has {len(key)} bytes, not {KEY_BYTES}"
            raise InvalidMasterKey(message)
    if not keys or len(set(keys)) != len(keys):
        message = "the same master key is given twice" if keys else "there is no master key"
        raise InvalidMasterKey(message)
    return tuple(keys)


def _decoded(part: str, name: str) -> bytes:
    standard = part.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
    except ValueError:
        message = f"{name} is not base64; make one with `openssl rand -base64 {KEY_BYTES}`"
        raise InvalidMasterKey(message) from None
