"""The purge rule of tokens: a family's rows go together, once none of its tokens can be used or told apart from dead.

A family is over when its access tokens had expired by the horizon, and no refresh token of it is left that could be
used: then nothing asks for its used refresh tokens either, by which a copied one is found out. One that was revoked
could be approved again until it expires; one that does not expire could not. So what is over stays over, and the rule
may be applied at any later time, or twice, or halfway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

NAME = "tokens"  # the model's; it has the horizon
HORIZON = f"coalesce((SELECT h.at FROM muniment.horizons h WHERE h.model = '{NAME}'), '-infinity')"  # noqa: S608 - a name
# The family's first token is found by its id, the others by the index of what was refreshed.
OVER = f"""
NOT EXISTS (SELECT FROM {{schema}}.tokens o WHERE o.id = r.family AND o.expires_at > {HORIZON})
AND NOT EXISTS (SELECT FROM {{schema}}.tokens o
                 WHERE o.family = r.family AND o.family <> o.id AND o.expires_at > {HORIZON})
AND NOT EXISTS (SELECT FROM {{schema}}.refresh_tokens o
                 WHERE o.family = r.family AND o.used_at IS NULL
                   AND CASE WHEN o.expires_at IS NULL THEN o.ended_at IS NULL ELSE o.expires_at > {HORIZON} END)
"""  # noqa: S608 - made of this file's own texts
RAISED = f"{HORIZON} > '-infinity'"  # looked at once: as long as it never was, no table is gone through
SERVED = {
    "tokens": f"{RAISED} AND r.expires_at <= {HORIZON} AND {OVER}",
    "refresh_tokens": (
        f"{RAISED} AND (r.used_at IS NOT NULL OR r.ended_at IS NOT NULL OR r.expires_at <= {HORIZON}) AND {OVER}"
    ),
}

NIL = UUID(int=0)
RAISE = "UPDATE muniment.horizons SET at = greatest(at, $2) WHERE model = $1 RETURNING at"
# Ids of tokens are UUIDv7: who was born after the horizon has not expired before it.
PAGE = f"""
SELECT r.id, r.family, {SERVED["tokens"]} AS served
  FROM (SELECT * FROM {{schema}}.tokens
         WHERE id > $1 AND id < muniment.uuid7_floor($2) ORDER BY id LIMIT $3) r
 ORDER BY r.id
"""  # noqa: S608 - made of this file's own texts
DELETE = (
    "DELETE FROM {schema}.refresh_tokens WHERE family = ANY ($1::uuid[])",
    "DELETE FROM {schema}.tokens WHERE family = ANY ($1::uuid[]) AND family <> id",
    "DELETE FROM {schema}.tokens WHERE id = ANY ($1::uuid[])",
)


class Purged(NamedTuple):
    """What became of a page of tokens: where the next one begins (None at the end), and how many rows went."""

    after: UUID | None
    tokens: int
    refresh_tokens: int


async def raise_horizon(connection: asyncpg.Connection, to: datetime) -> datetime:
    """Raise the horizon to a time, if it is not there yet, and return it. The database refuses the last half hour."""
    at: datetime = await connection.fetchval(RAISE, NAME, to)
    return at


async def purge_page(
    connection: asyncpg.Connection, horizon: datetime, *, schema: str, after: UUID = NIL, limit: int
) -> Purged:
    """Remove the families that are over among the next tokens by age, inside the caller's transaction.

    Each goes whole. Waits for nobody if the caller set a lock timeout, and nobody waits longer than this page takes.
    """
    rows = await connection.fetch(PAGE.format(schema=schema), after, horizon, limit)
    families = list({row["family"] for row in rows if row["served"]})
    gone = [0, 0, 0]
    if families:
        for n, statement in enumerate(DELETE):
            gone[n] = int((await connection.execute(statement.format(schema=schema), families)).split()[1])
    return Purged(rows[-1]["id"] if len(rows) == limit else None, gone[1] + gone[2], gone[0])
