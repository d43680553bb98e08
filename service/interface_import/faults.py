"""Says what is wrong with a document."""

from __future__ import annotations

from domain.refusals import Fault

FAULT_LIMIT = 20
"""How many faults are told of; who mends a document asks again."""
MESSAGE_LIMIT, PLACE_LIMIT = 300, 200  # characters


class Unusable(Exception):
    """A document cannot be imported. `faults` are places, as `paths./orders.get`, each with what is wrong there."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        """Keep the first of them, none longer than people read."""
        super().__init__()
        told = faults[:FAULT_LIMIT]
        self.faults = tuple(Fault(_cut(place, PLACE_LIMIT), _cut(message, MESSAGE_LIMIT)) for place, message in told)


def _cut(text: str, limit: int) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text[: limit + 1])
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"
