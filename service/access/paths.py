"""How the path of a call is read: in one way, or not at all.

Gateway, service and upstream each read a path in their own way. Whatever two of them may read differently (dot
segments, doubled slashes, what hides a slash in percent-encoding) is refused rather than guessed at (RFC 3986 section
6.2.2); what is left is brought to the form in which templates are kept.
"""

from __future__ import annotations

import re

from domain.path_template import canonical

PATH_LIMIT = 4096
# What becomes a dot, a slash, a backslash, a semicolon or NUL for whoever decodes twice.
_TWICE = re.compile(r"%(?:25)+(?:2[EF]|5C|3B|00)", re.IGNORECASE)

# Nothing in such a path can be written in another way: it is its own one form. Most are like this.
_PLAIN = re.compile(r"(?:/[A-Za-z0-9\-_~][A-Za-z0-9\-._~!$&'()*+,=:@]*)+/?|/")


def without_query(target: str) -> str:
    """Return the path of a request target, as it came."""
    return target.partition("?")[0]


def segments(path: str) -> list[str] | None:
    """Return the segments of a path in the form of templates, None for a path that may be read in several ways.

    The last one is empty after a slash at the end, which is another path than the one without.
    """
    if len(path) > PATH_LIMIT:
        return None
    if _PLAIN.fullmatch(path):
        return path[1:].split("/")
    if not path.startswith("/") or _TWICE.search(path):
        return None
    *inner, last = path[1:].split("/")
    if "" in inner:
        return None
    found = []
    for segment in (*inner, last):
        written = canonical(segment)
        if written is None:
            return None
        found.append(written)
    return found
