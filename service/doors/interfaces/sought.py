"""What somebody looks for in a list, as it is compared with texts that were brought to one form (domain/text.py)."""

from __future__ import annotations

import unicodedata

from domain import text


def sought(search: str | None) -> str | None:
    """Return a part of a text to look for, None when nothing remains of it."""
    if not search or not text.is_orderly(search):
        return search or None
    return unicodedata.normalize("NFC", search).strip() or None
