"""Attributes of a token: names and texts that management gives it. No decision depends on them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from domain.refusals import InvalidAttributes

LIMIT = 20
NAME_LIMIT = 128
VALUE_LIMIT = 2048


def merged(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the present attributes with those that are given set. Raises InvalidAttributes."""
    for name, value in given.items():
        if not 1 <= len(name) <= NAME_LIMIT or len(value) > VALUE_LIMIT or not _plain(name) or not _plain(value):
            raise InvalidAttributes(field="attributes")
    attributes = {**present, **given}
    if len(attributes) > LIMIT:
        raise InvalidAttributes(f"{len(attributes)} of them", field="attributes")
    return attributes


def _plain(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
