"""Reads what the address or a form of the console says. What no page of ours would have written raises BadBody."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING
from uuid import UUID

from domain.refusals import InvalidExpiry, InvalidFrequency
from service.http.body import BadBody

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST = 255  # characters of what is looked for
LAST = 2**63 - 1
LAST_MOMENT = time(23, 59, 59, tzinfo=UTC)
DIGITS = 10  # of the greatest number of calls
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
MINUTE = "%Y-%m-%dT%H:%M"  # as browsers write what is typed into such a field


def text(value: str | None) -> str | None:
    """Return what somebody typed into a field, to the letter; None when that is nothing."""
    typed = value or ""
    if len(typed) > LONGEST or any(unicodedata.category(character) in ("Cc", "Cs") for character in typed):
        raise BadBody("What is looked for is too long, or no text")
    return typed or None


def choice(value: str | None, among: Collection[str]) -> str:
    """Return which of these was chosen; the first when none was."""
    if not value:
        return next(iter(among))
    if value not in among:
        raise BadBody("There is no such choice")
    return value


def number(value: str | None) -> int | None:
    """Return a position in the log, None when there is none."""
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(LAST)) and int(value) <= LAST):
        raise BadBody("There is no such place in the list")
    return int(value)


def identifier(value: str | None) -> UUID | None:
    """Return an id, None when there is none."""
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError:
        raise BadBody("There is no such place in the list") from None


def moment(value: str | None) -> datetime:
    """Return the time that a form was made with, to the letter."""
    try:
        found = datetime.fromisoformat(value or "")
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadBody("The form does not say what it is about")
    return found


def minute(value: str | None) -> datetime | None:
    """Return a minute in UTC that somebody typed, None when there is none; what is far off is brought nearer."""
    if not value:
        return None
    try:
        typed = datetime.strptime(value, MINUTE).replace(tzinfo=UTC)
    except ValueError:
        raise BadBody("There is no such time") from None
    return min(max(typed, EARLIEST), LATEST)


def end_of(day: str | None, field: str) -> datetime:
    """Return the end of a day in UTC. Raises InvalidExpiry, of this field."""
    try:
        return datetime.combine(date.fromisoformat(day or ""), LAST_MOMENT)
    except ValueError:
        raise InvalidExpiry(field=field) from None


def calls(value: str | None, field: str) -> int:
    """Return how many calls somebody typed, whether so many make sense or not. Raises InvalidFrequency, of this field.

    Spaces around it do no harm.
    """
    typed = (value or "").strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) <= DIGITS):
        raise InvalidFrequency(field=field)
    return int(typed)


def required(value: str | None) -> UUID:
    """Return the id of what a form is about."""
    found = identifier(value)
    if found is None:
        raise BadBody("The form does not say what it is about")
    return found
