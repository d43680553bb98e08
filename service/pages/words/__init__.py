"""What the pages say, in each language. A page looks its words up by name; a name that is missing is an error."""

from __future__ import annotations

from service.pages.words import (
    chinese,
    chinese_account,
    chinese_console,
    chinese_factors,
    chinese_grants,
    chinese_interfaces,
    english,
    english_account,
    english_console,
    english_factors,
    english_grants,
    english_interfaces,
)

WORDS: dict[str, dict[str, str]] = {
    "en": {
        **english.WORDS,
        **english_account.WORDS,
        **english_console.WORDS,
        **english_factors.WORDS,
        **english_grants.WORDS,
        **english_interfaces.WORDS,
    },
    "zh": {
        **chinese.WORDS,
        **chinese_account.WORDS,
        **chinese_console.WORDS,
        **chinese_factors.WORDS,
        **chinese_grants.WORDS,
        **chinese_interfaces.WORDS,
    },
}
