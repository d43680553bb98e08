"""/api/interface-logs: which calls gateways asked about, and how they were decided, for auditors (`read_audit`).

Newest first, by a cursor. Callers see what their organization's gateways asked; root sees all. A row is there a moment
after the decision, and until `MUNIMENT_CALL_LOG_DAYS` are over. The token of a caller may stand in the header
`X-Authorization-access_token` instead (spec/iform.md sections 0.5 and 1.5).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pydantic

from domain.refusals import UnknownAccount
from service.http.call import Answer, Call
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment
from service.http.paging import DEFAULT, MOST
from service.http.token_header import TokenHeaderDoor
from service.store import interface_call_pages

DOOR = TokenHeaderDoor("interface-logs")
# Before that there were no calls; the last moment of the calendar would read as infinity.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
WORD = r"^[\x20-\x7e]{1,200}$"
PATH = r"^/[\x20-\x7e]{0,999}$"

Outcome = Literal["allowed", "refused"]


class LoggedCall(Output):
    """A call that a gateway asked about.

    `application` and `client_id` are who called, `user` on whose behalf, `address` from where, as the gateway told.
    `interface` is null where no interface has the call's method and path. `cause` is the code of the refusal, `path` is
    without its query. `test` marks calls that the gateway said are tests. `request_id` is the one that the upstream was
    told. `count` over 1 stands for that many refused calls of a flood, within the minute that began `at`.
    """

    id: Id
    at: Moment
    organization: Id | None
    gateway: Id | None
    resource: Id | None
    resource_identifier: str | None
    interface: Id | None
    interface_identifier: str | None
    application: Id | None
    client_id: str | None
    user: Id | None
    address: str | None
    method: str | None
    path: str | None
    test: bool
    outcome: Outcome
    status: int
    cause: str | None
    request_id: Id | None
    count: int


class LoggedCallPage(Output):
    """A page of calls. A short one, even an empty one, goes on with `next` in `after` while `next` is not null."""

    items: list[LoggedCall]
    next: Id | None


DOCUMENT = Document(
    LoggedCall,
    user=("user_id", "user_id"),
    outcome=(lambda row: "allowed" if row["cause"] is None else "refused", "outcome"),
    # What is counted has no request of its own.
    request_id=(lambda row: row["id"] if row["method"] is not None else None, "id"),
)


class Filter(Input):
    """Which calls. `path` is how their paths begin; `since` and `until` are inclusive."""

    resource: Id | None = None
    interface: Id | None = None
    gateway: Id | None = None
    application: Id | None = None
    client_id: str | None = pydantic.Field(default=None, pattern=WORD)
    user: Id | None = None
    address: str | None = pydantic.Field(default=None, pattern=WORD)
    method: str | None = pydantic.Field(default=None, pattern=WORD)
    path: str | None = pydantic.Field(default=None, pattern=PATH)
    test: bool | None = None
    outcome: Outcome | None = None
    cause: str | None = pydantic.Field(default=None, pattern=WORD)
    request_id: Id | None = None
    since: Moment | None = None
    until: Moment | None = None
    organization: Id | None = None
    after: Id | None = None
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)


def _within(moment: datetime | None) -> datetime | None:
    return None if moment is None else min(max(moment, EARLIEST), LATEST)


@DOOR.route(
    "GET",
    "/api/interface-logs",
    permission="read_audit",
    summary="Page through the call log",
    query=Filter,
    answer=LoggedCallPage,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    """Answer a page; a short one, even an empty one, goes on while `next` is not null."""
    query: Filter = call.query
    found = await interface_call_pages.page(
        call.parts.store.pool,
        call.organization(query.organization),
        resource=query.resource,
        interface=query.interface,
        gateway=query.gateway,
        application=query.application,
        client_id=query.client_id,
        user=query.user,
        address=query.address,
        method=query.method,
        path=query.path,
        test=query.test,
        allowed=None if query.outcome is None else query.outcome == "allowed",
        cause=query.cause,
        request=query.request_id,
        since=_within(query.since),
        until=_within(query.until),
        before=query.after,
        limit=query.limit,
    )
    return Answer({"items": [DOCUMENT.of_row(row) for row in found.rows], "next": found.before})
