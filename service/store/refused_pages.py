"""Pages of recorded refusals, newest first, by cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    import asyncpg

SCANNED = 20_000  # rows that one page looks at, at most: filters without an index cost no more than this

# The filters that are given become conditions: these by index, those below row by row.
BY_INDEX = {
    "organization": "r.organization = ${n}",
    "client": "r.client = ${n}",
    "before": "r.id < ${n}",
    # An id is made when its refusal is, or, of counts, up to some minutes later. It bounds what is scanned.
    "since": "r.id >= muniment.uuid7_floor(${n}::timestamptz - interval '1 second')",
    "until": "r.id < muniment.uuid7_floor(${n}::timestamptz + interval '5 minutes')",
}
BY_ROW = {
    "operation": "s.operation = ${n}",
    "code": "s.code = ${n}",
    "since": "s.at >= ${n}",
    "until": "s.at <= ${n}",
}
PAGE = """
SELECT f.id, f.at, f.organization, f.actor, f.client, f.operation, f.status, f.code, f.detail, f.request_id, f.count,
       j.address, j.user_agent
  FROM (SELECT s.id, s.at, s.organization, s.actor, s.client, s.operation, s.status, s.code, s.detail, s.request_id,
               s.count
          FROM (SELECT r.id, r.at, r.organization, r.actor, r.client, r.operation, r.status, r.code, r.detail,
                       r.request_id, r.count
                  FROM muniment.refusals r
                 WHERE {by_index}
                 ORDER BY r.id DESC
                 LIMIT {scanned}) s
         WHERE {by_row}
         ORDER BY s.id DESC
         LIMIT {limit}) f
  LEFT JOIN muniment.request_journal j ON j.request_id = f.request_id
 ORDER BY f.id DESC
"""
LAST_SCANNED = """
SELECT r.id FROM muniment.refusals r WHERE {by_index} ORDER BY r.id DESC OFFSET {scanned} - 1 LIMIT 1
"""


class Page(NamedTuple):
    """Refusals, and the cursor that continues them, None at the end. A short page, even an empty one, may go on."""

    rows: list[asyncpg.Record]
    before: UUID | None


async def page(
    pool: asyncpg.Pool,
    organization: UUID | None,
    *,
    client: str | None = None,
    operation: str | None = None,
    code: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    limit: int = 50,
    scanned: int = SCANNED,
) -> Page:
    """Return a page of an organization's refusals (of all organizations when None), newest first.

    Rows are those of `refused.Refused` with `address` and `user_agent` while the journal keeps them, else None.
    `since` and `until` are inclusive; `before` is a former page's cursor.
    """
    given = {"organization": organization, "client": client, "before": before, "since": since, "until": until,
             "operation": operation, "code": code}  # fmt: skip
    wanted = {name: value for name, value in given.items() if value is not None}
    by_index = _conditions(BY_INDEX, wanted)
    sql = PAGE.format(by_index=by_index, by_row=_conditions(BY_ROW, wanted), scanned=int(scanned), limit=int(limit))
    rows = await pool.fetch(sql, *wanted.values())
    if len(rows) == limit:
        return Page(rows, rows[-1]["id"])
    indexed = [value for name, value in wanted.items() if name in BY_INDEX]
    last = await pool.fetchval(LAST_SCANNED.format(by_index=by_index, scanned=int(scanned)), *indexed)
    return Page(rows, last)


def _conditions(conditions: dict[str, str], wanted: Mapping[str, object]) -> str:
    # Filters found by index come first in `wanted`, so both statements number them alike.
    numbers = {name: n for n, name in enumerate(wanted, 1)}
    return " AND ".join(text.format(n=numbers[name]) for name, text in conditions.items() if name in wanted) or "true"
