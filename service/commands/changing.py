"""The plainest command: one thing of the caller's is found, changed by the domain, and saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.commands.seen import K, to_change

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def changed(
    store: Store,
    origin: Origin,
    by: Caller,
    kind: type[K],
    stream: UUID,
    *,
    change: Callable[[K, datetime], None],
    remember: Remember[K] | None,
) -> Outcome[K]:
    """Let `change` decide on one aggregate and commit that. Raises what it refuses, and the Unknown of the kind."""

    async def command(decision: Decision) -> K:
        found = await to_change(decision, by, kind, stream)
        change(found, store.clock.now())
        decision.save(found)
        return found

    return await store.decide(command, origin, remember=remember)
