"""Keeps secrets out of what operators read: by the name they stand under, and by what they look like.

Names alone are not enough: a secret ends up in a client id, an address or an exception's message. Looks alone are not
either: an operator may choose any secret. Known secrets of the process can be named outright.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from service.operations.exception_text import described

GONE = "[redacted]"
MAX_TEXT = 4_000
MAX_MEMBERS = 50
MAX_DEPTH = 5
MIN_KNOWN = 6  # a shorter "secret" would blot out half of every line
PLAIN = (int, float, UUID, datetime)

SECRET_NAMES = frozenset(
    (
        "authorization",
        "assertion",
        "code",
        "cookie",
        "credentials",
        "passphrase",
        "passwd",
        "password",
        "secret",
        "token",
    )
)
SECRET_ENDINGS = ("_secret", "_token", "_password", "_assertion", "_cookie", "_code", "_verifier", "_private_key",
                  "_api_key", "_authorization")  # fmt: skip

# Each alternative keeps what its group names and loses the rest.
LOOKS = r"""
    mun_[a-z]+_[\w-]{4,}                                                  # ours: service/secrets/digests.py
  | (?<![A-Za-z0-9])pat_[A-Za-z0-9]{16,}                                  # service/secrets/personal_access_tokens.py
  | eyJ[\w-]{5,}(?:\.[\w-]*)*                                             # a JWT, also one that was cut short
  | (?P<scheme>(?<![\w-])(?i:basic|bearer|dpop)\ +)[^\s"',;]+             # RFC 9110 section 11.4
  | (?P<userinfo>://[^/\s:@]*:)[^@\s/]+(?=@)                              # RFC 3986 section 3.2.1
  | (?P<header>(?i:authorization|cookie)["']?\s?[=:]\s?)[^\r\n]+
  | (?P<named>(?i:secret|password|passwd|token|assertion|verifier|private_key|api_key|\bcode)(?:["']\s?:|=|:\ )\s?)
    (?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"'&,;}]+)
  | (?P<pem>-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----).*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
"""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Say whether values under this name are never shown, however it is written."""
    plain = name.lower().replace("-", "_").strip("_")
    return plain in SECRET_NAMES or ("_" + plain).endswith(SECRET_ENDINGS)


class Redactor:
    """Cleans texts and the fields of a log line."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Take secrets of this process that are to be recognized wherever they stand."""
        self._known = tuple(sorted({secret for secret in known if len(secret) >= MIN_KNOWN}, key=len, reverse=True))
        exact = "".join(f"{re.escape(secret)}|" for secret in self._known)
        self._looks = re.compile(f"(?:{exact}{LOOKS})" if exact else LOOKS, re.VERBOSE | re.DOTALL)

    def text(self, value: str) -> str:
        """Return a text without anything that looks like a secret, cut to 4,000 characters."""
        # Nearly every text of a log line is a word, an id or a path: none of these marks, nothing to search.
        if not (
            " " in value or "=" in value or ":" in value or "mun_" in value or "pat_" in value
            or "eyJ" in value
            or (self._known and any(secret in value for secret in self._known))
        ):  # fmt: skip
            return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
        if len(value) > MAX_TEXT:
            value = value[:MAX_TEXT] + "…"
        return self._looks.sub(_masked, value)

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields with values under secret names dropped and all texts clean, ready for JSON."""
        return self._mapping(fields, 0)

    def _mapping(self, fields: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        for name, value in fields.items():
            # A line's own names are the program's words; those further in may be a client's.
            key: str = name if depth == 0 else self.text(str(name))
            if value is None or value is True or value is False:
                cleaned[key] = value
            elif is_secret_name(key):
                cleaned[key] = GONE
            elif type(value) is str:
                cleaned[key] = self.text(value)
            else:
                cleaned[key] = self._value(value, depth + 1)
            if depth and len(cleaned) >= MAX_MEMBERS:
                break
        return cleaned

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, PLAIN):
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"<{len(value)} bytes>"
        if depth < MAX_DEPTH:
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            if isinstance(value, (list, tuple, AbstractSet)):
                return [self._value(member, depth + 1) for member, _ in zip(value, range(MAX_MEMBERS), strict=False)]
        if isinstance(value, BaseException):
            return self.text(described(value))
        return self.text(str(value) if isinstance(value, str) else repr(value))


def _masked(match: re.Match[str]) -> str:
    kept = match.lastgroup
    return GONE if kept is None else match[kept] + GONE


masked = Redactor().text
"""Return a text without anything that looks like a secret; for texts that are kept elsewhere than in a log."""
