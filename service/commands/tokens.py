"""Commands about tokens one by one. Issuing and renewing them is the OAuth protocol's.

A token is named by its id: an access token's `jti`, or what look-ups tell of a refresh token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import text
from domain.refusals import TokenRevokedInBulk, UnknownToken
from domain.token_family import TokenFamily
from projections import token_look_ups, tokens
from service.commands.seen import seen, to_change

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import asyncpg

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
    cascade: bool = False,
    reason: str | None = None,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """End one access token, or its family with its refresh tokens: with `cascade`, or when a refresh token is named.

    The family of a token is looked up unless given; with `token` None it ends whole. Nothing happens to what has
    ended. Raises UnknownToken (also for a token that was deleted, or purged after its expiry) or InvalidReason.
    """
    reason = text.reason(reason)
    replay = False

    async def command(decision: Decision) -> None:
        nonlocal replay
        stream, access = family, token
        if stream is None and token is not None:
            stream, access = await token_look_ups.place(decision.connection, token) or (None, None)
        if stream is None:
            raise UnknownToken
        if replay:
            ending = await to_change(decision, by, TokenFamily, stream)
        else:
            # Rows tell enough. Should something have happened to the family meanwhile, its events have the last word.
            replay = True
            ending = seen(decision, by, TokenFamily, await tokens.family(decision.connection, stream))
        ending.revoke(None if cascade else access, reason, store.clock.now())
        decision.save(ending)

    return await store.decide(command, origin, remember=remember)


async def approve(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    token: UUID,
    cascade: bool = False,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Let a revoked token be honoured again until its expiry, with `cascade` its family's refresh token too.

    Nothing happens to one that was not revoked. Raises UnknownToken, TokenExpired, TokenRevokedInBulk, or TokenEnded
    for what ended for good (see `TokenFamily.approve`).
    """

    async def command(decision: Decision) -> None:
        row, family = await _found(store, decision, by, token)
        family.approve(token, cascade=cascade, expires_at=row["expires_at"], now=store.clock.now())
        if row["swept"]:
            raise TokenRevokedInBulk
        decision.save(family)

    return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, token: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """End a token and hide it from every look-up for good; with a refresh token, its family ends.

    Raises UnknownToken, or TokenEnded for a refresh token that another one took the place of.
    """

    async def command(decision: Decision) -> None:
        _, family = await _found(store, decision, by, token)
        family.delete(token, store.clock.now())
        decision.save(family)

    return await store.decide(command, origin, remember=remember)


async def describe(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    token: UUID,
    attributes: Mapping[str, str],
    remember: Remember[dict[str, str]] | None = None,
) -> Outcome[dict[str, str]]:
    """Set some attributes of a token that is neither revoked nor expired, and return all of them.

    Raises UnknownToken, InvalidAttributes, TokenExpired, TokenEnded or TokenRevokedInBulk.
    """

    async def command(decision: Decision) -> dict[str, str]:
        row, family = await _found(store, decision, by, token)
        described = family.describe(token, attributes, expires_at=row["expires_at"], now=store.clock.now())
        if row["swept"]:
            raise TokenRevokedInBulk
        decision.save(family)
        return described

    return await store.decide(command, origin, remember=remember)


async def _found(store: Store, decision: Decision, by: Caller, token: UUID) -> tuple[asyncpg.Record, TokenFamily]:
    """Return a token's row and its family, to be changed. Raises UnknownToken."""
    row = await token_look_ups.one(decision.connection, token, store.clock.now())
    if row is None:
        raise UnknownToken
    return row, await to_change(decision, by, TokenFamily, row["family"])
