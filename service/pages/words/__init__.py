"""What the pages say, in each language. A page looks its words up by name; a name that is missing is an error."""

from __future__ import annotations

from service.pages.words import (
    chinese,
    chinese_account,
    chinese_console,
    chinese_factors,
    english,
    english_account,
    english_console,
    english_factors,
)

WORDS: dict[str, dict[str, str]] = {
    "en": {**english.WORDS, **english_account.WORDS, **english_console.WORDS, **english_factors.WORDS},
    "zh": {**chinese.WORDS, **chinese_account.WORDS, **chinese_console.WORDS, **chinese_factors.WORDS},
}
