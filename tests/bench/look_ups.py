"""Measures look-ups of tokens: pages by application, by user and by end user, somewhere among all there are."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from projections import tokens
from service.store import connections
from tests.bench.figures import LOOK_UP, Tail
from tests.bench.tokens import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tests.bench.filled import Filled

PAGE = 50
TIMES = 300  # each question
SOME = 5_000
END_USERS = "SELECT DISTINCT organization, end_user FROM tokens WHERE end_user IS NOT NULL LIMIT $1"
HOLDERS = """
SELECT DISTINCT organization, application, user_id AS user FROM tokens WHERE user_id IS NOT NULL LIMIT $1
"""
COLUMNS = {"organization": "organization", "application": "application", "user": "user_id", "end_user": "end_user"}


async def measure(dsn: str, size: int, past: Filled) -> list[Tail]:
    """Return one figure for each question. Raises WrongAnswer."""
    pool = await connections.pool(dsn, size=1, name="bench-look-ups")
    found = []
    try:
        named = [dict(row) for row in await pool.fetch(END_USERS, SOME)]
        held = [dict(row) for row in await pool.fetch(HOLDERS, SOME)]
        for question, draw in _questions(random.Random(size), past, named, held).items():
            took = []
            for _ in range(TIMES):
                wanted = draw()
                before = time.perf_counter()
                rows = await tokens.page(pool, limit=PAGE, **wanted)
                took.append((time.perf_counter() - before) * 1000)
                _check(wanted, rows)
            found.append(Tail.of(LOOK_UP, question, size, took))
    finally:
        await pool.close()
    return found


def _questions(
    dice: Random, past: Filled, named: Sequence[dict[str, Any]], held: Sequence[dict[str, Any]]
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what is asked, each with a way to draw the arguments."""
    owners = past.organizations
    favourite = {"organization": owners[0], "application": past.applications[0]}

    def anywhere() -> int:
        return dice.randrange(past.head) + 1

    def application() -> dict[str, Any]:
        n = dice.randrange(len(past.applications))
        return {"organization": owners[n % len(owners)], "application": past.applications[n], "after": anywhere()}

    def user() -> dict[str, Any]:
        n = dice.randrange(len(past.people))
        return {"organization": owners[n % len(owners)], "user": past.people[n]}

    return {
        "application": application,
        "application with half of all tokens": lambda: {**favourite, "after": anywhere()},
        "user": user,
        "end user": lambda: dice.choice(named),
        "end user without tokens": lambda: {"organization": owners[0], "end_user": f"nobody {dice.random()}"},
        "application and user": lambda: dice.choice(held),
        "application with half of all tokens, and end user": lambda: {**dice.choice(named), **favourite},
    }


def _check(wanted: dict[str, Any], rows: Sequence[Any]) -> None:
    """Raise WrongAnswer unless these are tokens of what was asked for, newest first, and some where there must be."""
    strange = any(row[COLUMNS[name]] != value for row in rows for name, value in wanted.items() if name in COLUMNS)
    positions = [row["position"] for row in rows]
    missing = not rows and {"application", "user"} <= wanted.keys()
    if strange or missing or positions != sorted(positions, reverse=True):
        message = f"a look-up by {wanted} found {len(rows)} tokens, and not the right ones"
        raise WrongAnswer(message)
