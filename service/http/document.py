"""A thing as a door shows it, with the same members whether it comes from its aggregate or from its row."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventsourcing.domain import Aggregate

TIMES = {"created_at": "created_on", "updated_at": "modified_on"}


class Row(Protocol):
    """What doors need of a database row."""

    def __getitem__(self, column: str, /) -> Any: ...


class Document:
    """The members of a document, in order: each is named like its column and attribute, unless `others` says so."""

    def __init__(self, *members: str, **others: tuple[str, str]) -> None:
        """Take the members, and of others the column and the attribute (a path with dots, perhaps). Times come last."""
        self._columns: dict[str, str] = {}
        self._attributes: dict[str, Callable[[Any], Any]] = {}
        sources = {**{name: (name, name) for name in members}, **others}
        sources.update({name: (name, attribute) for name, attribute in TIMES.items()})
        for name, (column, attribute) in sources.items():
            self._columns[name] = column
            self._attributes[name] = attrgetter(attribute)

    def of_row(self, row: Row) -> dict[str, Any]:
        """Return the document of a read model's row."""
        return {name: row[column] for name, column in self._columns.items()}

    def of(self, aggregate: Aggregate) -> dict[str, Any]:
        """Return the document of an aggregate, as its row will be once it is committed."""
        return {name: attribute(aggregate) for name, attribute in self._attributes.items()}
