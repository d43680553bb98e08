"""Measures how long it takes to end tokens among all there are: one, those of somebody, and half of all at once.

What is measured is what a revocation's endpoint does before it answers: it counts, up to a cap, and records.
"""

from __future__ import annotations

import random
import time
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.caller import SYSTEM
from projections import tokens as rows
from service.clock import Clock
from service.commands import revocations, tokens
from service.store.decision import Origin
from service.worker import parts
from tests.bench.figures import BULK, REVOKE, Tail
from tests.bench.tokens import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from random import Random
    from uuid import UUID

    from service.settings import Settings
    from service.store.store import Store
    from tests.bench.filled import Filled

TIMES = 300  # each kind of revocation
WARM = 5  # revocations of each kind that do not count where there are more: a worker's first plan its statements
SOME = 2_000
END_USERS = "SELECT DISTINCT organization, end_user FROM tokens WHERE end_user IS NOT NULL LIMIT $1"
SINGLE = "SELECT id FROM tokens WHERE ended_at IS NULL AND position % greatest($1::bigint / $2, 1) = 0 LIMIT $2"
LIVING = "SELECT count(*) FROM tokens WHERE application = $1 AND ended_at IS NULL AND deleted_at IS NULL"
OF = "SELECT digest FROM tokens WHERE application = $1 AND ended_at IS NULL ORDER BY position DESC LIMIT 1"


class Found(NamedTuple):
    """The figures, and how many living tokens the one bulk revocation ended."""

    tails: list[Tail]
    hit: int


@asynccontextmanager
async def opened(dsn: str, settings: Settings) -> AsyncIterator[Store]:
    """Open the store of a database that was filled, as a worker does."""
    async with aclosing(parts(dsn, settings, Clock())) as opening:
        yield (await anext(opening)).store


async def measure(store: Store, size: int, past: Filled) -> Found:
    """Return one figure for each kind of revocation, each of which ends other tokens. Raises WrongAnswer."""
    dice, found = random.Random(size), []
    ids = [row["id"] for row in await store.pool.fetch(SINGLE, past.head, TIMES)]
    found.append(Tail.of(REVOKE, "a token, with its family", size, _warm([await _one(store, id_) for id_ in ids])))
    for question, targets in (await _targets(store, dice, past)).items():
        found.append(Tail.of(REVOKE, question, size, _warm([await _bulk(store, target) for target in targets])))
    favourite = past.applications[0]
    hit = await store.pool.fetchval(LIVING, favourite)
    half = {"organization": past.organizations[0], "application": favourite, "cascade": True}
    [digest] = [row["digest"] for row in await store.pool.fetch(OF, favourite)]
    found.append(Tail.of(BULK, "application with half of all tokens", size, [await _bulk(store, half)]))
    await _require_dead(store, digest)
    return Found(found, hit)


async def _targets(store: Store, dice: Random, past: Filled) -> dict[str, list[dict[str, Any]]]:
    owners = past.organizations
    named = [dict(row) for row in await store.pool.fetch(END_USERS, SOME)]
    dice.shuffle(named)
    # The first application holds half of all tokens, and has its turn at the end.
    others = dice.sample(range(1, len(past.applications)), min(TIMES, len(past.applications) - 1))
    people = dice.sample(range(len(past.people)), min(TIMES, len(past.people)))
    return {
        "end user": named[:TIMES],
        "application and end user": [
            {"organization": owners[0], "application": past.applications[0], "end_user": one["end_user"]}
            for one in named[-TIMES:]
        ],
        "user": [{"organization": owners[n % len(owners)], "user": past.people[n]} for n in people],
        "application": [{"organization": owners[n % len(owners)], "application": past.applications[n]} for n in others],
    }


def _warm(took: list[float]) -> list[float]:
    return took[WARM:] or took


def _origin(store: Store, organization: UUID) -> Origin:
    return Origin(SYSTEM.actor, organization, None, store.clock.new_id())


async def _one(store: Store, token: UUID) -> float:
    """End a token with its family and return how long that took in ms."""
    before = time.perf_counter()
    await tokens.revoke(store, _origin(store, SYSTEM.organization), SYSTEM, token=token, cascade=True)
    return (time.perf_counter() - before) * 1000


async def _bulk(store: Store, target: Mapping[str, Any]) -> float:
    """Count and end what matches a target, and return how long that took in ms; then nothing of it may be alive."""
    counted = {name: value for name, value in target.items() if name != "cascade"}
    before = time.perf_counter()
    await revocations.count(store, SYSTEM, **counted)
    await revocations.record(store, _origin(store, target["organization"]), SYSTEM, **target)
    took = (time.perf_counter() - before) * 1000
    left, _ = await revocations.count(store, SYSTEM, **counted)
    if left:
        message = f"{left} tokens outlived the revocation of {counted}"
        raise WrongAnswer(message)
    return took


async def _require_dead(store: Store, digest: bytes) -> None:
    found = await rows.by_digests(store.pool, [digest])
    if found[digest]["alive"]:
        message = "a token outlived its revocation"
        raise WrongAnswer(message)
