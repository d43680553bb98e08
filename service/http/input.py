"""What doors read: request models, and ids and times, each written in one way whatever parsers accept."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import pydantic

from service.http.body import BadBody, called, parse_json

if TYPE_CHECKING:
    from aiohttp import web

# An escaped NUL, told from an escaped backslash before "u0000": PostgreSQL keeps no such text.
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
ERROR_LIMIT = 20  # of an answer
FIELD_LIMIT = 200  # characters: a client may send names of any length
OWN_WORDS = "Value error, "  # what pydantic puts before a sentence of ours
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


class InvalidInput(Exception):
    """The body or the query does not fit its model: 400. `errors` say where and why; `sentence` is public."""

    def __init__(self, where: str, sentence: str, errors: list[dict[str, Any]] | None = None) -> None:
        """Keep what the answer tells; `where` is "body" or "query"."""
        super().__init__(sentence)
        self.code = f"invalid_{where}"
        self.sentence = sentence
        self.errors = errors or []


def read_query(request: web.Request, shape: type[Input] | None) -> Input:
    """Return the query as its model; without one, every parameter is unknown. Raises InvalidInput."""
    return _validated(shape or Nothing, "query", values=_parameters(request))


def read_body(request: web.Request, shape: type[Input], raw: bytes) -> Input:
    """Return the body as its model. No body at all stands for an empty object, where the model requires nothing.

    Raises BadBody and InvalidInput.
    """
    if not raw and not any(member.is_required() for member in shape.model_fields.values()):
        return _validated(shape, "body", raw=b"{}")  # what it requires together it may still miss
    if request.content_type != "application/json":
        raise BadBody("The content type must be application/json", status=415)
    parse_json(raw)  # for its limits and its clear refusals; the values are taken by the model itself
    if NUL.search(raw):
        raise BadBody("The body holds a NUL character")
    return _validated(shape, "body", raw=raw)


def _parameters(request: web.Request) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise InvalidInput("query", f"{called(name)} is repeated")
        if "\0" in value:
            raise InvalidInput("query", f"{called(name)} holds a NUL character")
        values[name] = value
    return values


def _validated(shape: type[Input], where: str, *, raw: bytes = b"", values: dict[str, str] | None = None) -> Input:
    """Return a validated body (strict JSON) or query (text, from which numbers, ids and times are read)."""
    try:
        return shape.model_validate_json(raw) if values is None else shape.model_validate_strings(values)
    except pydantic.ValidationError as error:
        errors = [
            {
                "in": where,
                "field": ".".join(str(part) for part in item["loc"])[:FIELD_LIMIT],
                "message": item["msg"].removeprefix(OWN_WORDS),
            }
            for item in error.errors(include_url=False, include_context=False, include_input=False)[:ERROR_LIMIT]
        ]
        raise InvalidInput(where, f"The {where} does not fit", errors) from None
