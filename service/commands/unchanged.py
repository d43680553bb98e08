"""The mark of a field that a request leaves out, where None already means "none"."""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeVar

T = TypeVar("T")


class Unchanged(Enum):
    """Has one member, so that a type checker knows what is left once that one is excluded."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


def chosen(value: T | Unchanged, present: T) -> T:
    """Return the value of the request, or the present one when the request leaves the field out."""
    return present if value is Unchanged.UNCHANGED else value
