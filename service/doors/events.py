"""/api/events: the history, for auditors (`read_audit`). Callers see their own organization's, root all.

The audit model follows the log: `Muniment-At-Least` waits until it has come so far. Personal data stays sealed; an item
names which fields it had.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain import EVENTS
from domain.refusals import UnknownAccount
from projections import audit, audit_pages
from service.http.call import Answer, Call
from service.http.consistency import await_model
from service.http.document import Output
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import DEFAULT, MOST

if TYPE_CHECKING:
    from service.http.document import Row
DOOR = Door("events")
FURTHEST = 2**63 - 1
# Beside the event's own members: what columns tell already, and what is sealed.
ENVELOPE = frozenset({"timestamp", "originator_topic", "class_version", "sealed"})
EXACT = ("actor", "client", "subject", "account", "stream", "kind", "topic", "request_id")


class Event(Output):
    """An event.

    `actor` is the user, else the application, that did it, the nil UUID the service itself; `subject` is whom or what
    it is about. `address` and `user_agent` are null once the request journal has let them go, and for a moment before
    it has written them. `data` are its fields, without sealed ones and digests; `personal` names the sealed ones.
    """

    position: int
    recorded_at: Moment
    topic: str
    kind: str
    stream: Id
    version: int
    organization: Id
    actor: Id
    client: Id | None
    subject: Id | None
    account: Id | None
    request_id: Id
    causation: Id | None
    address: str | None
    user_agent: str | None
    data: dict[str, Any]
    personal: list[str]


COLUMNS = tuple(name for name in Event.model_fields if name not in ("data", "personal"))


class Events(Output):
    """A page of events. `next` goes into `cursor` to continue, and is null at the end.

    The answer to a rare combination of filters comes in short pages, even empty ones: each tells how far it looked.
    """

    items: list[Event]
    next: int | None


class Filter(Input):
    """Which events. `since` and `until` are times, `from` and `to` positions, all inclusive; `cursor` is a `next`."""

    since: Moment | None = None
    until: Moment | None = None
    first: int | None = pydantic.Field(default=None, ge=0, le=FURTHEST, alias="from")
    last: int | None = pydantic.Field(default=None, ge=0, le=FURTHEST, alias="to")
    actor: Id | None = None
    client: Id | None = None
    subject: Id | None = None
    account: Id | None = None
    stream: Id | None = None
    kind: str | None = None
    topic: str | None = None
    request_id: Id | None = None
    organization: Id | None = None
    order: Literal["asc", "desc"] = "desc"
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)
    cursor: int | None = pydantic.Field(default=None, ge=0, le=FURTHEST)

    @pydantic.field_validator("kind")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is not None and value not in audit.KINDS:
            msg = f"a kind is one of {', '.join(audit.KINDS)}"
            raise ValueError(msg)
        return value

    @pydantic.field_validator("topic")
    @classmethod
    def _known_topic(cls, value: str | None) -> str | None:
        if value is not None and value not in EVENTS:
            msg = f"a topic is one of {', '.join(sorted(EVENTS))}"
            raise ValueError(msg)
        return value

    def positions(self) -> dict[str, int]:
        """Return the bounds, the cursor counted in."""
        newest_first, cursor = self.order == "desc", self.cursor
        first, last = self.first, self.last
        if cursor is not None and newest_first:
            last = cursor - 1 if last is None else min(last, cursor - 1)
        elif cursor is not None:
            first = cursor + 1 if first is None else max(first, cursor + 1)
        bounds = {"position_from": first, "position_to": last}
        return {name: bound for name, bound in bounds.items() if bound is not None}


def _of_row(row: Row) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(row["state"])
    data = {name: value for name, value in state.items() if name not in ENVELOPE and not name.endswith("digest")}
    return {
        **{name: row[name] for name in COLUMNS},
        "data": data,
        "personal": sorted(state.get("sealed", ())),
    }


@DOOR.route(
    "GET",
    "/api/events",
    permission="read_audit",
    summary="Page through the history",
    query=Filter,
    answer=Events,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    await await_model(call.request, call.parts, audit.MODEL.name)
    organization = call.organization(query.organization)
    filters: dict[str, Any] = {} if organization is None else {"organization": organization}
    filters.update({name: value for name in EXACT if (value := getattr(query, name)) is not None})
    page = await audit_pages.page(
        call.parts.store.pool,
        {**filters, **query.positions()},
        since=query.since,
        until=query.until,
        newest_first=query.order == "desc",
        limit=query.limit,
    )
    return Answer({"items": [_of_row(row) for row in page.rows], "next": page.next})
