"""Commands about interface grants: request them for an application, one, several or all, approve, reject, delete them.

There is one grant for an application and an interface: who asks for what waits or is in force already, gets no second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain import interface_grant
from domain.application import Application
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.refusals import RequestedAgain, TooMuchAtOnce, UnknownInterface
from projections import interface_grants as rows
from service.commands import claims
from service.commands.seen import seen, to_change, to_rely_on
from service.commands.third_parties import in_a_year

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.clock import Clock
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

WITHDRAWN_AT_ONCE = 10_000
"""How many grants end with their interfaces in one append."""


class Wanted(NamedTuple):
    """An interface that is asked for, and how often it would be called; None: as often as the interface says."""

    interface: UUID
    frequency: int | None = None
    test_frequency: int | None = None


class Requested(NamedTuple):
    """The grants that wait now, in the order asked, and the interfaces whose grants waited or were in force before."""

    grants: list[InterfaceGrant]
    skipped: list[UUID]


async def request(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    interfaces: Sequence[Wanted],
    expires_at: datetime | None = None,
    remember: Remember[Requested] | None = None,
) -> Outcome[Requested]:
    """Ask for an application's right to interfaces, all or none of them; one that is named twice counts once.

    Raises UnknownApplication, SignInOnly, ThirdPartyNotEffective, UnknownInterface, InvalidFrequency or InvalidExpiry.
    """

    async def command(decision: Decision) -> Requested:
        client = await requester(decision, by, application)
        return await requested(decision, by, client, interfaces, store.clock, expires_at=expires_at)

    return await store.decide(command, origin, remember=remember)


async def approve(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    grant: UUID,
    expires_at: datetime | None = None,
    frequency: int | None = None,
    test_frequency: int | None = None,
    requested_at: datetime | None = None,
    remember: Remember[InterfaceGrant] | None = None,
) -> Outcome[InterfaceGrant]:
    """Put a grant that waits in force, with what was asked for unless given; for a year where nobody said how long.

    With `requested_at`, what was asked for at another time than that is not approved: nobody has looked at it. Raises
    UnknownInterfaceGrant, UnknownApplication, UnknownInterface, GrantNotPending, RequestedAgain, SelfApproval,
    MissingPermission, SignInOnly, ThirdPartyNotEffective, InvalidFrequency, InvalidExpiry or GrantExpired.
    """

    async def command(decision: Decision) -> InterfaceGrant:
        asked = known(decision, by, await to_change(decision, by, InterfaceGrant, grant))
        if requested_at not in (None, asked.requested_at):
            raise RequestedAgain
        await approve_in(
            decision,
            by,
            asked,
            store.clock.now(),
            expires_at=expires_at,
            frequency=frequency,
            test_frequency=test_frequency,
        )
        decision.save(asked)
        return asked

    return await store.decide(command, origin, remember=remember)


async def reject(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    grant: UUID,
    reason: str,
    remember: Remember[InterfaceGrant] | None = None,
) -> Outcome[InterfaceGrant]:
    """Deny a grant that waits, or end one that is in force.

    Raises UnknownInterfaceGrant, GrantNotEffective, MissingPermission, InvalidReason or ReasonMissing.
    """

    async def command(decision: Decision) -> InterfaceGrant:
        asked = await to_change(decision, by, InterfaceGrant, grant)
        asked.reject(by, reason, store.clock.now())
        decision.save(asked)
        return asked

    return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, grant: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete a grant, whatever was decided about it; it may be requested anew. Raises UnknownInterfaceGrant."""

    async def command(decision: Decision) -> None:
        leaving = await to_change(decision, by, InterfaceGrant, grant)
        leaving.delete(by, store.clock.now())
        claims.release_interface_grant(decision, leaving)
        decision.save(leaving)

    return await store.decide(command, origin, remember=remember)


async def withdraw_of_interfaces(
    decision: Decision, interfaces: Sequence[UUID], by: Caller, now: datetime, reason: str
) -> int:
    """End the grants for interfaces that end, as a part of that decision; return how many. Raises TooMuchAtOnce."""
    decision.rely_on(*(interface_grant.of_interface(interface) for interface in interfaces))
    found = await rows.of_interfaces(decision.connection, interfaces, limit=WITHDRAWN_AT_ONCE + 1)
    if len(found) > WITHDRAWN_AT_ONCE:
        raise TooMuchAtOnce(f"more than {WITHDRAWN_AT_ONCE} interface grants")
    ending = [grant for grant in await decision.load_many(InterfaceGrant, found) if not grant.ended]
    for grant in ending:
        grant.withdraw(by, reason, now)
        claims.release_interface_grant(decision, grant)
    decision.save(*ending)
    return len(ending)


async def requester(decision: Decision, by: Caller, application: UUID) -> Application:
    """Return the application for which something is asked, and record the decision in its organization."""
    client = await to_rely_on(decision, by, Application, application)
    decision.organization = client.organization
    return client


async def requested(
    decision: Decision,
    by: Caller,
    client: Application,
    wanted: Sequence[Wanted],
    clock: Clock,
    *,
    expires_at: datetime | None = None,
    whole: bool = True,
) -> Requested:
    """Ask for these interfaces as a part of a decision, with `whole` False only for those that are still there.

    Raises as `request` does.
    """
    now, done = clock.now(), Requested([], [])
    interface_grant.require_requestable(client, by, now)
    asked = {one.interface: one for one in reversed(wanted)}  # of those that are named twice, the first counts
    order = list(dict.fromkeys(one.interface for one in wanted))
    decision.rely_on(*(interface_grant.guard(client.id, interface) for interface in order))
    present = await rows.of_application(decision.connection, client.id, order)
    former = {one.interface: one for one in await decision.load_many(InterfaceGrant, list(present.values()))}
    interfaces = {one.id: one for one in await decision.load_many(Interface, order)}
    for stream in order:
        interface, grant = interfaces.get(stream), former.get(stream)
        if interface is None or interface.deleted:
            if whole:
                raise UnknownInterface
            continue
        _, frequency, test_frequency = asked[stream]
        limits = {"frequency": frequency, "test_frequency": test_frequency}
        if grant is None or grant.ended:
            grant = InterfaceGrant.request(
                id=clock.new_id(), application=client, interface=interface, expires_at=expires_at, by=by, now=now,
                **limits,
            )  # fmt: skip
            claims.claim_interface_grant(decision, grant)
        elif not grant.request_again(
            application=client, interface=interface, expires_at=expires_at, by=by, now=now, **limits
        ):
            done.skipped.append(stream)
            continue
        decision.save(grant)
        done.grants.append(grant)
    return done


async def approve_in(
    decision: Decision,
    by: Caller,
    asked: InterfaceGrant,
    now: datetime,
    *,
    expires_at: datetime | None,
    frequency: int | None = None,
    test_frequency: int | None = None,
) -> None:
    """Approve a grant as a part of a decision. Raises as `approve` does."""
    asked.approve(
        application=await to_rely_on(decision, by, Application, asked.application),
        interface=await to_rely_on(decision, by, Interface, asked.interface),
        by=by,
        now=now,
        otherwise=in_a_year(now),
        expires_at=expires_at,
        frequency=frequency,
        test_frequency=test_frequency,
    )


def known(decision: Decision, by: Caller, found: InterfaceGrant | None) -> InterfaceGrant:
    """Return a grant that is not gone if the caller sees it, and record the decision in its organization.

    Raises UnknownInterfaceGrant.
    """
    grant = seen(decision, by, InterfaceGrant, found)
    grant.require_known(by)
    return grant
