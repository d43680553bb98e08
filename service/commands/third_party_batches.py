"""Decides about many third parties at once: each for itself (service/commands/one_by_one.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import third_party
from domain.application import Application
from domain.refusals import InvalidExpiry
from projections import third_party_pages
from service.commands import third_parties
from service.commands.one_by_one import Many

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from domain.caller import Caller
    from service.commands.one_by_one import One
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

THIRD_PARTIES = Many(Application, third_parties.seen, third_party_pages.organizations_of)


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

    return await THIRD_PARTIES.decided(store, origin, by, ids=ids, act=act, remember=remember)


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

    return await THIRD_PARTIES.decided(store, origin, by, ids=ids, act=act, remember=remember)


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

    return await THIRD_PARTIES.decided(store, origin, by, ids=ids, act=act, remember=remember)
