"""The values of personal access tokens: `pat_` and 32 letters and digits, as clients of the dialect know them.

SHA-256 without salt is enough for them, as it is for other secrets of ours: 190 random bits cannot be guessed.
"""

from __future__ import annotations

import secrets
import string

PREFIX = "pat_"
LENGTH = 32
HINT_LENGTH = 4
ALPHABET = string.ascii_letters + string.digits


def new_value() -> str:
    """Return the value of a new token."""
    return PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def hint_of(value: str) -> str:
    """Return the end of a value, by which people know it again."""
    return value[-HINT_LENGTH:]


def masked(hint: str) -> str:
    """Return how a value is shown that nobody is shown again."""
    return f"{PREFIX}****{hint}"
