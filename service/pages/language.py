"""Which of the languages that pages are written in somebody likes best.

Who led them here may say so (`ui_locales`, OpenID Connect Core section 3.1.2.1), else their browser does (RFC 9110
section 12.5.4).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "zh")
LIMIT = 500  # characters of the header, and of what an application says, that are looked at
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,40})?\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)


def preferred(header: str, locales: str | None = None) -> str:
    """Return the first language of `locales` (tags between spaces) that is spoken here.

    Without one, return the language that an Accept-Language header likes best, else English.
    """
    for tag in (locales or "")[:LIMIT].split():
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    liked: dict[str, float] = {}
    for part in header[:LIMIT].split(","):
        found = _RANGE.fullmatch(part)
        if found is not None:
            language, quality = found[1].lower(), float(found[2] or 1)
            if language in LANGUAGES and quality > liked.get(language, 0):
                liked[language] = quality
    return max(liked, key=lambda language: liked[language], default=LANGUAGES[0])


def in_language(locales: Mapping[str, str], language: str) -> str | None:
    """Return what is said in a language: by its plain tag, else by the first of its tags (zh-CN for zh)."""
    of_language = {tag: said for tag, said in locales.items() if tag.partition("-")[0].lower() == language and said}
    return next((said for tag, said in of_language.items() if tag.lower() == language), None) or next(
        iter(of_language.values()), None
    )
