"""Which interface of a resource answers a call: compiled once for each state of its interfaces, and found by steps.

Segments that are spelled out go before parameters, from the left, and a method that is named before the one that
stands for any. HEAD is answered where GET is, unless an interface names it (RFC 9110 section 9.3.2); OPTIONS is a
method like any other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from domain.interface import Method, Scope
from domain.path_template import segments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

AT_ONCE = 250  # interfaces, before others may go on
STEPS = 2_000
"""How many places one search looks at, a millisecond's worth: templates can be made so that a path fits thousands of
them but for its end. A call that is not settled by then is answered by none, and so let pass by none."""


class Known(NamedTuple):
    """An interface as calls are judged by it."""

    id: UUID
    identifier: str
    frequency: int
    test_frequency: int
    submit_limited: bool
    anonymous: bool


class _Place:
    """What stands at one place of the paths: what may come next, and what answers when nothing does."""

    __slots__ = ("literals", "methods", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Place] | None = None
        self.parameter: _Place | None = None
        self.methods: dict[str, Known] | None = None


class RouteTable:
    """The interfaces of a resource, as they were at a position."""

    def __init__(self, position: int) -> None:
        """Begin without any."""
        self.position = position
        self.size = 0  # places, which take up the memory: a template may have many
        self._root = _Place()

    def add(self, method: str, path: str, known: Known) -> None:
        """Take an interface, by its method and the template of its path."""
        place = self._root
        for segment in segments(path):
            if segment is None:
                if place.parameter is None:
                    place.parameter = self._another()
                place = place.parameter
            else:
                place.literals = {} if place.literals is None else place.literals
                if segment not in place.literals:
                    place.literals[segment] = self._another()
                place = place.literals[segment]
        place.methods = {} if place.methods is None else place.methods
        place.methods[method] = known

    def find(self, method: str, path: Sequence[str]) -> Known | None:
        """Return the interface that answers a method and a path (its segments), None when none does."""
        length = len(path)
        waiting = [(self._root, 0)]
        steps = 0
        while waiting and steps < STEPS:
            steps += 1
            place, depth = waiting.pop()
            if depth == length:
                if place.methods is not None and (known := _answering(place.methods, method)) is not None:
                    return known
                continue
            segment = path[depth]
            if place.parameter is not None and segment:
                waiting.append((place.parameter, depth + 1))
            if place.literals is not None and (literal := place.literals.get(segment)) is not None:
                waiting.append((literal, depth + 1))  # taken next, with all that follows from it
        return None

    def _another(self) -> _Place:
        self.size += 1
        return _Place()


def _answering(methods: dict[str, Known], method: str) -> Known | None:
    known = methods.get(method)
    if known is None and method == Method.HEAD:
        known = methods.get(Method.GET)
    return known or methods.get(Method.ANY)


async def compiled(rows: Sequence[asyncpg.Record]) -> RouteTable:
    """Return the table of rows of `projections.access.ROUTES`, of which there is at least one."""
    table = RouteTable(rows[0]["position"])
    for number, row in enumerate(rows, 1):
        if row["id"] is None:  # a resource without interfaces
            continue
        known = Known(
            row["id"],
            row["identifier"],
            row["frequency"],
            row["test_frequency"],
            row["submit_limited"],
            row["scope"] == Scope.ANONYMOUS,
        )
        table.add(row["method"], row["path"], known)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return table
