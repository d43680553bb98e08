"""`Muniment-At-Least: <position>`: a read that must see at least what a command's position stands for.

Immediate models on the primary satisfy it at once. A route over an eventual model waits for that model, bounded.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from projections import registry
from service.store.log import head

if TYPE_CHECKING:
    from aiohttp import web

    from service.parts import Parts

HEADER = "Muniment-At-Least"
WAIT_SECONDS = 5.0
STEP_SECONDS = 0.02
MAX_DIGITS = 18


class PositionBeyondHead(Exception):
    """The position is no number, or lies beyond the end of the log."""

    status, code = 400, "invalid_position"

    def __init__(self, sentence: str) -> None:
        """Keep the sentence for the answer."""
        super().__init__(sentence)
        self.sentence = sentence
        self.extra: dict[str, Any] = {}


class PositionNotReached(Exception):
    """An eventual model did not reach the position in time: try again later."""

    status, code = 503, "position_not_reached"

    def __init__(self, model: str) -> None:
        """Name the model that lags."""
        super().__init__(model)
        self.sentence = f"The read model {model} has not reached that position yet"
        self.extra: dict[str, Any] = {"headers": {"Retry-After": "1"}}


def wanted_position(request: web.Request) -> int | None:
    """Return the position a request asks for, None when it asks for none. Raises PositionBeyondHead."""
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        raise PositionBeyondHead(f"{HEADER} is a log position: a whole number")
    return int(text)


async def await_position(request: web.Request, parts: Parts) -> int | None:
    """Return the wanted position once it is known to lie in the log. Raises PositionBeyondHead."""
    wanted = wanted_position(request)
    if wanted is not None and wanted > await head(parts.store.pool):
        raise PositionBeyondHead("The log has not come to that position")
    return wanted


async def await_model(request: web.Request, parts: Parts, model: str) -> None:
    """Wait until an eventual model has reached the wanted position. Raises PositionNotReached after 5 s."""
    wanted = wanted_position(request)
    if wanted is None:
        return
    # By the clock, not by steps: the bell may ring much more often than the model moves.
    until = time.monotonic() + WAIT_SECONDS
    while await registry.position(parts.store.pool, model) < wanted:
        if time.monotonic() >= until:
            raise PositionNotReached(model)
        await asyncio.sleep(STEP_SECONDS)
