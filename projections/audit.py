"""Audit: every event by who, what, when and about whom. Follows the log; auditors page through it by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain import EVENTS
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import asyncpg

    from projections.model import Context, Fact

AUDIT = Table(
    "audit",
    key=("stream", "version"),
    columns={
        "stream": "uuid NOT NULL",
        "version": "bigint NOT NULL",
        "kind": "text NOT NULL",
        "topic": "text NOT NULL",
        "recorded_at": "timestamptz NOT NULL",
        "organization": "uuid NOT NULL",
        "actor": "uuid NOT NULL",
        "client": "uuid",
        "subject": "uuid",
        "account": "uuid",
        "request_id": "uuid NOT NULL",
    },
    indexes=(
        "CREATE UNIQUE INDEX audit_position ON audit (position)",
        "CREATE INDEX audit_organization ON audit (organization, position)",
        "CREATE INDEX audit_actor ON audit (actor, position)",
        "CREATE INDEX audit_client ON audit (client, position)",
        "CREATE INDEX audit_subject ON audit (subject, position)",
        "CREATE INDEX audit_account ON audit (account, position) WHERE account IS NOT NULL",
        "CREATE INDEX audit_topic ON audit (topic, position)",
        "CREATE INDEX audit_request ON audit (request_id)",
    ),
)

KINDS = tuple(sorted({topic.split(".")[0] for topic in EVENTS}))


def _subject(event: Any) -> UUID:
    """Return whom or what an event is about: the user it concerns, else the application, else its own stream."""
    for name in ("user", "application"):
        value = getattr(event, name, None)
        if isinstance(value, UUID):
            return value
    stream: UUID = event.originator_id
    return stream


def _account(event: Any, kind: str) -> UUID | None:
    if kind == "account":
        stream: UUID = event.originator_id
        return stream
    value = getattr(event, "account", None)
    return value if isinstance(value, UUID) else None


def _row(event: Any, context: Context) -> Iterable[Fact]:
    topic = type(event).TOPIC
    kind = topic.split(".")[0]
    # A user's own events are about that user, although `user.created` also names an application.
    subject = event.originator_id if kind in ("user", "application", "role", "grant") else _subject(event)
    yield AUDIT.insert(
        stream=event.originator_id,
        version=event.originator_version,
        kind=kind,
        topic=topic,
        recorded_at=context.recorded_at,
        organization=context.organization,
        actor=context.actor,
        client=context.client,
        subject=subject,
        account=_account(event, kind),
        request_id=context.request_id,
    )


MODEL = row_model("audit", 1, (AUDIT,), dict.fromkeys(EVENTS, _row), mode="eventual", rows_change=False)

# The filters that are given become conditions; those that are not leave no trace, so that each page has a plain plan.
FILTERS = {
    "organization": "a.organization = ${n}",
    "actor": "a.actor = ${n}",
    "client": "a.client = ${n}",
    "subject": "a.subject = ${n}",
    "account": "a.account = ${n}",
    "stream": "a.stream = ${n}",
    "request_id": "a.request_id = ${n}",
    "topic": "a.topic = ${n}",
    "kind": "a.topic = ANY (${n}::text[])",
    "position_from": "a.position >= ${n}",
    "position_to": "a.position <= ${n}",
}
PAGE = """
SELECT a.position, a.stream, a.version, a.topic, a.kind, a.recorded_at, a.organization, a.actor, a.client, a.subject,
       a.account, a.request_id, l.state, l.causation, j.address, j.user_agent
  FROM (SELECT * FROM audit a WHERE {conditions} ORDER BY a.position {direction} LIMIT {limit}) a
  JOIN muniment.log l ON l.notification_id = a.position
  LEFT JOIN muniment.request_journal j ON j.request_id = a.request_id
 ORDER BY a.position {direction}
"""
POSITIONS = """
SELECT coalesce((SELECT last FROM muniment.batches WHERE recorded_at < $1
                  ORDER BY recorded_at DESC, last DESC LIMIT 1), 0),
       coalesce((SELECT last FROM muniment.batches WHERE recorded_at <= $2
                  ORDER BY recorded_at DESC, last DESC LIMIT 1), 0)
"""


async def page(
    connection: asyncpg.Pool,
    filters: dict[str, Any],
    *,
    since: datetime | None,
    until: datetime | None,
    newest_first: bool,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a page of events in position order, each with its stored state and, while it is kept, its client address.

    `filters` holds those of FILTERS that are given. `since` and `until` (both inclusive) become positions first, for
    the log's times never decrease with them.
    """
    wanted = dict(filters)
    if "kind" in wanted:
        kind = wanted["kind"]
        wanted["kind"] = [topic for topic in EVENTS if topic.split(".")[0] == kind]
    if since is not None or until is not None:
        row = await connection.fetchrow(POSITIONS, since, until)
        assert row is not None  # noqa: S101 - both of its columns are sub-queries
        before, last = row
        if since is not None:
            wanted["position_from"] = max(before + 1, wanted.get("position_from", 0))
        if until is not None:
            wanted["position_to"] = min(last, wanted.get("position_to", last))
    conditions = [FILTERS[name].format(n=n) for n, name in enumerate(wanted, 1)]
    sql = PAGE.format(
        conditions=" AND ".join(conditions) or "true", direction="DESC" if newest_first else "ASC", limit=int(limit)
    )
    return await connection.fetch(sql, *wanted.values())
