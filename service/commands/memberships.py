"""Commands about memberships: add users to accounts, change what they are there, remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import Account
from domain.membership import Membership
from domain.refusals import UnknownMembership
from domain.user import User
from service.commands import claims, groups
from service.commands.owners import owners_of
from service.commands.seen import to_change, to_rely_on

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def add(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    user: UUID,
    role: str,
    remember: Remember[Membership] | None = None,
) -> Outcome[Membership]:
    """Make a user a member of an account of their organization.

    Raises InvalidRole, UnknownAccount, AccountNotActive, UnknownUser, UserNotActive or AlreadyMember.
    """

    async def command(decision: Decision) -> Membership:
        place = await to_rely_on(decision, by, Account, account)
        person = await to_rely_on(decision, by, User, user)
        decision.organization = place.organization
        member = Membership.add(id=store.clock.new_id(), account=place, user=person, role=role, now=store.clock.now())
        claims.claim_membership(decision, member)
        decision.save(member)
        return member

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def change_role(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    membership: UUID,
    role: str,
    remember: Remember[Membership] | None = None,
) -> Outcome[Membership]:
    """Give a member of the account another role. Raises UnknownMembership, InvalidRole or LastOwner."""

    async def command(decision: Decision) -> Membership:
        member = await _of(decision, by, account, membership)
        member.change_role(role, owners=await owners_of(decision, member), by=by, now=store.clock.now())
        decision.save(member)
        return member

    return await store.decide(command, origin, remember=remember)


async def remove(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    membership: UUID,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """End a membership of the account, and in its groups. Raises UnknownMembership, LastOwner or TooMuchAtOnce."""

    async def command(decision: Decision) -> None:
        member = await _of(decision, by, account, membership)
        now = store.clock.now()
        member.remove(await owners_of(decision, member), by, now)
        claims.release_membership(decision, member)
        decision.save(member)
        await groups.end_of_user(decision, member.user, now, orgs=[account])

    return await store.decide(command, origin, remember=remember)


async def _of(decision: Decision, by: Caller, account: UUID, membership: UUID) -> Membership:
    member = await to_change(decision, by, Membership, membership)
    if member.account != account:
        raise UnknownMembership("a membership of another account")
    return member
