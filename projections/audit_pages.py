"""Pages of the audit, each bounded: at most so many rows are looked at, however many there are and however few fit.

A page whose rows are rare may so be short, or empty, and still have a cursor: the next one goes on looking where this
one stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from domain import EVENTS
from projections.audit_ranges import Search, ranges

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

SCANNED = 3_000
FURTHEST = 2**63 - 1

# Every range is read in its index's order and every row of the log by its position, whatever the planner believes of
# how many there are: it knows little of a client that began an hour ago.
PLAIN_PLANS = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_incremental_sort = off
"""
POSITIONS = """
SELECT coalesce((SELECT last FROM muniment.batches WHERE recorded_at < $1
                  ORDER BY recorded_at DESC, last DESC LIMIT 1), 0),
       coalesce((SELECT last FROM muniment.batches WHERE recorded_at <= $2
                  ORDER BY recorded_at DESC, last DESC LIMIT 1), 0)
"""
ROWS = """
SELECT a.position, l.originator_id AS stream, l.originator_version AS version, l.topic,
       split_part(l.topic, '.', 1) AS kind, l.recorded_at, l.organization, l.actor, l.client,
       coalesce(a.subject, a.client) AS subject, a.account, l.request_id, l.state, l.causation, j.address, j.user_agent
  FROM audit a
  JOIN muniment.log l ON l.notification_id = a.position
  LEFT JOIN muniment.request_journal j ON j.request_id = l.request_id
 WHERE a.position = ANY ($1::bigint[])
 ORDER BY a.position {direction}
"""


class Page(NamedTuple):
    """Events in order, and the position after which the next page begins: None at the end."""

    rows: list[asyncpg.Record]
    next: int | None


async def page(
    connection: asyncpg.Pool,
    filters: dict[str, Any],
    *,
    since: datetime | None,
    until: datetime | None,
    newest_first: bool,
    limit: int,
) -> Page:
    """Return a page of events in position order, each with its stored state and, while it is kept, its client address.

    `filters` holds those that are given of organization, actor, client, subject, account, stream, request_id, kind,
    topic, position_from and position_to (both inclusive). `since` and `until` (both inclusive) become positions first,
    for the log's times never decrease with them.
    """
    wanted = dict(filters)
    low, high = wanted.pop("position_from", 0), wanted.pop("position_to", FURTHEST)
    kind, topic = wanted.pop("kind", None), wanted.pop("topic", None)
    if kind is not None or topic is not None:
        wanted["topics"] = [
            each for each in EVENTS if topic in (None, each) and kind in (None, each.split(".", maxsplit=1)[0])
        ]
    async with (
        connection.acquire() as session,
        session.transaction(isolation="repeatable_read", readonly=True),
    ):
        await session.execute(PLAIN_PLANS)
        if since is not None or until is not None:
            row = await session.fetchrow(POSITIONS, since, until)
            assert row is not None  # noqa: S101 - both of its columns are sub-queries
            low = low if since is None else max(low, row[0] + 1)
            high = high if until is None else min(high, row[1])
        positions, following = await _found(session, Search(wanted, low, high, newest_first, limit))
        sql = ROWS.format(direction="DESC" if newest_first else "ASC")
        return Page(await session.fetch(sql, positions) if positions else [], following)


async def _found(session: PoolConnectionProxy[asyncpg.Record], search: Search) -> tuple[list[int], int | None]:
    """Return the positions of a page, in order, and the one after which the next page begins to look."""
    through = ranges(search.wanted)
    if not through:  # a topic of another kind
        return [], None
    parts = [
        (part, max(search.limit, SCANNED // len(through)) if search.unanswered(part) else search.limit)
        for part in through
    ]
    hits = await session.fetch(search.hits(parts), *search.parameters)
    counts = [0] * len(parts)
    for hit in hits:
        counts[hit["number"]] += 1
    bounds = []
    for (part, most), count in zip(parts, counts, strict=True):
        if count < search.limit and search.unanswered(part):
            bound = await session.fetchval(search.bound(part, most), *search.parameters)
            if bound is not None:
                bounds.append(bound)
    positions = sorted((hit["position"] for hit in hits), reverse=search.newest_first)
    stop = None
    if bounds:  # beyond the nearest of them, a range has not been looked through
        stop = max(bounds) if search.newest_first else min(bounds)
        positions = [position for position in positions if position == stop or (position > stop) == search.newest_first]
    positions = positions[: search.limit]
    return positions, positions[-1] if len(positions) == search.limit else stop
