"""Users are in groups of the org they are active in, once, and leave them with the org, the group or for good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.user import User
from projections import groups as rows
from service.commands import accounts, groups, memberships, orgs, users
from service.commands.seen import to_change
from tests.service.commands.given import (
    a_child,
    a_member,
    a_user,
    an_application,
    an_org,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.group import Group
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts


async def a_group(parts: StoreParts, org: UUID, name: str = "Editors") -> Group:
    return (await groups.create(parts.store, origin(), SYSTEM, org=org, name=name)).value


async def enter(parts: StoreParts, group: UUID, user: UUID) -> None:
    await groups.add_member(parts.store, origin(), SYSTEM, group=group, user=user)


async def leave(parts: StoreParts, group: UUID, user: UUID) -> None:
    await groups.remove_member(parts.store, origin(), SYSTEM, group=group, user=user)


async def a_worker(parts: StoreParts, organization: UUID, org: UUID, slug: str = "acme") -> UUID:
    """Return a user who is active in an org."""
    application = await an_application(parts, organization, client_id=uuid4().hex)
    user = (await a_user(parts, application.id)).id
    await a_member(parts, org, user)
    await work_in(parts, user, slug)
    return user


async def work_in(parts: StoreParts, user: UUID, slug: str | None) -> None:
    async def command(decision: Decision) -> None:
        person = await to_change(decision, SYSTEM, User, user)
        await orgs.make_active(decision, SYSTEM, person, slug, parts.clock.now())

    await parts.store.decide(command, origin())


async def test_a_groups_name_is_taken_once_in_its_org(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    organization = await an_organization(parts)
    org, other = await an_org(parts, organization.id), await an_org(parts, organization.id, "other")
    processes = [parts, await open_parts()]
    results = await asyncio.gather(*(a_group(each, org.id) for each in processes * 4), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.NameTaken] * 7
    await a_group(parts, other.id)
    writers = await a_group(parts, org.id, "Writers")
    with pytest.raises(refusals.NameTaken):
        await groups.rename(parts.store, origin(), SYSTEM, group=writers.id, name="Editors")
    await groups.rename(parts.store, origin(), SYSTEM, group=writers.id, name="Authors")
    await a_group(parts, org.id, "Writers")


async def test_a_group_is_made_in_an_org_that_the_caller_sees(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org, child = await an_org(parts, organization.id), await a_child(parts, organization.id)
    before = await head(parts)
    for by, wanted in (
        (SYSTEM, child.id),
        (SYSTEM, organization.id),
        (SYSTEM, uuid4()),
        (backend(uuid4()), org.id),
    ):
        with pytest.raises(refusals.UnknownAccount):
            await groups.create(parts.store, origin(), by, org=wanted, name="Editors")
    assert await head(parts) == before
    await accounts.move_status(parts.store, origin(), SYSTEM, account=org.id, status="suspended")
    with pytest.raises(refusals.AccountNotActive):
        await a_group(parts, org.id)


async def test_a_user_enters_and_leaves_a_group_once(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org = await an_org(parts, organization.id)
    group, user = await a_group(parts, org.id), await a_worker(parts, organization.id, org.id)
    before = await head(parts)
    await leave(parts, group.id, user)
    await asyncio.gather(*(enter(parts, group.id, user) for _ in range(4)))
    assert await topics(parts, after=before) == ["group_membership.added"]
    assert [row["id"] for row in await rows.of_user(parts.pool, user)] == [group.id]
    await leave(parts, group.id, user)
    await leave(parts, group.id, user)
    await enter(parts, group.id, user)
    assert (await topics(parts, after=before))[1:] == ["group_membership.removed", "group_membership.added"]


async def test_groups_of_orgs_that_a_user_does_not_work_in_are_unknown(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org, other = await an_org(parts, organization.id), await an_org(parts, organization.id, "other")
    user = await a_worker(parts, organization.id, org.id)
    group, elsewhere = await a_group(parts, org.id), await a_group(parts, other.id)
    await enter(parts, group.id, user)
    before = await head(parts)
    await a_member(parts, other.id, user)
    stranger = backend(uuid4())
    for act in (groups.add_member, groups.remove_member):
        for wrong in (elsewhere.id, uuid4()):
            with pytest.raises(refusals.UnknownGroup):
                await act(parts.store, origin(), SYSTEM, group=wrong, user=user)
        with pytest.raises(refusals.UnknownUser):
            await act(parts.store, origin(), SYSTEM, group=group.id, user=uuid4())
        with pytest.raises(refusals.UnknownUser):
            await act(parts.store, origin(), stranger, group=group.id, user=user)
    for act in (groups.delete, lambda *a, **k: groups.rename(*a, **k, name="Mine")):
        with pytest.raises(refusals.UnknownGroup):
            await act(parts.store, origin(), stranger, group=group.id)
    assert await head(parts) == before + 1
    await work_in(parts, user, "other")
    assert await rows.of_user(parts.pool, user) == []
    with pytest.raises(refusals.UnknownGroup):
        await leave(parts, group.id, user)
    await work_in(parts, user, "acme")
    assert [row["id"] for row in await rows.of_user(parts.pool, user)] == [group.id]


async def test_who_leaves_the_org_leaves_its_groups(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org, other = await an_org(parts, organization.id), await an_org(parts, organization.id, "other")
    user = await a_worker(parts, organization.id, other.id, "other")
    group, elsewhere = await a_group(parts, org.id), await a_group(parts, other.id)
    await enter(parts, elsewhere.id, user)
    member = await a_member(parts, org.id, user)
    for end in (
        lambda: memberships.remove(parts.store, origin(), SYSTEM, account=org.id, membership=member.id),
        lambda: orgs.replace_memberships(parts.store, origin(), SYSTEM, user=user, orgs=[other.id]),
    ):
        await work_in(parts, user, "acme")
        await enter(parts, group.id, user)
        before = await head(parts)
        await end()
        assert await topics(parts, after=before) == ["membership.removed", "group_membership.removed"]
        assert await rows.place(parts.pool, group.id, user) is None
        assert await rows.place(parts.pool, elsewhere.id, user) is not None
        await a_member(parts, org.id, user)


async def test_a_group_ends_with_its_members_and_an_org_with_its_groups(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org = await an_org(parts, organization.id)
    one, two = await a_group(parts, org.id, "one"), await a_group(parts, org.id, "two")
    user = await a_worker(parts, organization.id, org.id)
    await enter(parts, one.id, user)
    await enter(parts, two.id, user)
    before = await head(parts)
    await groups.delete(parts.store, origin(), SYSTEM, group=one.id)
    assert await topics(parts, after=before) == ["group_membership.removed", "group.deleted"]
    await a_group(parts, org.id, "one")
    await work_in(parts, user, None)
    await orgs.delete(parts.store, origin(), SYSTEM, org=org.id)
    assert await rows.of_organization(parts.pool, organization.id, org=None, limit=9) == []
    assert await rows.places_of(parts.pool, user, accounts=None, limit=9) == []
    with pytest.raises(refusals.UnknownGroup):
        await groups.delete(parts.store, origin(), SYSTEM, group=two.id)


async def test_who_enters_a_group_while_it_is_deleted_is_not_left_in_it(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org = await an_org(parts, organization.id)
    group, user = await a_group(parts, org.id), await a_worker(parts, organization.id, org.id)
    with meanwhile(parts, lambda: enter(parts, group.id, user)):
        await groups.delete(parts.store, origin(), SYSTEM, group=group.id)
    assert await rows.places_of(parts.pool, user, accounts=None, limit=9) == []
    spare = await a_group(parts, org.id, "spare")
    deleting = groups.delete(parts.store, origin(), SYSTEM, group=spare.id)
    with meanwhile(parts, lambda: deleting), pytest.raises(refusals.UnknownGroup):
        await enter(parts, spare.id, user)


async def test_a_deleted_user_is_in_no_group(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org = await an_org(parts, organization.id)
    group, user = await a_group(parts, org.id), await a_worker(parts, organization.id, org.id)
    await enter(parts, group.id, user)
    await users.delete(parts.store, origin(), SYSTEM, user=user)
    assert await rows.members_of(parts.pool, [group.id], limit=9) == []


async def test_too_much_is_not_ended_at_once(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = await an_organization(parts)
    org = await an_org(parts, organization.id)
    group, user = await a_group(parts, org.id), await a_worker(parts, organization.id, org.id)
    await enter(parts, group.id, user)
    before = await head(parts)
    monkeypatch.setattr(groups, "PLACE_LIMIT", 0)
    for end in (
        lambda: groups.delete(parts.store, origin(), SYSTEM, group=group.id),
        lambda: users.delete(parts.store, origin(), SYSTEM, user=user),
        lambda: accounts.delete(parts.store, origin(), SYSTEM, account=org.id),
    ):
        with pytest.raises(refusals.TooMuchAtOnce):
            await end()
    monkeypatch.undo()
    monkeypatch.setattr(groups, "GROUP_LIMIT", 0)
    with pytest.raises(refusals.TooMuchAtOnce):
        await accounts.delete(parts.store, origin(), SYSTEM, account=org.id)
    assert await head(parts) == before
