"""How a page of events becomes rows in bulk: copied where they belong, or staged and then applied by a few statements.

It leaves exactly the rows that applying the page's events one by one would leave, in a fraction of the time: nothing is
made into JSON and taken apart again. The tables have those keys and indexes that applying needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from projections.model import Context, Fact

    Handler = Callable[[Any, Context], Iterable[Fact]]

    # One event of a page: position, stream, version, topic, a record of the event's fields and its context (of a plain
    # one: the fields of its state alone, ids as text, and None). A bare tuple, for there are very many.
    Read = tuple[int, UUID, int, str, Any, Any]


@dataclass(frozen=True)
class Copy:
    """Rows for a table of the generation, or for a staging table: values in the order of the columns."""

    table: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Packed:
    """Rows for a table of the generation in the binary format of COPY, with these columns in order, some at a time."""

    table: str
    columns: Sequence[str]
    rows: Iterable[bytes]


@dataclass(frozen=True)
class Call:
    """A statement with few values, which for each of its parameters takes an array of them."""

    statement: str
    columns: Sequence[Sequence[Any]]


Step = Copy | Packed | Call | str
"""What is done with a page: rows are copied, or statements executed."""


class Bulk(Protocol):
    """A model's way of taking whole pages."""

    @property
    def plain(self) -> bool:
        """Say whether `page` needs no more of an event than its fields: then no event is built, nor its context."""

    @property
    def personal(self) -> bool:
        """Say whether rows are made of personal fields, too: only then are these opened."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics that `page` understands. A page with another one is applied as a live append would apply it."""

    @property
    def staging(self) -> Sequence[str]:
        """Statements that make temporary tables; these are empty at the start of every page's transaction."""

    def page(self, events: Iterable[Read]) -> Iterable[Step]:
        """Return what is to be done for a page, in order. A step's rows are drawn before the next one is asked for."""
