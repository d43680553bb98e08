"""Events that cannot be applied, told from trouble that passes; and where those are set aside that may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from service.operations.exception_text import described
from service.store.codec import UnknownTopic
from service.store.lane import LOST

if TYPE_CHECKING:
    from service.store.log import Entry

# Classes of SQLSTATE that say nothing about the events: connection, transaction state, rollback, resources, locks,
# operator intervention, system.
PASSING = frozenset({"08", "25", "40", "53", "55", "57", "58"})
MOST_SET_ASIDE = 1_000  # of a generation: more are no odd events but a program that is wrong

SET_ASIDE = """
INSERT INTO muniment.quarantine (model, generation, position, topic, error) VALUES ($1, $2, $3, $4, $5)
"""
COUNT = "SELECT count(*) FROM muniment.quarantine WHERE model = $1 AND generation = $2"


class Poison(Exception):
    """An event that a read model cannot apply."""

    def __init__(self, event: Entry, error: Exception) -> None:
        """Name the event, and what is wrong without quoting any value."""
        super().__init__(
            f"position {event.position}, {event.topic} (version {event.version} of {event.stream}): {described(error)}"
        )
        self.event = event
        self.reason = described(error)

    @property
    def is_unknown(self) -> bool:
        """Whether this program does not know the topic: a newer one is at work, and nobody may pass over that."""
        return isinstance(self.__cause__, UnknownTopic)


def passes(error: BaseException) -> bool:
    """Say whether an error has nothing to do with the events, so that trying again is right."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate)[:2] in PASSING
    return isinstance(error, LOST)


async def set_aside(connection: asyncpg.Connection, model: str, generation: int, poison: Poison) -> bool:
    """Note an event that a generation goes without, in its transaction; return False when there are too many."""
    if await connection.fetchval(COUNT, model, generation) >= MOST_SET_ASIDE:
        return False
    event = poison.event
    await connection.execute(SET_ASIDE, model, generation, event.position, event.topic, poison.reason)
    return True
