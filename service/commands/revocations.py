"""Revocations: end many tokens at once, by application, by user, by end user, or by several, and say how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import Account
from domain.application import Application
from domain.end_user import end_user as checked_end_user
from domain.refusals import UnknownAccount, UnknownApplication, UnknownUser
from domain.revocation import Revocation
from domain.user import User
from projections import token_look_ups
from projections.token_look_ups import LookUp
from service.commands.seen import to_rely_on

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

COUNTED = 1000


async def count(
    store: Store,
    by: Caller,
    *,
    organization: UUID,
    application: UUID | None = None,
    user: UUID | None = None,
    end_user: str | None = None,
    before: datetime | None = None,
) -> tuple[int, bool]:
    """Return how many access tokens such a revocation would end now, and whether there are more than are counted.

    Counting stops at COUNTED, so that it takes no longer among millions. Raises InvalidEndUser; where `record` refuses
    for another reason, there is nothing.
    """
    if not by.sees(organization) or (application is None and user is None and end_user is None):
        return 0, False
    named = None if end_user is None else checked_end_user(end_user)
    look_up = LookUp(organization=organization, application=application, user=user, end_user=named)
    return await token_look_ups.count(store.pool, look_up, before=before, cap=COUNTED, now=store.clock.now())


async def record(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    application: UUID | None = None,
    user: UUID | None = None,
    end_user: str | None = None,
    before: datetime | None = None,
    cascade: bool = False,
    reason: str | None = None,
    remember: Remember[Revocation] | None = None,
) -> Outcome[Revocation]:
    """End the tokens of an organization that match everything named, with `cascade` their refresh tokens too.

    `before` narrows them to those recorded before that time. Raises UnknownAccount (the organization),
    UnknownApplication or UnknownUser (of another organization too), NothingToRevoke, InvalidEndUser or InvalidReason.
    """

    async def command(decision: Decision) -> Revocation:
        await _require_organization(decision, by, organization)
        if application is not None:
            await _require_application(decision, by, application, organization)
        if user is not None:
            await _require_user(decision, by, user, organization)
        decision.organization = organization
        revocation = Revocation.record(
            id=store.clock.new_id(),
            organization=organization,
            application=application,
            user=user,
            end_user=end_user,
            before=before,
            cascade=cascade,
            reason=reason,
            by=by,
            now=store.clock.now(),
        )
        decision.save(revocation)
        return revocation

    return await store.decide(command, origin, remember=remember)


async def _require_organization(decision: Decision, by: Caller, organization: UUID) -> None:
    account = await to_rely_on(decision, by, Account, organization)
    account.require_known()
    if account.parent is not None:
        raise UnknownAccount("a child account")


async def _require_application(decision: Decision, by: Caller, application: UUID, organization: UUID) -> None:
    found = await to_rely_on(decision, by, Application, application)
    found.require_known()
    if found.organization != organization:
        raise UnknownApplication


async def _require_user(decision: Decision, by: Caller, user: UUID, organization: UUID) -> None:
    found = await to_rely_on(decision, by, User, user)
    found.require_known()
    if found.organization != organization:
        raise UnknownUser
