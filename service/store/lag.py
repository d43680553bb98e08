"""How each read model stands to the log, for operators: what is live, how far it is, and what ails it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncpg

# Seconds: how long ago the first event was recorded that the model does not show yet. The rate, in positions a second,
# is that of about the last ten seconds; immediate models are written with the log, at its rate.
LAGS = """
SELECT m.name, m.mode, m.version, m.generation, m.error, h.last AS head,
       CASE WHEN m.mode = 'eventual' THEN m.position ELSE h.last END AS position,
       CASE WHEN m.mode = 'eventual' THEN greatest(h.last - m.position, 0) ELSE 0 END AS events,
       CASE WHEN m.mode = 'eventual' AND m.position < h.last THEN (
            SELECT greatest(extract(epoch FROM clock_timestamp() - b.recorded_at), 0)::float8
              FROM muniment.batches b WHERE b.last > m.position ORDER BY b.last LIMIT 1) ELSE 0 END AS seconds,
       CASE WHEN m.mode = 'eventual'
            THEN m.rate * exp(-least(extract(epoch FROM clock_timestamp() - m.updated_at), 100)::float8 / 10)
            ELSE (h.last - coalesce((SELECT b.last FROM muniment.batches b
                                      WHERE b.recorded_at <= clock_timestamp() - interval '10 seconds'
                                      ORDER BY b.recorded_at DESC, b.last DESC LIMIT 1), 0)) / 10.0 END::float8 AS rate,
       (SELECT count(*) FROM muniment.quarantine q
         WHERE q.model = m.name AND q.generation = m.generation)::int AS quarantined,
       (SELECT f.generation FROM muniment.former_generations f
         WHERE f.model = m.name AND f.version = m.version) AS former
  FROM muniment.models m,
       (SELECT b.last FROM muniment.batches b ORDER BY b.last DESC LIMIT 1) h
 ORDER BY m.name
"""


class Lag(NamedTuple):
    """One read model.

    What is live, why it stopped (None: it did not), the head, where it stands, by how much it is behind (immediate
    ones: 0), its rate, how many events it goes without, and the generation it can be switched back to.
    """

    name: str
    mode: str
    version: int
    generation: int
    error: str | None
    head: int
    position: int
    events: int
    seconds: float
    rate: float
    quarantined: int
    former: int | None

    @property
    def stopped(self) -> bool:
        """Whether it met an event that it can neither apply nor pass over."""
        return self.error is not None


async def lags(connection: asyncpg.Pool | asyncpg.Connection) -> list[Lag]:
    """Return all registered read models, by name."""
    return [Lag(*row) for row in await connection.fetch(LAGS)]
