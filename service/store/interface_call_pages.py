"""Pages of the call log, newest first, by cursor.

The first of the filters in `BY_INDEX` that is given leads: by its index so many of the newest rows are looked at, and
held against all other filters. So no combination costs more than that, and a rare one comes in short pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

SCANNED = 20_000  # rows that one page looks at, at most

BY_INDEX = {
    "request": "c.id = ${n}",
    "user": "c.user_id = ${n}",
    "interface": "c.interface = ${n}",
    "application": "c.application = ${n}",
    "refused_by": "c.organization = ${n} AND c.cause IS NOT NULL",
    "organization": "c.organization = ${n}",
}
RANGE = {
    "before": "c.id < ${n}",
    # An id is made when its call is, or, of counts, up to some minutes later. It bounds what is scanned.
    "since": "c.id >= muniment.uuid7_floor(${n}::timestamptz - interval '1 second')",
    "until": "c.id < muniment.uuid7_floor(${n}::timestamptz + interval '5 minutes')",
}
BY_ROW = {
    "organization": "s.organization = ${n}",
    "user": "s.user_id = ${n}",
    "interface": "s.interface = ${n}",
    "application": "s.application = ${n}",
    "resource": "s.resource = ${n}",
    "gateway": "s.gateway = ${n}",
    "client_id": "s.client_id = ${n}",
    "address": "s.address = ${n}",
    "allowed": "(s.cause IS NULL) = ${n}",
    "cause": "s.cause = ${n}",
    "method": "s.method = ${n}",
    "path": "starts_with(s.path, ${n})",
    "test": "s.test = ${n}",
    "since": "s.at >= ${n}",
    "until": "s.at <= ${n}",
}
PAGE = """
SELECT f.id, f.at, f.organization, f.resource, f.interface, f.gateway, f.application, f.user_id, f.client_id, f.address,
       f.method, f.path, f.test, f.status, f.cause, f.count,
       r.identifier AS resource_identifier, i.identifier AS interface_identifier
  FROM (SELECT s.*
          FROM (SELECT c.id, c.at, c.organization, c.resource, c.interface, c.gateway, c.application, c.user_id,
                       c.client_id, c.address, c.method, c.path, c.test, c.status, c.cause, c.count
                  FROM muniment.interface_calls c
                 WHERE {by_index}
                 ORDER BY c.id DESC
                 LIMIT {scanned}) s
         WHERE {by_row}
         ORDER BY s.id DESC
         LIMIT {limit}) f
  LEFT JOIN models.api_resources r ON r.id = f.resource
  LEFT JOIN models.interfaces i ON i.id = f.interface
 ORDER BY f.id DESC
"""
LAST_SCANNED = """
SELECT c.id, c.organization FROM muniment.interface_calls c
 WHERE {by_index} ORDER BY c.id DESC OFFSET {scanned} - 1 LIMIT 1
"""


class Page(NamedTuple):
    """Calls, and the cursor that continues them, None at the end. A short page, even an empty one, may go on."""

    rows: list[asyncpg.Record]
    before: UUID | None


async def page(
    pool: asyncpg.Pool,
    organization: UUID | None,
    *,
    resource: UUID | None = None,
    interface: UUID | None = None,
    gateway: UUID | None = None,
    application: UUID | None = None,
    user: UUID | None = None,
    client_id: str | None = None,
    address: str | None = None,
    allowed: bool | None = None,
    cause: str | None = None,
    method: str | None = None,
    path: str | None = None,
    test: bool | None = None,
    request: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
    scanned: int = SCANNED,
) -> Page:
    """Return a page of what an organization's gateways asked about (all organizations' when None), newest first.

    Rows are those of `interface_calls.LoggedCall`, its `user` as `user_id` and its `times` as `count`, with
    `resource_identifier` and `interface_identifier` while these exist. `path` is how paths begin; `since` and `until`
    are inclusive; `before` is a former page's cursor.
    """
    rows_of_refused = allowed is False or (cause is not None and allowed is None)
    given = {
        "request": request, "user": user, "interface": interface, "application": application,
        "refused_by": organization if rows_of_refused else None, "organization": organization,
        "before": before, "since": since, "until": until, "resource": resource, "gateway": gateway,
        "client_id": client_id, "address": address, "allowed": allowed, "cause": cause, "method": method,
        "path": path, "test": test,
    }  # fmt: skip
    wanted = {name: value for name, value in given.items() if value is not None}
    leading = [name for name in BY_INDEX if name in wanted][:1]
    indexed = [*leading, *(name for name in RANGE if name in wanted)]
    others = [name for name in BY_ROW if name in wanted and name not in leading]
    names = [*dict.fromkeys((*indexed, *others))]  # indexed first, so both statements number them alike
    by_index = _conditions({**BY_INDEX, **RANGE}, indexed, names)
    sql = PAGE.format(
        by_index=by_index, by_row=_conditions(BY_ROW, others, names), scanned=int(scanned), limit=int(limit)
    )
    rows = await pool.fetch(sql, *(wanted[name] for name in names))
    if len(rows) == limit:
        return Page(rows, rows[-1]["id"])
    last = await pool.fetchrow(
        LAST_SCANNED.format(by_index=by_index, scanned=int(scanned)), *(wanted[name] for name in indexed)
    )
    # All calls of a user, an application or an interface are in one organization: where these are another's, there is
    # nothing to go on to, and their ids tell when they were made.
    if last is None or organization not in (None, last["organization"]):
        return Page(rows, None)
    return Page(rows, last["id"])


def _conditions(conditions: Mapping[str, str], chosen: Sequence[str], names: Sequence[str]) -> str:
    return " AND ".join(conditions[name].format(n=names.index(name) + 1) for name in chosen) or "true"
