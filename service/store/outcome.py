"""Finds out what became of a batch whose answer was lost together with its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.store.log import head

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from service.store.pending import Append

END_MILLISECONDS = 5_000
END_FORMER = """
SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()
"""
# An append is found in the stream of its last event: the highest position there is where it landed.
LANDED = """
SELECT c.causation, (SELECT max(l.notification_id) FROM muniment.log l
                      WHERE l.originator_id = c.stream AND l.causation = c.causation)
  FROM unnest($1::uuid[], $2::uuid[]) c(causation, stream)
"""
ANSWERED = "SELECT causation FROM muniment.idempotency WHERE causation = ANY($1::uuid[]) AND key = ANY($2::bytea[])"


class FormerStillRuns(ConnectionError):
    """A lost connection's process does not end: what it was told to append may still be committed."""


async def end_former(connection: asyncpg.Connection, application_name: str) -> None:
    """End the other connections of this name: a lost call may still be waiting for the lock on the server.

    The right to do so is the login's, not the service role's. Raises FormerStillRuns when one does not end.
    """
    await connection.execute("SET ROLE NONE")
    ended = await connection.fetch(END_FORMER, application_name, END_MILLISECONDS)
    await connection.execute("SET ROLE muniment_service")
    if not all(row[0] for row in ended):
        raise FormerStillRuns(application_name)


async def landed(connection: asyncpg.Connection, appends: Sequence[Append]) -> dict[UUID, int]:
    """Return the positions of those appends that were committed, by causation; the head for one without events."""
    with_events = [append for append in appends if append.events]
    rows = await connection.fetch(
        LANDED, [append.causation for append in with_events], [append.events[-1].stream for append in with_events]
    )
    found: dict[UUID, int] = {row[0]: row[1] for row in rows if row[1] is not None}
    kept = [(append, append.remembered.key) for append in appends if not append.events and append.remembered]
    if kept:
        rows = await connection.fetch(ANSWERED, [append.causation for append, _ in kept], [key for _, key in kept])
        end = await head(connection)
        found.update((row[0], end) for row in rows)
    return found
