"""What the pages say, in each language. A page looks its words up by name; a name that is missing is an error."""

from __future__ import annotations

from service.pages.words import chinese, chinese_console, english, english_console

WORDS: dict[str, dict[str, str]] = {
    "en": {**english.WORDS, **english_console.WORDS},
    "zh": {**chinese.WORDS, **chinese_console.WORDS},
}
