"""Text that people type (names, descriptions, reasons), brought to one form before it becomes part of an event."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from domain.refusals import Invalid, InvalidDescription, InvalidName, InvalidReason

NAME_LIMIT = 128
DESCRIPTION_LIMIT = 1000
REASON_LIMIT = 500
MARKS_LIMIT = 30
"""How many marks may stand in a row, as in texts that are safe to stream (Unicode UAX 15 section 13)."""

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


def is_orderly(value: str) -> bool:
    """Say whether a text can be normalised at no great cost; where it may be long, that is to be asked first.

    Marks are brought to an order, which takes time that grows with the square of how many stand in a row.
    """
    if value.isascii():
        return True
    # By what they decompose to: some are no marks themselves, and come apart into nothing else.
    marks = {each for each in set(value) if unicodedata.combining(unicodedata.normalize("NFKD", each)[0])}
    return not marks or all(
        not is_mark or sum(1 for _ in run) <= MARKS_LIMIT for is_mark, run in groupby(value, marks.__contains__)
    )


def folded(value: str) -> str:
    """Return how a text reads when letter case, width of characters and outer space are left aside."""
    if not is_orderly(value):  # it reads as nothing
        return value
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).strip().casefold()).strip()


def as_line(value: str, limit: int) -> str:
    """Return a text that `line` takes, made of any other: white space and what is refused become one space each.

    What is too long is cut and ends in an ellipsis; nothing remains of what is not orderly.
    """
    start = value[: 4 * limit]  # what is composed of several characters counts as one
    if not is_orderly(start):
        return ""
    composed = unicodedata.normalize("NFC", start)
    if not (composed.isascii() and composed.isprintable()):
        composed = "".join(" " if _is_refused(character) else character for character in composed)
    text = " ".join(composed.split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def line(value: str, limit: int, refusal: type[Invalid], field: str) -> str:
    """Return a text of one line in NFC without outer space, empty perhaps. Raises the refusal for any other."""
    if not is_orderly(value):
        raise refusal(f"more than {MARKS_LIMIT} marks in a row", field=field)
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > limit:
        raise refusal(f"longer than {limit} characters", field=field)
    for character in text:
        if _is_refused(character):
            raise refusal(f"contains U+{ord(character):04X}", field=field)
    return text


def _is_refused(character: str) -> bool:
    return character in _REFUSED_CHARACTERS or unicodedata.category(character) in _REFUSED_CATEGORIES
