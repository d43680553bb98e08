"""What doors read: the base of request models, and ids and times, each written in one way whatever parsers accept."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import pydantic

# RFC 3339 section 5.6, with the offset it requires; leap seconds are refused, for no clock here knows them.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _id(value: object) -> UUID:
    if isinstance(value, str):
        try:
            read = UUID(value)
        except ValueError:
            read = None
        if read is not None and str(read) == value.lower():
            return read
    msg = "an id is a UUID, written in five groups"
    raise ValueError(msg)


def _moment(value: object) -> datetime:
    text = value.upper() if isinstance(value, str) else ""
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):  # no such day or hour, or out of the calendar once in UTC
            pass
    msg = "a time is written as RFC 3339 says, with an offset: 2030-01-31T12:00:00Z (in a query, + is %2B)"
    raise ValueError(msg)


Id = Annotated[UUID, pydantic.BeforeValidator(_id)]
"""A UUID in its usual form, in upper or lower case."""

Moment = Annotated[datetime, pydantic.BeforeValidator(_moment)]
"""A moment, in UTC once read."""


class Input(pydantic.BaseModel):
    """A request's body or query: unknown members are refused, nothing is coerced behind the caller's back."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    def stated(self) -> dict[str, Any]:
        """Return what the request names: of a change, all that is left out stays as it is."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class Nothing(Input):
    """The body of a request that says all in its path: none, or an empty object."""
