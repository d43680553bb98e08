"""Commands about groups of orgs: make, rename and delete them, put users in and take them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import Account
from domain.group import Group
from domain.group_membership import GroupMembership
from domain.membership import Membership
from domain.refusals import TooMuchAtOnce, UnknownGroup
from domain.user import User
from projections import groups, memberships
from service.commands import claims
from service.commands.seen import to_change, to_rely_on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

GROUP_LIMIT = 1_000  # ended by one command: one append holds the lock of the log for as long as it takes
PLACE_LIMIT = 10_000


async def create(
    store: Store, origin: Origin, by: Caller, *, org: UUID, name: str, remember: Remember[Group] | None = None
) -> Outcome[Group]:
    """Make a group of an org. Raises UnknownAccount (no org too), AccountNotActive, InvalidName or NameTaken."""

    async def command(decision: Decision) -> Group:
        place = await to_rely_on(decision, by, Account, org)
        decision.organization = place.organization
        group = Group.create(id=store.clock.new_id(), org=place, name=name, now=store.clock.now())
        claims.claim_group_name(decision, group)
        decision.save(group)
        return group

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def rename(
    store: Store, origin: Origin, by: Caller, *, group: UUID, name: str, remember: Remember[Group] | None = None
) -> Outcome[Group]:
    """Give a group another name. Raises UnknownGroup, InvalidName or NameTaken."""

    async def command(decision: Decision) -> Group:
        found = await to_change(decision, by, Group, group)
        former = found.name
        found.rename(name, by, store.clock.now())
        if found.name != former:
            claims.release_group_name(decision, found, former)
            claims.claim_group_name(decision, found)
        decision.save(found)
        return found

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, group: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete a group; its members stay in the org. Raises UnknownGroup or TooMuchAtOnce (over 10,000 members)."""

    async def command(decision: Decision) -> None:
        ending = await to_change(decision, by, Group, group)
        ending.require_known(by)
        await _end(decision, by, [ending], store.clock.now())

    return await store.decide(command, origin, remember=remember)


async def add_member(
    store: Store, origin: Origin, by: Caller, *, group: UUID, user: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Put a user into a group of the org that they are active in; nothing happens to one who is in it.

    Raises UnknownUser or UnknownGroup.
    """

    async def command(decision: Decision) -> None:
        found, membership = await _group_and_membership(decision, by, group, user)
        new = GroupMembership.add(id=store.clock.new_id(), group=found, membership=membership, now=store.clock.now())
        decision.rely_on(f"group-members:{group}")
        if await groups.place(decision.connection, group, user) is None:
            claims.claim_group_membership(decision, new)
            decision.save(new)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def remove_member(
    store: Store, origin: Origin, by: Caller, *, group: UUID, user: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Take a user out of a group of the org that they are active in; nothing happens to one who is not in it.

    Raises UnknownUser or UnknownGroup.
    """

    async def command(decision: Decision) -> None:
        await _group_and_membership(decision, by, group, user)
        place = await groups.place(decision.connection, group, user)
        if place is not None:
            await _leave(decision, [place], store.clock.now())

    return await store.decide(command, origin, remember=remember)


async def end_of_user(decision: Decision, user: UUID, now: datetime, *, orgs: Sequence[UUID] | None = None) -> None:
    """Take a user out of all groups, or out of those of some orgs, as a part of a decision that leads to it.

    Raises TooMuchAtOnce (over 10,000 groups).
    """
    decision.rely_on(f"user-groups:{user}")
    accounts = None if orgs is None else list(orgs)
    places = await groups.places_of(decision.connection, user, accounts=accounts, limit=PLACE_LIMIT + 1)
    _limit(len(places), PLACE_LIMIT, "groups of a user")
    await _leave(decision, places, now)


async def end_of_accounts(decision: Decision, by: Caller, accounts: Sequence[UUID], now: datetime) -> None:
    """End all groups of accounts that end. Raises TooMuchAtOnce (over 1,000 groups or 10,000 members)."""
    decision.rely_on(*(f"account-groups:{account}" for account in accounts))
    ids = await groups.ids_of_accounts(decision.connection, list(accounts), limit=GROUP_LIMIT + 1)
    _limit(len(ids), GROUP_LIMIT, "groups")
    await _end(decision, by, [group for group in await decision.load_many(Group, ids) if not group.deleted], now)


async def _end(decision: Decision, by: Caller, ending: Sequence[Group], now: datetime) -> None:
    ids = [group.id for group in ending]
    decision.rely_on(*(f"group-members:{group}" for group in ids))
    places = await groups.members_of(decision.connection, ids, limit=PLACE_LIMIT + 1)
    _limit(len(places), PLACE_LIMIT, "members")
    await _leave(decision, places, now)
    for group in ending:
        claims.release_group_name(decision, group, group.name)
        group.delete(by, now)
        decision.save(group)


async def _leave(decision: Decision, places: Sequence[UUID], now: datetime) -> None:
    for place in await decision.load_many(GroupMembership, places):
        if not place.removed:
            place.remove(now)
            claims.release_group_membership(decision, place)
            decision.save(place)


async def _group_and_membership(decision: Decision, by: Caller, group: UUID, user: UUID) -> tuple[Group, Membership]:
    """Return a group and a user's active membership in its org. Raises UnknownUser or UnknownGroup."""
    person = await to_rely_on(decision, by, User, user)
    person.require_known()
    found = await to_rely_on(decision, by, Group, group)
    decision.organization = found.organization
    decision.rely_on(f"user-memberships:{user}")
    stream = await memberships.id_of(decision.connection, found.account, user)
    membership = None if stream is None else await decision.load(Membership, stream)
    if membership is None:
        raise UnknownGroup("the user is no member of its org")
    found.require_home_of(membership)
    return found, membership


def _limit(number: int, limit: int, what: str) -> None:
    if number > limit:
        raise TooMuchAtOnce(f"more than {limit} {what}")
