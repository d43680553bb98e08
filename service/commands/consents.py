"""Commands about consents: let an application act for a user, and take that back, with all it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.application import Application, Status
from domain.caller import Caller
from domain.consent import Consent, guard, require_parties
from domain.refusals import SubmittedAgain, TooMuchAtOnce
from domain.revocation import Revocation
from domain.user import User
from projections import consents
from service.commands.seen import to_rely_on

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from service.clock import Clock
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

CONSENT_LIMIT = 10_000  # ended by one command: one append holds the lock of the log for as long as it takes
REASON = "consent withdrawn"


async def give(
    store: Store,
    origin: Origin,
    *,
    user: UUID,
    application: UUID,
    organization: UUID,
    scope: Iterable[str],
    submitted_at: datetime | None = None,
) -> Outcome[Consent]:
    """Let an application act for a user of an organization within a scope, besides what it may already.

    With `submitted_at`, a third party that was submitted at another time than that may do nothing: the user was shown
    another. Raises UnknownUser, UserNotActive, UnknownApplication (of another organization too), ApplicationNotActive,
    SubmittedAgain, InvalidScope or TooMany.
    """
    wanted = tuple(scope)

    async def command(decision: Decision) -> Consent:
        now = store.clock.now()
        decision.organization = organization
        by = Caller(user, organization, frozenset(), user=user)
        person = await to_rely_on(decision, by, User, user)
        client = await to_rely_on(decision, by, Application, application)
        if submitted_at is not None and client.submitted.submitted_at != submitted_at:
            raise SubmittedAgain
        # The guard covers that there is none, too: of two that come together, one decides again.
        decision.rely_on(guard(user, application))
        consent = await _present(decision, user, application)
        if consent is None:
            consent = Consent.give(id=store.clock.new_id(), user=person, application=client, scope=wanted, now=now)
        else:
            require_parties(person, client, now)
            consent.extend(client, wanted, now)
        decision.save(consent)
        return consent

    return await store.decide(command, origin)


async def withdraw(
    store: Store,
    origin: Origin,
    by: Caller | None = None,
    *,
    user: UUID,
    application: UUID,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Let an application do nothing more for a user: their consent ends, and every token it was given for them.

    Without `by` it is the origin's actor who asks. Nothing happens when the application has no access. Raises
    UnknownUser.
    """
    caller = by or Caller(origin.actor, origin.organization, frozenset())

    async def command(decision: Decision) -> None:
        now = store.clock.now()
        person = await to_rely_on(decision, caller, User, user)
        person.require_known()
        decision.organization = person.organization
        decision.rely_on(guard(user, application), f"application:{application}")
        consent = await _present(decision, user, application)
        if consent is not None:
            consent.withdraw(now)
            decision.save(consent)
        client = await decision.peek(Application, application)
        known = client is not None and client.status is not Status.DELETED  # otherwise its tokens are dead anyway
        if known and (consent or await consents.has_tokens(decision.connection, user, application)):
            decision.save(_revocation(store.clock, caller, person, application))

    return await store.decide(command, origin, remember=remember)


async def withdraw_all(store: Store, origin: Origin, by: Caller | None = None, *, user: UUID) -> Outcome[int]:
    """Let no application do anything more for a user, as `withdraw`; return how many applications had access.

    Raises UnknownUser or TooMuchAtOnce (over 10,000).
    """
    caller = by or Caller(origin.actor, origin.organization, frozenset())

    async def command(decision: Decision) -> int:
        person = await to_rely_on(decision, caller, User, user)
        person.require_known()
        decision.organization = person.organization
        applications = [row["application"] for row in await consents.access_of(decision.connection, user)]
        await end_of_user(decision, user, store.clock.now())
        for application in applications:
            decision.save(_revocation(store.clock, caller, person, application))
        return len(applications)

    return await store.decide(command, origin)


async def end_of_user(decision: Decision, user: UUID, now: datetime) -> None:
    """Withdraw all consents of a user who leaves, as a part of that decision. Raises TooMuchAtOnce (over 10,000)."""
    for consent in await _all(decision, user):
        consent.withdraw(now)
        decision.save(consent)


def _revocation(clock: Clock, by: Caller, user: User, application: UUID) -> Revocation:
    return Revocation.record(
        id=clock.new_id(),
        organization=user.organization,
        application=application,
        user=user.id,
        end_user=None,
        before=None,
        cascade=True,
        reason=REASON,
        by=by,
        now=clock.now(),
    )


async def _present(decision: Decision, user: UUID, application: UUID) -> Consent | None:
    known = await consents.id_of(decision.connection, user, application)
    consent = None if known is None else await decision.load(Consent, known)
    return consent if consent is not None and not consent.withdrawn else None


async def _all(decision: Decision, user: UUID) -> list[Consent]:
    decision.rely_on(f"user-consents:{user}")
    ids = await consents.ids_of_user(decision.connection, user, limit=CONSENT_LIMIT + 1)
    if len(ids) > CONSENT_LIMIT:
        raise TooMuchAtOnce(f"more than {CONSENT_LIMIT} consents")
    return [consent for consent in await decision.load_many(Consent, ids) if not consent.withdrawn]
