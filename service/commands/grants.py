"""Commands about grants: request an application's right to an audience, approve, reject and revoke it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.application import Application
from domain.grant import Grant
from service.commands.seen import to_change, to_rely_on

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def request(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    audience: str,
    scope: Iterable[str],
    expires_at: datetime | None = None,
    remember: Remember[Grant] | None = None,
) -> Outcome[Grant]:
    """Ask for a right on behalf of an application.

    Raises UnknownApplication, SignInOnly, InvalidAudience, InvalidScope, TooMany, InvalidExpiry, RootRequired or
    MissingPermission.
    """
    scope = list(scope)

    async def command(decision: Decision) -> Grant:
        client = await to_rely_on(decision, by, Application, application)
        decision.organization = client.organization
        grant = Grant.request(
            id=store.clock.new_id(),
            application=client,
            audience=audience,
            scope=scope,
            expires_at=expires_at,
            by=by,
            now=store.clock.now(),
        )
        decision.save(grant)
        return grant

    return await store.decide(command, origin, remember=remember)


async def approve(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    grant: UUID,
    expires_at: datetime | None = None,
    remember: Remember[Grant] | None = None,
) -> Outcome[Grant]:
    """Put a pending grant in force, until `expires_at` when given, else as long as was asked for.

    Raises UnknownGrant, UnknownApplication (deleted since), SignInOnly, GrantNotPending, GrantExpired, SelfApproval,
    RootRequired, MissingPermission or InvalidExpiry.
    """

    async def command(decision: Decision) -> Grant:
        asked = await to_change(decision, by, Grant, grant)
        client = await to_rely_on(decision, by, Application, asked.application)
        client.require_known()
        client.require_api()
        asked.approve(by, store.clock.now(), expires_at)
        decision.save(asked)
        return asked

    return await store.decide(command, origin, remember=remember)


async def reject(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    grant: UUID,
    reason: str | None = None,
    remember: Remember[Grant] | None = None,
) -> Outcome[Grant]:
    """Deny a pending grant, or withdraw one's own. Raises UnknownGrant, InvalidReason or GrantNotPending."""

    async def command(decision: Decision) -> Grant:
        asked = await to_change(decision, by, Grant, grant)
        asked.reject(by, reason, store.clock.now())
        decision.save(asked)
        return asked

    return await store.decide(command, origin, remember=remember)


async def revoke(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    grant: UUID,
    reason: str | None = None,
    remember: Remember[Grant] | None = None,
) -> Outcome[Grant]:
    """End an approved grant. Raises UnknownGrant, InvalidReason or GrantNotEffective."""

    async def command(decision: Decision) -> Grant:
        ending = await to_change(decision, by, Grant, grant)
        ending.revoke(by, reason, store.clock.now())
        decision.save(ending)
        return ending

    return await store.decide(command, origin, remember=remember)
