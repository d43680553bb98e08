"""What decides about calls of interfaces, read from the rows of other read models in one snapshot.

Nothing is kept here. In these texts `r` is an API resource, `o` its organization, `t` a token of that organization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections.token_states import ACCESS_EPOCH, IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

# One row a question, in no order: `n` says which it answers, from 1. There is none for an unknown resource. `position`
# is that of the last event about the resource or any of its interfaces: whoever remembers these from another position
# asked about something else. Whether the application may be used is told apart from the rest that a token depends on.
# There is at most one grant: the limit keeps the planner from going through all of an application's by a plan that it
# made when these were few.
DECIDING = f"""
SELECT q.n, r.organization, r.position, r.audience AS own_audience, o.submit_limited,
       t.application, a.client_id, t.user_id, t.account, t.scope, t.audience, t.expires_at,
       CASE WHEN a.id IS NULL THEN false
            ELSE t.ended_at IS NULL AND t.position > {ACCESS_EPOCH}
                 AND {IN_FORCE.format(now="clock_timestamp()")} END AS alive,
       a.usable_until > clock_timestamp() AS usable, a.scope_kinds,
       g.id AS grant_id, g.status, g.frequency, g.test_frequency, g.expires_at AS granted_until
  FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) WITH ORDINALITY AS q(resource, interface, digest, n)
  JOIN api_resources r ON r.id = q.resource
  JOIN accounts o ON o.id = r.organization
  LEFT JOIN tokens t ON t.digest = q.digest AND t.organization = r.organization
  LEFT JOIN applications a ON a.id = t.application
  LEFT JOIN LATERAL (SELECT w.id, w.status, w.frequency, w.test_frequency, w.expires_at FROM interface_grants w
                      WHERE w.application = t.application AND w.interface = q.interface LIMIT 1) g ON true
"""  # noqa: S608 - made of these files' own texts
# A resource's interfaces with the position that they are true at; one row without an interface where there are none.
ROUTES = """
SELECT r.position, i.id, i.identifier, i.method, i.path, i.frequency, i.test_frequency, i.submit_limited, i.scope
  FROM api_resources r
  LEFT JOIN interfaces i ON i.resource = r.id
 WHERE r.id = $1
"""


class Question(NamedTuple):
    """What is asked about a call: its resource, the interface it is for and its token's digest, as far as there are."""

    resource: UUID
    interface: UUID | None
    digest: bytes | None


async def deciding(connection: asyncpg.Pool, questions: Sequence[Question]) -> dict[Question, asyncpg.Record]:
    """Return the row of DECIDING for each question, all of one snapshot; none for an unknown resource."""
    rows = await connection.fetch(DECIDING, *map(list, zip(*questions, strict=True)))
    return {questions[row["n"] - 1]: row for row in rows}


async def routes(connection: asyncpg.Pool, resource: UUID) -> list[asyncpg.Record]:
    """Return the rows of ROUTES, [] for an unknown resource."""
    return await connection.fetch(ROUTES, resource)
