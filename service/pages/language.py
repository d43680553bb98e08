"""Which of the languages that pages are written in a browser likes best (RFC 9110 section 12.5.4)."""

from __future__ import annotations

import re

LANGUAGES = ("en", "zh")
LIMIT = 500  # characters of the header that are looked at
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,40})?\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)


def preferred(header: str) -> str:
    """Return the language that an Accept-Language header likes best of those spoken here, else English."""
    liked: dict[str, float] = {}
    for part in header[:LIMIT].split(","):
        found = _RANGE.fullmatch(part)
        if found is not None:
            language, quality = found[1].lower(), float(found[2] or 1)
            if language in LANGUAGES and quality > liked.get(language, 0):
                liked[language] = quality
    return max(liked, key=lambda language: liked[language], default=LANGUAGES[0])
