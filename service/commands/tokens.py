"""Commands that end tokens one by one. Issuing and renewing them is the OAuth protocol's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import text
from domain.refusals import UnknownToken
from domain.token_family import TokenFamily
from projections import tokens
from service.commands.seen import seen, to_change

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def revoke(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    family: UUID | None = None,
    token: UUID | None = None,
    reason: str | None = None,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """End one access token by its id (`jti`), or, with `token` None, a family with its refresh tokens.

    The family of a token is looked up unless given; nothing happens to what has ended. Raises UnknownToken (also for
    a token that was purged after its expiry) or InvalidReason.
    """
    reason = text.reason(reason)
    replay = False

    async def command(decision: Decision) -> None:
        nonlocal replay
        stream = family
        if stream is None and token is not None:
            stream = await tokens.family_of(decision.connection, token)
        if stream is None:
            raise UnknownToken
        if replay:
            ending = await to_change(decision, by, TokenFamily, stream)
        else:
            # Rows tell enough. Should something have happened to the family meanwhile, its events have the last word.
            replay = True
            ending = seen(decision, by, TokenFamily, await tokens.family(decision.connection, stream))
        ending.revoke(token, reason, store.clock.now())
        decision.save(ending)

    return await store.decide(command, origin, remember=remember)
