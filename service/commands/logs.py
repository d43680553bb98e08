"""Commands about the logs of operation: delete what they held from before a time, and keep that this was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.log_purge import LogPurge

if TYPE_CHECKING:
    from datetime import datetime

    from domain.caller import Caller
    from domain.log_purge import Log
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def record_purge(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    log: Log,
    before: datetime,
    remember: Remember[LogPurge] | None = None,
) -> Outcome[LogPurge]:
    """Record that a log of the caller's organization is purged, before it is. Raises MissingPermission (root alone)."""

    async def command(decision: Decision) -> LogPurge:
        purge = LogPurge.record(id=store.clock.new_id(), log=log, before=before, by=by, now=store.clock.now())
        decision.organization = purge.organization
        decision.save(purge)
        return purge

    return await store.decide(command, origin, remember=remember)
