"""Path templates: which paths an interface answers, as `/orders/{id}`, each written in one way.

A segment is a literal, or one parameter that stands for any segment which is not empty. Literals are kept in the form
that `canonical` gives them, and paths of calls are to be brought to the same before they are compared: a service
decodes what it routes by, so two spellings of one path must never be two things here (RFC 3986 section 6.2.2).
"""

from __future__ import annotations

import re
from unicodedata import normalize
from urllib.parse import quote_from_bytes, unquote_to_bytes

from domain.refusals import InvalidPath

PATH_LIMIT = 512
SEGMENTS_LIMIT = 32
ANY_SEGMENT = "{}"
"""A parameter without its name."""

_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_.\-]{0,63}\}")
# RFC 3986 section 3.3 without ";", which some services take for the end of a segment, and "%" only before two digits.
_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2}|[^\x00-\xA0\\])*")
_SAFE = "-._~!$&'()*+,=:@"
# Written in a path they may be taken for its structure, or end it; control characters have no business there.
_REFUSED = frozenset(b"/\\\x7f") | frozenset(range(0x20))
_STRUCTURE = frozenset("/\\;?#%")
DOTS = frozenset({".", ".."})


def path_template(value: str, *, field: str = "path") -> str:
    """Return the template in its one form. Raises InvalidPath.

    It begins with a slash, has at most 512 characters and 32 segments, no dot segments and none that are empty, but for
    the last one: `/orders/` is another path than `/orders`.
    """
    if not value.startswith("/") or len(value) > PATH_LIMIT:
        raise InvalidPath(field=field)
    *inner, last = value[1:].split("/")
    if "" in inner:
        raise InvalidPath("an empty segment", field=field)
    if len(inner) >= SEGMENTS_LIMIT:
        raise InvalidPath(f"more than {SEGMENTS_LIMIT} segments", field=field)
    template = "/" + "/".join(_segment(segment, field) for segment in (*inner, last))
    if len(template) > PATH_LIMIT:  # once what is not ASCII is written as RFC 3986 has it
        raise InvalidPath(f"longer than {PATH_LIMIT} characters", field=field)
    return template


def shape(template: str) -> str:
    """Return a template without the names of its parameters: templates of one shape answer the same paths."""
    return _PARAMETER.sub(ANY_SEGMENT, template)


def segments(template: str) -> tuple[str | None, ...]:
    """Return the segments of a template, None for a parameter; the last one is empty after a slash at the end."""
    return tuple(None if _PARAMETER.fullmatch(segment) else segment for segment in template[1:].split("/"))


def canonical(segment: str) -> str | None:
    """Return a segment in the one form that all spellings of it share; None when it is no plain segment.

    No plain ones are: those with `;`, a backslash, a character of RFC 3986's that has no place in a segment, an encoded
    slash, backslash or control character, broken percent-encoding, what is no UTF-8 (overlong forms hide slashes),
    characters that become such structure where compatibility forms are folded, and `.` and `..` however they are
    written.
    """
    if not _LITERAL.fullmatch(segment):
        return None
    try:
        decoded = unquote_to_bytes(segment)
        text = decoded.decode()
    except UnicodeError:  # a lone surrogate, or octets that are no text
        return None
    if not _REFUSED.isdisjoint(decoded):
        return None
    folded = text if text.isascii() else _folded(text)
    # What comes after a ";" is for some services not of the name; of an encoded one, for some that decode first.
    if folded is None or folded.split(";", 1)[0] in DOTS:
        return None
    return quote_from_bytes(decoded, _SAFE)


def _folded(text: str) -> str | None:
    """Return a text with its compatibility characters folded (NFKC), None when that gives it another structure.

    One by one: together, marks in a row would take a time that grows with the square of their number.
    """
    folded = "".join(normalize("NFKC", character) for character in text)
    return None if set(folded).difference(text) & _STRUCTURE else folded


def _segment(segment: str, field: str) -> str:
    if _PARAMETER.fullmatch(segment):
        return segment
    written = canonical(segment)
    if written is None:
        raise InvalidPath(repr(segment), field=field)
    return written
