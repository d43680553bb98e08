"""Decides about many things at once: each for itself, so that one that is refused spoils nothing.

What is done in one organization is one append; for root, whose batch may span several, there is one for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.refusals import Refusal
from service.store.store import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import asyncpg

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember, Remembered
    from service.store.store import Store

A = TypeVar("A", bound=Aggregate)
NOWHERE = UUID(int=0)


class One(NamedTuple):
    """What became of one: `refusal` is None where it was done. `id` is as the caller wrote it."""

    id: str
    refusal: Refusal | None


@dataclass(frozen=True)
class Many(Generic[A]):
    """What the many are: their kind, how one is seen by its caller (or refused), and who tells whose they are."""

    kind: type[A]
    seen: Callable[[Decision, Caller, A | None], A]
    organizations: Callable[[asyncpg.Pool, Sequence[UUID]], Awaitable[dict[UUID, UUID]]]

    async def decided(
        self,
        store: Store,
        origin: Origin,
        by: Caller,
        *,
        ids: Sequence[str],
        act: Callable[[Decision, A], Awaitable[None]],
        remember: Remember[list[One]] | None,
    ) -> Outcome[list[One]]:
        """Act on each once, in the order given; the answer is remembered with the last of the appends."""
        done: dict[str, One] = {}
        order = tuple(dict.fromkeys(ids))

        def answered() -> list[One]:
            return [done[text] for text in order]

        def kept(_: None) -> Remembered:
            assert remember is not None  # noqa: S101 - asked for below
            return remember(answered())

        position = 0
        groups = await self._by_organization(store, by, order)
        for number, group in enumerate(groups, 1):
            last = number == len(groups)
            command = partial(self._each, by=by, streams=group, act=act, done=done)
            outcome = await store.decide(command, origin, remember=kept if last and remember is not None else None)
            position = outcome.position
        return Outcome(answered(), position)

    async def _each(
        self,
        decision: Decision,
        *,
        by: Caller,
        streams: dict[str, UUID],
        act: Callable[[Decision, A], Awaitable[None]],
        done: dict[str, One],
    ) -> None:
        found = {one.id: one for one in await decision.load_many(self.kind, list(streams.values()))}
        for text, stream in streams.items():
            try:
                one = self.seen(decision, by, found.get(stream))
                await act(decision, one)
            except Refusal as refusal:
                done[text] = One(text, refusal)
            else:
                decision.save(one)
                done[text] = One(text, None)

    async def _by_organization(self, store: Store, by: Caller, ids: Sequence[str]) -> list[dict[str, UUID]]:
        """Return the ids by the organization whose things they name; what names none is the caller's own affair."""
        streams = {text: _stream(text) for text in ids}
        homes = await self.organizations(store.pool, list(streams.values()))
        groups: dict[UUID, dict[str, UUID]] = {}
        for text, stream in streams.items():
            home = homes.get(stream, by.organization)
            groups.setdefault(home if by.sees(home) else by.organization, {})[text] = stream
        return list(groups.values())


def _stream(text: str) -> UUID:
    """Return the stream that an id names, in the way that paths are read; what is no id names nothing."""
    try:
        stream = UUID(text)
    except ValueError:
        return NOWHERE
    return stream if str(stream) == text.lower() else NOWHERE
