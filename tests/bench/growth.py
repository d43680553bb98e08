"""Measures what growth costs: the same service on databases with 10 thousand, a million and ten million tokens.

Each size has a PostgreSQL and a `muniment serve` of its own, and load is put on them by turns.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from service.clock import Clock
from service.initialization import initialize
from service.secrets.master_key import MasterKeys
from service.settings import Settings
from service.store import connections
from tests.bench import audit_pages, contenders, filled, look_ups, rounds, tokens
from tests.bench.database import postgres
from tests.bench.figures import INTROSPECT, ISSUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.bench.contenders import Contender
    from tests.bench.figures import Plan, Tail, Turn

EMPTY = 10_000  # what the others are held against
SIZES = (EMPTY, 1_000_000, 10_000_000)
LARGEST = 1_000_000  # unless more is asked for: ten million take a quarter of an hour to make
KEY = bytes(32)  # of databases that live as long as the benchmark
CONNECTIONS = 32
ASKED_ABOUT = 10_000  # distinct tokens, spread evenly over all there are
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# One application holds about half of all tokens. Odd numbers, for the sake of the generator: see `filled.Past`.
ORGANIZATIONS, APPLICATIONS, FAVOURED, END_USERS = 10, 1_000, 1_003, 9_973
TOKENS_OF_PERSON = 1_000  # in each organization, one person for so many tokens of all, and one more

SPREAD = """
SELECT id FROM tokens
 WHERE ended_at IS NULL AND abs(hashint8(position)::bigint) % greatest($1::bigint / $2, 1) = 0 LIMIT $2
"""


@dataclass(frozen=True)
class Grown:
    """A service on a database of some size, who there is in it, and tokens (as they were handed out) from all of it."""

    size: int
    dsn: str
    past: filled.Filled
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
        # Last, for it makes the smallest grow.
        yield from _by_turns(ISSUE, grown, folder, plan)


def sizes(largest: int) -> list[int]:
    """Return the sizes to measure, smallest first; the largest is always one."""
    return [*(size for size in SIZES if size < largest), max(largest, EMPTY)]


def _grow(stack: ExitStack, folder: Path, size: int, say: Callable[[str], None]) -> Grown:
    home = folder / f"grown-{size}"
    dsn = stack.enter_context(postgres(home))
    began = time.monotonic()
    past, spread = asyncio.run(fill(dsn, home, size))
    say(f"growth: {size:,} token events made in {time.monotonic() - began:,.0f} s")
    contender = stack.enter_context(contenders.muniment(1, folder, f"{size:,} tokens", **environment(dsn)))
    return Grown(size, dsn, past, spread, contender)


def environment(dsn: str) -> dict[str, str]:
    """Return what a service has to be told to work on a database that was filled."""
    return {"MUNIMENT_DATABASE_URL": dsn, "MUNIMENT_MASTER_KEY": base64.b64encode(KEY).decode()}


async def fill(dsn: str, folder: Path, size: int) -> tuple[filled.Filled, list[str]]:
    """Give an empty database a past with so many token events; return who there is, and tokens from all of it."""
    settings = Settings(
        data_dir=folder,
        root_client_id=contenders.CLIENT_ID,
        root_client_secret=contenders.CLIENT_SECRET,
        issuer="http://bench",
        management_audiences=(contenders.AUDIENCE,),
        master_key=base64.b64encode(KEY).decode(),
    )
    await initialize(dsn, settings, Clock())
    owner, ring = await connections.owner(dsn), MasterKeys([KEY])
    try:
        people = ORGANIZATIONS * (size // TOKENS_OF_PERSON + 1)
        wanted = filled.Past(size, people, APPLICATIONS, ORGANIZATIONS, FAVOURED, END_USERS)
        past = await filled.fill(owner, ring, wanted)
        await filled.build_models(owner, ring)
        await owner.execute("SET search_path = models, muniment")
        spread = [str(row[0]) for row in await owner.fetch(SPREAD, size, ASKED_ABOUT)]
        await owner.execute("VACUUM ANALYZE muniment.token_events")  # as autovacuum does, but not during a measurement
        await owner.execute("CHECKPOINT")  # what was written until here is no business of the measurements
    finally:
        await owner.close()
    return past, spread


def _by_turns(job: str, grown: Sequence[Grown], folder: Path, plan: Plan) -> Iterator[Turn]:
    tasks = [(_issue if job == ISSUE else _introspect)(one, folder) for one in grown]
    for task in tasks:
        rounds.warm_up(task, plan)
    return rounds.by_turns(tasks, CONNECTIONS, plan)


def _issue(grown: Grown, folder: Path) -> rounds.Task:
    """Let every application ask for tokens, the favoured one for its share of them."""
    contender, past = grown.contender, grown.past
    bodies = folder / f"issue-{contender.child.pid}"
    asking = past.client_ids + [past.client_ids[0]] * FAVOURED
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
