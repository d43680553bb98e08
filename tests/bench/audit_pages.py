"""Measures pages of the audit over HTTP: 50 events of a time range, for each filter and for rare combinations."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp

from domain import EVENTS
from service.store import connections
from tests.bench.contenders import AUDIENCE, HEADERS
from tests.bench.figures import AUDIT, Tail
from tests.bench.tokens import PATIENCE, WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tests.bench.contenders import Contender
    from tests.bench.filled import Filled

PAGE = 50
TIMES = 60  # ranges each filter is asked for, and at most as many second pages
SPAN = "SELECT min(recorded_at) AS first, max(recorded_at) AS last FROM muniment.batches"
ACCOUNTS = "SELECT id FROM accounts ORDER BY position LIMIT 2000"
TOPICS = "SELECT DISTINCT topic FROM muniment.events UNION SELECT unnest($1::text[])"
TOKEN_TOPICS = [topic for topic in EVENTS if topic.startswith("token.")]
SUBJECTS = ("actor", "client", "subject", "account", "stream", "kind", "topic", "request_id", "organization")


async def measure(contender: Contender, dsn: str, size: int, past: Filled, tokens: Sequence[str]) -> list[Tail]:
    """Return one figure for each filter. Raises WrongAnswer."""
    owner = await connections.owner(dsn)
    try:
        await owner.execute("SET search_path = models, muniment")
        first, last = await owner.fetchrow(SPAN)
        accounts = [str(row[0]) for row in await owner.fetch(ACCOUNTS)]
        topics = [row[0] for row in await owner.fetch(TOPICS, TOKEN_TOPICS)]
    finally:
        await owner.close()
    dice = random.Random(size)
    found = []
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        auditor = {"Authorization": f"Bearer {await _token(session, contender)}"}
        for name, draw in _filters(dice, past, tokens, accounts, topics).items():
            took: list[float] = []
            for _ in range(TIMES):
                wanted = {**draw(), **_range(dice, first, last), "order": dice.choice(("asc", "desc")), "limit": PAGE}
                following = await _page(session, contender, auditor, wanted, took)
                if following is not None:
                    await _page(session, contender, auditor, {**wanted, "cursor": following}, took)
            found.append(Tail.of(AUDIT, name, size, took))
    return found


async def _token(session: aiohttp.ClientSession, contender: Contender) -> str:
    form = {"grant_type": "client_credentials", "audience": AUDIENCE}
    async with session.post(contender.url(contender.issue), data=form, headers=HEADERS) as response:
        return str((await response.json())["access_token"])


async def _page(
    session: aiohttp.ClientSession,
    contender: Contender,
    auditor: dict[str, str],
    wanted: dict[str, Any],
    took: list[float],
) -> int | None:
    """Ask for a page, note how long it took in ms, check it, and return its cursor."""
    before = time.perf_counter()
    async with session.get(contender.url("/api/events"), params=wanted, headers=auditor) as response:
        answer = await response.json()
    took.append((time.perf_counter() - before) * 1000)
    positions = [item["position"] for item in answer.get("items", ())]
    strange = any(item[name] != wanted[name] for item in answer.get("items", ()) for name in SUBJECTS & wanted.keys())
    ordered = positions == sorted(positions, reverse=wanted["order"] == "desc")
    if response.status != 200 or strange or not ordered or len(positions) > PAGE:
        message = f"the audit answered {response.status} to {wanted}: {str(answer)[:300]}"
        raise WrongAnswer(message)
    following: int | None = answer["next"]
    return following


def _range(dice: Random, first: datetime, last: datetime) -> dict[str, str]:
    """Return a time range: from nearly nothing to everything."""
    length = (last - first) * 10 ** -dice.uniform(0, 3)
    since = first + (last - first - length) * dice.random()
    return {"since": _text(since), "until": _text(since + length)}


def _text(moment: datetime) -> str:
    return (moment - timedelta(microseconds=moment.microsecond % 1000)).isoformat().replace("+00:00", "Z")


def _filters(
    dice: Random, past: Filled, tokens: Sequence[str], accounts: Sequence[str], topics: Sequence[str]
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return each filter with a way to draw what it asks for; rare combinations last."""
    favourite = str(past.applications[0])
    kinds = sorted({topic.split(".")[0] for topic in topics})

    def application() -> str:
        return str(dice.choice(past.applications))

    def person() -> str:
        return str(dice.choice(past.people))

    def organization() -> str:
        return str(dice.choice(past.organizations))

    return {
        "none": dict,
        "actor": lambda: {"actor": application()},
        "actor of half of all events": lambda: {"actor": favourite},
        "client": lambda: {"client": application()},
        "client of half of all events": lambda: {"client": favourite},
        "subject: an application": lambda: {"subject": application()},
        "subject: a person": lambda: {"subject": person()},
        "subject without events": lambda: {"subject": str(uuid4())},
        "account": lambda: {"account": dice.choice(accounts)},
        "stream": lambda: {"stream": dice.choice(tokens)},
        "kind": lambda: {"kind": dice.choice(kinds)},
        "topic": lambda: {"topic": dice.choice(topics)},
        "request_id": lambda: {"request_id": dice.choice(tokens)},
        "organization": lambda: {"organization": organization()},
        "rare: client and topic": lambda: {"client": favourite, "topic": "token.reuse_detected"},
        "rare: client and strange kind": lambda: {"client": favourite, "kind": "membership"},
        "rare: client and subject": lambda: {"client": favourite, "subject": person()},
        "rare: actor and strange organization": lambda: {
            "actor": favourite,
            "organization": str(past.organizations[-1]),
        },
        "rare: organization and topic": lambda: {"organization": organization(), "topic": "token.revoked"},
        "rare: organization and actor": lambda: {"organization": organization(), "actor": application()},
        "rare: account and kind": lambda: {"account": dice.choice(accounts), "kind": "token"},
        "rare: subject and topic": lambda: {"subject": favourite, "topic": "token.revoked"},
        "rare: kind and strange client": lambda: {"kind": "token", "client": str(uuid4())},
    }
