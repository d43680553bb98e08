"""Audit: every event by who, what, when and about whom. Follows the log; auditors page through it by position.

A row holds what events are looked for by, the log all else (`audit_pages.py` joins them). A machine's own token is by
far the commonest event: its actor and its subject are its client, so that both are left out, and one entry in
`audit_own` stands for all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain import EVENTS
from projections.model import Model
from projections.row_pages import AppendedRows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

    from projections.model import Context, Fact

OFTEN = "token.issued"
"""The topic that no index holds: events of it are never far."""

DDL = """
CREATE TABLE audit (
    position bigint PRIMARY KEY,
    organization uuid NOT NULL,
    client uuid,
    actor uuid,                        -- null, with the subject: both are the client
    subject uuid,
    account uuid,
    request_id uuid NOT NULL,
    topic text NOT NULL
);

CREATE FUNCTION apply_audit(facts json, positions bigint[]) RETURNS void LANGUAGE plpgsql AS $apply$
BEGIN
    INSERT INTO audit (position, organization, client, actor, subject, account, request_id, topic)
    SELECT positions[f.n], f.organization, f.client, f.actor, f.subject, f.account, f.request_id, f.topic
      FROM json_to_recordset(facts)
           AS f(n int, organization uuid, client uuid, actor uuid, subject uuid, account uuid, request_id uuid,
                topic text)
     WHERE positions[f.n] > 0;
END $apply$;
"""
COLUMNS = ("organization", "client", "actor", "subject", "account", "request_id", "topic")
INDEXES = (
    "CREATE INDEX audit_organization ON audit (organization, position)",
    "CREATE INDEX audit_own ON audit (client, position) WHERE actor IS NULL",
    "CREATE INDEX audit_client ON audit (client, position) WHERE actor IS NOT NULL",
    "CREATE INDEX audit_actor ON audit (actor, position) WHERE actor IS NOT NULL",
    "CREATE INDEX audit_subject ON audit (subject, position) WHERE subject IS NOT NULL",
    "CREATE INDEX audit_account ON audit (account, position) WHERE account IS NOT NULL",
    "CREATE INDEX audit_request ON audit (request_id, position)",
    f"CREATE INDEX audit_topic ON audit (topic, position) WHERE topic <> '{OFTEN}'",
    f"CREATE INDEX audit_organization_topic ON audit (organization, topic, position) WHERE topic <> '{OFTEN}'",
)

# The audit shows what the log holds: not what was archived, and of a month on its way out what is left of it.
SERVED = """
EXISTS (SELECT FROM muniment.archives)
AND starts_with(r.topic, 'token.')
AND EXISTS (SELECT FROM muniment.archives v WHERE r.position BETWEEN v.first AND v.last)
AND NOT EXISTS (SELECT FROM muniment.token_events e
                 WHERE e.notification_id = r.position
                   AND NOT EXISTS (SELECT FROM muniment.archives v
                                    WHERE e.originator_id >= v.lower AND e.originator_id < v.upper))
"""

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
    topic = event.TOPIC
    kind = topic.split(".")[0]
    # A user's own events are about that user, although `user.created` also names an application.
    subject = event.originator_id if kind in ("user", "application", "role", "grant") else _subject(event)
    fact = {
        "organization": context.organization,
        "client": context.client,
        "request_id": context.request_id,
        "topic": topic,
    }
    if topic != OFTEN or not context.actor == context.client == subject:
        fact["actor"] = context.actor
        fact["subject"] = subject
    account = _account(event, kind)
    if account is not None:
        fact["account"] = account
    yield fact


HANDLERS = dict.fromkeys(EVENTS, _row)
MODEL = Model(
    name="audit",
    version=2,
    mode="eventual",
    tables=("audit",),
    ddl=DDL,
    indexes=INDEXES,
    handlers=HANDLERS,
    on_poison="quarantine",  # a gap that is named beats an audit that stands still
    served={"audit": SERVED},
    bulk=AppendedRows("audit", COLUMNS, HANDLERS),
)

FORGET = "DELETE FROM {schema}.audit WHERE position = ANY ($1::bigint[])"


async def forget(connection: asyncpg.Connection, positions: Sequence[int], *, schema: str) -> None:
    """Remove the rows of events that leave the log."""
    await connection.execute(FORGET.format(schema=schema), positions)
