"""Reads the log page by page for a model that fills in bulk, and makes of each page what is to be done for it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from domain import EVENTS
from projections.bulk import Packed
from projections.model import Context
from service.store import codec
from service.store.ahead import one_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    import asyncpg
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from projections.bulk import Bulk, Read, Step
    from projections.model import Model
    from service.store.vault import Vault

WINDOW = 100_000  # positions that one query looks through: a model that handles few of them tells how far it is, too
CHUNK = 250  # events between two looks at what else there is to do: sending, above all

# What the model handles, and what this program does not know at all: that must stop it, not be skipped. Token events
# have a table of their own, and only topics of their own are in it.
PAGE = """
SELECT {columns}
  FROM {log}
 WHERE notification_id > $1 AND notification_id <= $2
   AND (topic = ANY ($3::text[]) OR topic <> ALL ($4::text[]))
 ORDER BY notification_id
 LIMIT $5
"""
PLAIN = "notification_id, originator_id, originator_version, topic, state"
WHOLE = f"{PLAIN}, organization, actor, client, request_id, recorded_at"  # in the order of Context


@dataclass(frozen=True)
class Page:
    """How far a page reaches, how many events it has, and what is to be done for it."""

    last: int
    events: int
    steps: Sequence[Step]


def pages(
    model: Model, bulk: Bulk, vault: Vault, *, after: int, until: int, limit: int, apart: bool
) -> AsyncGenerator[Page]:
    """Yield the pages with after < position <= until.

    Read where keys are read. If that is `apart` from where a page is used, the next one is made meanwhile: one, for
    more of them gain nothing and take room. Raises whatever a poison event raises.
    """
    made = _made(bulk, _read(model, bulk, vault, after=after, until=until, limit=limit))
    return one_ahead(made) if apart else made


class _Rows(NamedTuple):
    """Rows of the log, how far they reach, and what opens what is sealed in them."""

    last: int
    rows: list[asyncpg.Record]
    ciphers: Mapping[UUID, AESGCM]


async def _read(model: Model, bulk: Bulk, vault: Vault, *, after: int, until: int, limit: int) -> AsyncGenerator[_Rows]:
    tokens = any(codec.is_token_topic(topic) for topic in model.handlers)
    query = PAGE.format(columns=PLAIN if bulk.plain else WHOLE, log="muniment.log" if tokens else "muniment.events")
    while after < until:
        window = min(until, after + WINDOW)
        rows = await vault.source.fetch(query, after, window, list(model.handlers), list(EVENTS), limit)
        after = rows[-1][0] if len(rows) == limit else window
        yield _Rows(after, rows, await _ciphers(vault, rows) if bulk.personal else {})


async def _made(bulk: Bulk, read: AsyncGenerator[_Rows]) -> AsyncGenerator[Page]:
    async with aclosing(read):
        async for last, rows, ciphers in read:
            events = _plain(rows) if bulk.plain else _whole(rows, ciphers)
            yield Page(last, len(rows), [await _drawn(step) for step in bulk.page(events)] if rows else ())


async def _drawn(step: Step) -> Step:
    """Return a step whose rows are made, which takes long: now and then, others have their turn."""
    if not isinstance(step, Packed):
        return step
    chunks = []
    for chunk in step.rows:
        chunks.append(chunk)
        await asyncio.sleep(0)
    return replace(step, rows=chunks)


async def _ciphers(vault: Vault, rows: Iterable[asyncpg.Record]) -> Mapping[UUID, AESGCM]:
    subjects = (codec.sealed_subject(topic, stream, version, state) for _, stream, version, topic, state, *_ in rows)
    wanted = {subject for subject in subjects if subject is not None}
    return await vault.ciphers(wanted) if wanted else {}


def _plain(rows: Sequence[asyncpg.Record]) -> Iterator[Read]:
    return chain.from_iterable(_fields(rows[n : n + CHUNK]) for n in range(0, len(rows), CHUNK))


def _fields(rows: Iterable[asyncpg.Record]) -> list[Read]:
    decoder = codec.plain_decoder
    return [
        (position, stream, version, topic, decoder(topic)(state), None)
        for position, stream, version, topic, state in rows
    ]


def _whole(rows: Iterable[asyncpg.Record], ciphers: Mapping[UUID, AESGCM] | None) -> Iterator[Read]:
    for position, stream, version, topic, state, *envelope in rows:
        event = codec.decode_record(topic, stream, version, state, ciphers)
        yield position, stream, version, topic, event, Context(*envelope)
