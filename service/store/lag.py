"""How far each read model is from the head of the log, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncpg

# Seconds: how long ago the first event was recorded that the model does not show yet.
LAGS = """
SELECT m.name, m.mode, m.version, m.generation, m.error IS NOT NULL AS stopped, h.last AS head,
       CASE WHEN m.mode = 'eventual' THEN greatest(h.last - m.position, 0) ELSE 0 END AS events,
       CASE WHEN m.mode = 'eventual' AND m.position < h.last THEN (
            SELECT greatest(extract(epoch FROM clock_timestamp() - b.recorded_at), 0)::float8
              FROM muniment.batches b WHERE b.last > m.position ORDER BY b.last LIMIT 1) ELSE 0 END AS seconds
  FROM muniment.models m,
       (SELECT b.last FROM muniment.batches b ORDER BY b.last DESC LIMIT 1) h
 ORDER BY m.name
"""


class Lag(NamedTuple):
    """One read model: what is live, whether it stopped, the head, and by how much it is behind (immediate ones: 0)."""

    name: str
    mode: str
    version: int
    generation: int
    stopped: bool
    head: int
    events: int
    seconds: float


async def lags(connection: asyncpg.Pool | asyncpg.Connection) -> list[Lag]:
    """Return all registered read models, by name."""
    return [Lag(*row) for row in await connection.fetch(LAGS)]
