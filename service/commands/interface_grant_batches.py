"""Commands about many interface grants at once: those that are named, each for itself, or all that there are.

All of them may be too many for one append: it takes as many as it takes, and what was done stays done. The answer is
kept under its key with the last of them: requests that come with one key at the same moment may share the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain import third_party
from domain.application import Application
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant, Status
from domain.refusals import InvalidExpiry, Refusal, UnknownAccount
from projections import interface_grant_pages, interface_grants
from service.commands import claims
from service.commands import interface_grants as single
from service.commands.interface_grants import Wanted
from service.commands.one_by_one import Many
from service.commands.third_parties import in_a_year
from service.store.store import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from domain.caller import Caller
    from service.commands.one_by_one import One
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember, Remembered
    from service.store.store import Store

GRANTS = Many(InterfaceGrant, single.known, interface_grants.organizations_of)
CHUNK = 100
"""How many grants one append is about: few enough that nobody else has to wait long."""
START = UUID(int=0)


class Decided(NamedTuple):
    """How many grants were approved, and how many that wait were left to others, or cannot be approved now."""

    approved: int
    left_out: int


class _Part(NamedTuple):
    """What one append did: with how many, with how many not, and the last one that it looked at, None at the end."""

    done: int
    left: int
    last: UUID | None


async def request_all(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    resource: UUID | None = None,
    search: str | None = None,
    remember: Remember[int] | None = None,
) -> Outcome[int]:
    """Ask for every interface that an application has no grant for, of one resource perhaps; return for how many.

    `search` is a part of what an interface is called, or of its path. Raises UnknownApplication, SignInOnly or
    ThirdPartyNotEffective.
    """

    async def part(decision: Decision, after: UUID) -> _Part:
        client = await single.requester(decision, by, application)
        found = await interface_grant_pages.available(
            decision.connection,
            application,
            resource=resource,
            search=search,
            after=after,
            limit=CHUNK + 1,
            now=store.clock.now(),
        )
        wanted = [Wanted(row["id"]) for row in found[:CHUNK]]
        done = await single.requested(decision, by, client, wanted, store.clock, whole=False)
        return _Part(len(done.grants), 0, wanted[-1].interface if len(found) > CHUNK else None)

    def kept(total: Decided) -> Remembered:
        assert remember is not None  # noqa: S101 - asked for below
        return remember(total.approved)

    outcome = await _in_parts(store, origin, part, kept if remember is not None else None)
    return Outcome(outcome.value.approved, outcome.position)


async def approve_all(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    application: UUID | None = None,
    resource: UUID | None = None,
    search: str | None = None,
    submitted_before: datetime | None = None,
    expires_at: datetime | None = None,
    remember: Remember[Decided] | None = None,
) -> Outcome[Decided]:
    """Approve every grant of an organization that waits, with what was asked for; rejected ones stay rejected.

    What the caller may not approve, such as their own requests, is left out. With `submitted_before`, so is what was
    asked for from that moment on. Raises UnknownAccount or InvalidExpiry.
    """
    if not by.sees(organization):
        raise UnknownAccount
    if expires_at is not None and expires_at <= store.clock.now():
        raise InvalidExpiry(field="expires_at")

    async def part(decision: Decision, after: UUID) -> _Part:
        decision.organization = organization
        found = await interface_grant_pages.pending(
            decision.connection,
            organization,
            application=application,
            resource=resource,
            search=search,
            submitted_before=submitted_before,
            after=after,
            limit=CHUNK + 1,
        )
        page = found[:CHUNK]
        loaded = await decision.load_many(InterfaceGrant, [row["id"] for row in page])
        waiting = [grant for grant in loaded if grant.status is Status.PENDING and not grant.ended]
        approved = await _approved(decision, by, waiting, store.clock.now(), expires_at)
        return _Part(approved, len(waiting) - approved, page[-1]["id"] if len(found) > CHUNK else None)

    return await _in_parts(store, origin, part, remember)


async def approve(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    ids: Sequence[str],
    expires_at: datetime | None = None,
    remember: Remember[list[One]] | None = None,
) -> Outcome[list[One]]:
    """Approve each that may be approved, with the limits that were asked for; with `expires_at` all until then.

    Raises InvalidExpiry, since that is wrong for all of them; nothing for any other reason.
    """
    if expires_at is not None and expires_at <= store.clock.now():
        raise InvalidExpiry(field="expires_at")

    async def act(decision: Decision, asked: InterfaceGrant) -> None:
        await single.approve_in(decision, by, asked, store.clock.now(), expires_at=expires_at)

    return await GRANTS.decided(store, origin, by, ids=ids, act=act, remember=remember)


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

    async def act(_: Decision, asked: InterfaceGrant) -> None:
        asked.reject(by, reason, store.clock.now())

    return await GRANTS.decided(store, origin, by, ids=ids, act=act, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, ids: Sequence[str], remember: Remember[list[One]] | None = None
) -> Outcome[list[One]]:
    """Delete each that there is. Raises nothing for any that there is not."""

    async def act(decision: Decision, leaving: InterfaceGrant) -> None:
        leaving.delete(by, store.clock.now())
        claims.release_interface_grant(decision, leaving)

    return await GRANTS.decided(store, origin, by, ids=ids, act=act, remember=remember)


async def _approved(
    decision: Decision, by: Caller, waiting: Sequence[InterfaceGrant], now: datetime, expires_at: datetime | None
) -> int:
    """Approve what may be approved of these, and return how many that are."""
    clients = await decision.load_many(Application, list({grant.application for grant in waiting}))
    targets = await decision.load_many(Interface, list({grant.interface for grant in waiting}))
    applications, interfaces = {one.id: one for one in clients}, {one.id: one for one in targets}
    approved = 0
    for grant in waiting:
        try:
            grant.approve(
                application=applications[grant.application],
                interface=interfaces[grant.interface],
                by=by,
                now=now,
                otherwise=in_a_year(now),
                expires_at=expires_at,
            )
        except Refusal:
            continue
        decision.save(grant)
        approved += 1
    return approved


async def _in_parts(
    store: Store,
    origin: Origin,
    part: Callable[[Decision, UUID], Awaitable[_Part]],
    remember: Remember[Decided] | None,
) -> Outcome[Decided]:
    """Decide on one part after the other; the answer is remembered with the last of the appends."""
    before, after = Decided(0, 0), START

    def command(decision: Decision) -> Awaitable[_Part]:
        return part(decision, after)

    def total(one: _Part) -> Decided:
        return Decided(before.approved + one.done, before.left_out + one.left)

    def kept(one: _Part) -> Remembered | None:
        return remember(total(one)) if remember is not None and one.last is None else None

    while True:
        outcome = await store.decide(command, origin, remember=kept)
        before = total(outcome.value)
        if outcome.value.last is None:
            return Outcome(before, outcome.position)
        after = outcome.value.last
