"""Pages of search results (section 8.2): a token holds where the page before ended, and what was searched for."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from service.access.authzen.facts import as_id
from service.access.authzen.shapes import PAGE_LIMIT
from service.http.input import InvalidInput
from service.http.paging import START

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    import asyncpg

    from service.access.authzen.shapes import ActionSearch, ResourceSearch, SubjectSearch

    Search = SubjectSearch | ResourceSearch | ActionSearch


class Found(NamedTuple):
    """One result: the key it is in order by, and what is told of it."""

    key: str
    told: dict[str, str]


def rows_found(kind: str, rows: Iterable[asyncpg.Record]) -> list[Found]:
    """Return the results of a query: of each row the first value is the key, the last one the id."""
    return [Found(str(row[0]), {"type": kind, "id": str(row[-1])}) for row in rows]


class _Token(msgspec.Struct, array_like=True):
    of: bytes
    by: bytes
    after: str
    limit: Annotated[int, msgspec.Meta(ge=0, le=PAGE_LIMIT)]


_tokens = msgspec.json.Decoder(_Token)


class Wanted(NamedTuple):
    """Which page is wanted: the results behind a key ("" from the beginning), how many at most, and by what else."""

    after: str
    limit: int
    by: bytes

    @property
    def begin(self) -> UUID:
        """The id that results are behind, where they are in order by their ids."""
        return as_id(self.after) or START

    @property
    def enough(self) -> int:
        """How many results to look for: one more than are told tells whether there is a next page."""
        return self.limit + 1


def wanted(asked: Search) -> Wanted:
    """Return which page a search asks for.

    Raises InvalidInput for a token that is none, or that came with another search or a page of another size; what a
    request with a token leaves out of its page stays as it was.
    """
    page = asked.page
    limit = PAGE_LIMIT if page.limit is None else min(page.limit, PAGE_LIMIT)
    if not page.token:
        return Wanted("", limit, _digest_of(page.properties))
    try:
        token = _tokens.decode(base64.b64decode(page.token, altchars="-_", validate=True))
    except ValueError:
        raise _unfit("token", "the token is none of ours") from None
    if token.of != _digest(asked):
        raise _unfit("token", "the token is of another search")
    if page.limit is not None and limit != token.limit:
        raise _unfit("limit", "the limit was another one")
    if page.properties is not None and token.by != _digest_of(page.properties):
        raise _unfit("properties", "the properties were others")
    return Wanted(token.after, token.limit, token.by)


def page(asked: Search, page: Wanted, found: Sequence[Found]) -> dict[str, Any]:
    """Return a page of results, of which `enough` were looked for. What it is comes before what is on it."""
    told = found[: page.limit]
    after = told[-1].key if told else page.after
    token = _token(asked, page, after) if len(found) > page.limit else ""
    return {"page": {"next_token": token, "count": len(told)}, "results": [one.told for one in told]}


def _token(asked: Search, page: Wanted, after: str) -> str:
    token = _Token(_digest(asked), page.by, after, page.limit)
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()


def _digest(asked: Search) -> bytes:
    """Return what tells searches apart, whatever their page."""
    return _digest_of([type(asked).__name__, asked.model_dump(exclude={"page"})])


def _digest_of(value: object) -> bytes:
    return sha256(msgspec.json.encode(value, order="deterministic")).digest()[:16]


def _unfit(member: str, message: str) -> InvalidInput:
    fault = {"in": "body", "field": f"page.{member}", "message": message}
    return InvalidInput("body", "The body does not fit", [fault])
