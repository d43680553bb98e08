"""Makes what a client sent fit for a row: no character that PostgreSQL, a terminal or a page would act on."""

from __future__ import annotations

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Control characters, line and paragraph separators, what turns the direction of writing, and lone surrogates.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, each unfit one replaced."""
    return UNFIT.sub(REPLACEMENT, text[:limit])
