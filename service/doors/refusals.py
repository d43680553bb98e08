"""/api/refusals: who was turned away from what, for auditors (`read_audit`). Newest first, by a cursor of their own.

Callers see their own organization's; root sees all, those of nobody known (a wrong secret, no token) included.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pydantic

from domain.refusals import UnknownAccount
from service.http.call import Answer, Call
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import DEFAULT, MOST
from service.store import refused_pages

DOOR = Door("refusals")
# Before that there were no refusals; the last moment of the calendar would read as infinity.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
VISIBLE = r"^[\x20-\x7e]{1,200}$"


class Refused(Output):
    """A refusal.

    `client` is the client id as it was presented. `count` over 1 stands for that many of a flood, within the minute
    that began `at`.
    """

    id: Id
    at: Moment
    organization: Id | None
    actor: Id | None
    client: str | None
    operation: str
    status: int
    code: str
    detail: str | None
    request_id: Id | None
    count: int
    address: str | None
    user_agent: str | None


class RefusedPage(Output):
    """A page of refusals. A short one, even an empty one, goes on with `next` in `after` while `next` is not null."""

    items: list[Refused]
    next: Id | None


DOCUMENT = Document(Refused)


class Filter(Input):
    """Which refusals. `client` is a client id as it was presented; `since` and `until` are inclusive."""

    client: str | None = pydantic.Field(default=None, pattern=VISIBLE)
    operation: str | None = pydantic.Field(default=None, pattern=VISIBLE)
    code: str | None = pydantic.Field(default=None, pattern=VISIBLE)
    since: Moment | None = None
    until: Moment | None = None
    organization: Id | None = None
    after: Id | None = None
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)


def _within(moment: datetime | None) -> datetime | None:
    return None if moment is None else min(max(moment, EARLIEST), LATEST)


@DOOR.route(
    "GET",
    "/api/refusals",
    permission="read_audit",
    summary="Page through the refusals",
    query=Filter,
    answer=RefusedPage,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    """Answer a page; a short one, even an empty one, goes on while `next` is not null."""
    query: Filter = call.query
    found = await refused_pages.page(
        call.parts.store.pool,
        call.organization(query.organization),
        client=query.client,
        operation=query.operation,
        code=query.code,
        since=_within(query.since),
        until=_within(query.until),
        before=query.after,
        limit=query.limit,
    )
    return Answer({"items": [DOCUMENT.of_row(row) for row in found.rows], "next": found.before})
