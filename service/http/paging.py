"""Pages by keyset: `?after=<cursor>&limit=…` answered by `{"items": […], "next": <cursor> or null}`.

A cursor is the id of the last item. Ids are ordered by birth, so what is added while somebody pages comes last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import pydantic

from service.http.call import Answer
from service.http.document import Output
from service.http.input import Id, Input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg

Shown = TypeVar("Shown", bound=Output)
START = UUID(int=0)
DEFAULT = 50
MOST = 200


class Page(Input):
    """Which page of a list."""

    after: Id = START
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)

    @property
    def wanted(self) -> int:
        """How many rows to read: one more than are shown tells whether there is a next page."""
        return self.limit + 1


class OrganizationPage(Page):
    """Which page of a list that root may have for any organization: all of them, unless it names one."""

    organization: Id | None = None


class Shaped(Output):
    """A shape made of another one, named after it in the API document."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return one's own name and the other shape's."""
        return f"{cls.__name__}{params[0].__name__}"


class Listed(Shaped, Generic[Shown]):
    """A page of a list. `next` goes into `after` to continue, and is null at the end."""

    items: list[Shown]
    next: Id | None


class Whole(Shaped, Generic[Shown]):
    """All there is, in one answer."""

    items: list[Shown]
    next: None


def page(rows: Sequence[asyncpg.Record], query: Page, shown: Callable[[asyncpg.Record], dict[str, Any]]) -> Answer:
    """Return a page of rows, of which `query.wanted` were asked for."""
    items = rows[: query.limit]
    return Answer(
        {"items": [shown(row) for row in items], "next": items[-1]["id"] if len(rows) > query.limit else None}
    )
