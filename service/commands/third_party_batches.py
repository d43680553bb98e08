"""Decides about many third parties at once: each for itself, so that one that is refused spoils nothing.

What is done in one organization is one append; for root, whose batch may span several, there is one for each.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain import third_party
from domain.application import Application
from domain.refusals import InvalidExpiry, Refusal
from projections import third_party_pages
from service.commands import third_parties
from service.store.store import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember, Remembered
    from service.store.store import Store

    Act = Callable[[Decision, Application], Awaitable[None]]

NOWHERE = UUID(int=0)


class One(NamedTuple):
    """What became of one: `refusal` is None where it was done. `id` is as the caller wrote it."""

    id: str
    refusal: Refusal | None


async def approve(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    ids: Sequence[str],
    expires_at: datetime | None = None,
    trusted: bool = False,
    remember: Remember[list[One]] | None = None,
) -> Outcome[list[One]]:
    """Approve each that may be approved, all until the same moment.

    Raises InvalidExpiry, since that is wrong for all of them; nothing for any other reason.
    """
    if expires_at is not None and expires_at <= store.clock.now():
        raise InvalidExpiry(field="expires_at")

    async def act(decision: Decision, asked: Application) -> None:
        now = store.clock.now()
        await third_parties.approve_in(decision, by, asked, now, expires_at=expires_at, trusted=trusted)

    return await _each(store, origin, by, ids=ids, act=act, remember=remember)


async def reject(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    ids: Sequence[str],
    reason: str,
    remember: Remember[list[One]] | None = None,
) -> Outcome[list[One]]:
    """Reject each that may be rejected, all for the same reason. Raises InvalidReason or ReasonMissing, no more."""
    reason = third_party.reason(reason)

    async def act(_: Decision, asked: Application) -> None:
        asked.reject(by, reason, store.clock.now())

    return await _each(store, origin, by, ids=ids, act=act, remember=remember)


async def delete(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    ids: Sequence[str],
    force: bool = False,
    remember: Remember[list[One]] | None = None,
) -> Outcome[list[One]]:
    """Delete each that may be deleted. Raises nothing for any that may not."""

    async def act(_: Decision, leaving: Application) -> None:
        leaving.delete(by, store.clock.now(), force=force)

    return await _each(store, origin, by, ids=ids, act=act, remember=remember)


async def _each(
    store: Store, origin: Origin, by: Caller, *, ids: Sequence[str], act: Act, remember: Remember[list[One]] | None
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
    groups = await _by_organization(store, by, order)
    for number, group in enumerate(groups, 1):
        last = number == len(groups)
        command = partial(_decided, by=by, streams=group, act=act, done=done)
        outcome = await store.decide(command, origin, remember=kept if last and remember is not None else None)
        position = outcome.position
    return Outcome(answered(), position)


async def _decided(decision: Decision, *, by: Caller, streams: dict[str, UUID], act: Act, done: dict[str, One]) -> None:
    found = {one.id: one for one in await decision.load_many(Application, list(streams.values()))}
    for text, stream in streams.items():
        try:
            application = third_parties.seen(decision, by, found.get(stream))
            await act(decision, application)
        except Refusal as refusal:
            done[text] = One(text, refusal)
        else:
            decision.save(application)
            done[text] = One(text, None)


async def _by_organization(store: Store, by: Caller, ids: Sequence[str]) -> list[dict[str, UUID]]:
    """Return the ids by the organization whose third parties they name; what names none is the caller's own affair."""
    streams = {text: _stream(text) for text in ids}
    homes = await third_party_pages.organizations_of(store.pool, list(streams.values()))
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
