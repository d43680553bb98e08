"""Commands about authorization codes. Handing them out and redeeming them is the OAuth protocol's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.authorization import Authorization
from service.commands.seen import to_change

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def withdraw(
    store: Store, origin: Origin, by: Caller, *, code: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Take a code back by its id. Raises UnknownCode, also when it was taken back before."""

    async def command(decision: Decision) -> None:
        taken = await to_change(decision, by, Authorization, code)
        taken.withdraw(store.clock.now())
        decision.save(taken)

    return await store.decide(command, origin, remember=remember)
