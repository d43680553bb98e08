"""Measures look-ups of tokens among all there are: pages by what they were issued to, counts, and single tokens."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from projections import token_look_ups
from projections.token_look_ups import STATUSES, Found, LookUp
from service.commands.revocations import COUNTED
from service.store import connections
from tests.bench import looked_for
from tests.bench.figures import LOOK_UP, Tail
from tests.bench.looked_for import HALF, counts, pages
from tests.bench.tokens import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    import asyncpg

    from tests.bench.filled import Filled
    from tests.bench.looked_for import Draw, Known

PAGE = 50
TIMES = 200  # each question; of pages, at most as many second pages come on top
FOUND = {HALF, "end user", "application and user", f"count: {HALF}", "count: end user"}
"""Questions whose answer is never empty, asked from the newest token on."""
COLUMNS = {"organization": "organization", "application": "application", "user": "user_id", "end_user": "end_user"}


async def measure(dsn: str, size: int, past: Filled) -> list[Tail]:
    """Return one figure for each question. Raises WrongAnswer."""
    pool = await connections.pool(dsn, size=1, name="bench-look-ups")
    try:
        known = await looked_for.known(pool, past.head)
        span = await pool.fetchrow(looked_for.SPAN)
        dice = random.Random(size)
        drawn = pages(dice, past, known, (span["first"], span["last"]))
        took = {question: await _paging(pool, dice, past.head, question, draw) for question, draw in drawn.items()}
        for question, draw in counts(drawn).items():
            took[question] = await _counting(pool, question, draw)
        for question, ask in _single(pool, dice, known).items():
            took[question] = await _asking(ask)
        return [Tail.of(LOOK_UP, question, size, ms) for question, ms in took.items()]
    finally:
        await pool.close()


def _single(pool: asyncpg.Pool, dice: Random, known: Known) -> dict[str, Callable[[], Awaitable[Any]]]:
    async def by_id(kind: str) -> None:
        wanted = dice.choice(known[kind])
        _checked_one(kind, wanted["id"], await token_look_ups.one(pool, wanted["id"], datetime.now(UTC)))

    async def by_digest(kind: str) -> None:
        wanted = dice.choice(known[kind])
        _checked_one(kind, wanted["id"], await token_look_ups.by_digest(pool, wanted["digest"], datetime.now(UTC)))

    async def unknown() -> None:
        id_ = UUID(int=dice.getrandbits(128))
        if await token_look_ups.one(pool, id_, datetime.now(UTC)) is not None:
            message = f"there is a token {id_}"
            raise WrongAnswer(message)

    return {
        "a token by its id": lambda: by_id("access"),
        "a token by its text": lambda: by_digest("access"),
        "a refresh token by its id": lambda: by_id("refresh"),
        "a refresh token by its text": lambda: by_digest("refresh"),
        "a token that is not there": unknown,
    }


async def _paging(pool: asyncpg.Pool, dice: Random, head: int, question: str, draw: Draw) -> list[float]:
    """Return how long each page took in ms: one from anywhere, or from the newest on, and the one behind it."""
    took: list[float] = []
    for _ in range(TIMES):
        wanted, start = draw(), dice.choice((None, dice.randrange(head) + 1))
        found = await _page(pool, wanted, start, took)
        if question in FOUND and start is None and not found.rows:
            message = f"a look-up of {wanted} found nothing"
            raise WrongAnswer(message)
        if found.next is not None:
            await _page(pool, wanted, found.next, took)
    return took


async def _page(pool: asyncpg.Pool, wanted: LookUp, start: int | None, took: list[float]) -> Found:
    now = datetime.now(UTC)
    before = time.perf_counter()
    found = await token_look_ups.page(pool, wanted, start=start, limit=PAGE, now=now)
    took.append((time.perf_counter() - before) * 1000)
    positions = [row["position"] for row in found.rows]
    ordered = positions == sorted(positions, reverse=True) and (start is None or all(p <= start for p in positions))
    if not ordered or len(positions) > PAGE or not all(_fits(wanted, row) for row in found.rows):
        message = f"a look-up of {wanted} from {start} found {len(positions)} tokens, and not the right ones"
        raise WrongAnswer(message)
    return found


async def _counting(pool: asyncpg.Pool, question: str, draw: Draw) -> list[float]:
    took = []
    for _ in range(TIMES):
        wanted, now = draw(), datetime.now(UTC)
        before = time.perf_counter()
        counted, _ = await token_look_ups.count(pool, wanted, cap=COUNTED, now=now)
        took.append((time.perf_counter() - before) * 1000)
        if not (question in FOUND) <= counted <= COUNTED:
            message = f"{counted} tokens were counted for {wanted}"
            raise WrongAnswer(message)
    return took


async def _asking(ask: Callable[[], Awaitable[Any]]) -> list[float]:
    took = []
    for _ in range(TIMES):
        before = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - before) * 1000)
    return took


def _fits(wanted: LookUp, row: asyncpg.Record) -> bool:
    """Say whether a token is one of those that were looked for."""
    asked = {column: getattr(wanted, name) for name, column in COLUMNS.items()}
    within = wanted.issued_from is None or wanted.issued_to is None
    return (
        row["kind"] == wanted.kind
        and row["status"] in (wanted.status or STATUSES)
        and all(row[column] == value for column, value in asked.items() if value is not None)
        and (within or wanted.issued_from <= row["issued_at"] < wanted.issued_to)
    )


def _checked_one(kind: str, wanted: UUID, found: asyncpg.Record | None) -> None:
    if found is None or (found["id"], found["kind"]) != (wanted, kind):
        message = f"the {kind} token {wanted} was looked for, and {found} was found"
        raise WrongAnswer(message)
