"""Text that people type (names, descriptions, reasons), brought to one form before it becomes part of an event."""

from __future__ import annotations

import unicodedata

from domain.refusals import Invalid, InvalidDescription, InvalidName, InvalidReason

NAME_LIMIT = 128
DESCRIPTION_LIMIT = 1000
REASON_LIMIT = 500

# Control characters, lone surrogates (not encodable), line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Direction overrides and isolates can make an audit line read as another one (Unicode TR 36 section 2.9.3).
_REFUSED_CHARACTERS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def name(value: str, *, limit: int = NAME_LIMIT, field: str = "name") -> str:
    """Return the name in NFC without outer space. Raises InvalidName unless 1 to `limit` characters remain."""
    text = line(value, limit, InvalidName, field)
    if not text:
        raise InvalidName(field=field)
    return text


def description(value: str | None, *, field: str = "description") -> str | None:
    """Return the description in NFC without outer space, None when nothing remains. Raises InvalidDescription."""
    return line(value or "", DESCRIPTION_LIMIT, InvalidDescription, field) or None


def reason(value: str | None, *, field: str = "reason") -> str | None:
    """Return the reason in NFC without outer space, None when nothing remains. Raises InvalidReason."""
    return line(value or "", REASON_LIMIT, InvalidReason, field) or None


def folded(value: str) -> str:
    """Return how a text reads when letter case, width of characters and outer space are left aside."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).strip().casefold()).strip()


def line(value: str, limit: int, refusal: type[Invalid], field: str) -> str:
    """Return a text of one line in NFC without outer space, empty perhaps. Raises the refusal for any other."""
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > limit:
        raise refusal(f"longer than {limit} characters", field=field)
    for character in text:
        if character in _REFUSED_CHARACTERS or unicodedata.category(character) in _REFUSED_CATEGORIES:
            raise refusal(f"contains U+{ord(character):04X}", field=field)
    return text
