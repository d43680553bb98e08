"""Measures what growth costs: the same service on databases with 10 thousand, a million and ten million tokens.

Each size has a PostgreSQL and a `muniment serve` of its own, and load is put on them by turns.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.bench import audit_pages, contenders, look_ups, management, rounds, sized, tokens
from tests.bench.database import postgres
from tests.bench.figures import INTROSPECT, ISSUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.bench.contenders import Contender
    from tests.bench.figures import Plan, Tail, Turn
    from tests.bench.filled import Filled

EMPTY = 10_000  # what the others are held against
SIZES = (EMPTY, 1_000_000, 10_000_000)
LARGEST = 1_000_000  # unless more is asked for: ten million take a quarter of an hour to make
CONNECTIONS = 32
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Grown:
    """A service on a database of some size, who there is in it, and tokens (as they were handed out) from all of it."""

    size: int
    dsn: str
    past: Filled
    tokens: Sequence[str]
    contender: Contender


def measure(folder: Path, plan: Plan, largest: int, say: Callable[[str], None]) -> Iterator[Turn | Tail]:
    """Yield every figure as it is found. Raises LeftOut, DidNotStart, rounds.Failed and WrongAnswer."""
    with ExitStack() as stack:
        grown = [_grow(stack, folder, size, say) for size in sizes(largest)]
        yield from _by_turns(INTROSPECT, grown, folder, plan)
        for one in grown:
            yield from asyncio.run(look_ups.measure(one.dsn, one.size, one.past))
            yield from asyncio.run(audit_pages.measure(one.contender, one.dsn, one.size, one.past, one.tokens))
        for one in grown:
            yield from management.revoke(one.dsn, folder / f"grown-{one.size}", one.size, one.past, say)
        # Last, for it makes the smallest grow.
        yield from _by_turns(ISSUE, grown, folder, plan)


def sizes(largest: int) -> list[int]:
    """Return the sizes to measure, smallest first; the largest is always one."""
    return [*(size for size in SIZES if size < largest), max(largest, EMPTY)]


def _grow(stack: ExitStack, folder: Path, size: int, say: Callable[[str], None]) -> Grown:
    home = folder / f"grown-{size}"
    dsn = stack.enter_context(postgres(home))
    began = time.monotonic()
    past, spread = asyncio.run(sized.fill(dsn, home, size))
    say(f"growth: {size:,} token events made in {time.monotonic() - began:,.0f} s")
    contender = stack.enter_context(contenders.muniment(1, folder, f"{size:,} tokens", **sized.environment(dsn)))
    return Grown(size, dsn, past, spread, contender)


def _by_turns(job: str, grown: Sequence[Grown], folder: Path, plan: Plan) -> Iterator[Turn]:
    tasks = [(_issue if job == ISSUE else _introspect)(one, folder) for one in grown]
    for task in tasks:
        rounds.warm_up(task, plan)
    return rounds.by_turns(tasks, CONNECTIONS, plan)


def _issue(grown: Grown, folder: Path) -> rounds.Task:
    """Let every application ask for tokens, the favoured one for its share of them."""
    contender, past = grown.contender, grown.past
    bodies = folder / f"issue-{contender.child.pid}"
    asking = past.client_ids + [past.client_ids[0]] * sized.FAVOURED
    random.Random(1).shuffle(asking)
    form = {"grant_type": "client_credentials", "audience": contenders.AUDIENCE}
    bodies.write_text("".join(urlencode(form | {"client_id": id_, "client_secret": id_}) + "\n" for id_ in asking))
    url = contender.url(contender.issue)
    return rounds.Task(ISSUE, contender, url, bodies, lambda: tokens.check_issue(contender), FORM)


def _introspect(grown: Grown, folder: Path) -> rounds.Task:
    contender, asked = grown.contender, list(grown.tokens)
    bodies = folder / f"introspect-{contender.child.pid}"
    random.Random(1).shuffle(asked)
    bodies.write_text("".join(contenders.introspect_body(token) + "\n" for token in asked))
    url = contender.url(str(contender.introspect))
    return rounds.Task(INTROSPECT, contender, url, bodies, lambda: tokens.check_introspect(contender, asked))
