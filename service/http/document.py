"""A thing as a door shows it: declared once as a shape, shown alike whether it comes from its aggregate or its row.

The shape is what the API document says of the answer and what tests hold every answer to; what is answered is written
from it without being validated again.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import pydantic

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventsourcing.domain import Aggregate

TIMES = {"created_at": "created_on", "updated_at": "modified_on"}


class Row(Protocol):
    """What doors need of a database row."""

    def __getitem__(self, column: str, /) -> Any: ...


class Output(pydantic.BaseModel):
    """The shape of an answer, its docstring a sentence for readers. Every member is always there, null perhaps."""

    model_config = pydantic.ConfigDict(strict=True)


class Document:
    """Writes one shape from rows and from aggregates."""

    def __init__(
        self, shape: type[Output], **others: tuple[str | Callable[[Row], Any], str | Callable[[Any], Any]]
    ) -> None:
        """Take the shape, whose members are named like their column and attribute, unless `others` says so.

        `others` tells a member's column and its attribute (a path with dots, perhaps), or how either is read.
        """
        self._columns: dict[str, Callable[[Row], Any]] = {}
        self._attributes: dict[str, Callable[[Any], Any]] = {}
        for member, info in shape.model_fields.items():
            column, attribute = others.get(member) or (member, TIMES.get(member, member))
            name = info.alias or member
            self._columns[name] = itemgetter(column) if isinstance(column, str) else column
            self._attributes[name] = attrgetter(attribute) if isinstance(attribute, str) else attribute

    def of_row(self, row: Row) -> dict[str, Any]:
        """Return the document of a read model's row."""
        return {name: read(row) for name, read in self._columns.items()}

    def of(self, aggregate: Aggregate) -> dict[str, Any]:
        """Return the document of an aggregate, as its row will be once it is committed."""
        return {name: read(aggregate) for name, read in self._attributes.items()}
