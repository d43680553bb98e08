"""A user is in an account once, and an account keeps its owners whoever decides at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from projections import memberships as rows
from service.commands import accounts, memberships, users
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_member,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    person,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.account import Account
    from domain.user import User
    from tests.store_fixture import StoreParts


async def an_account_and_users(parts: StoreParts, count: int = 1) -> tuple[Account, list[User]]:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    return organization, [await a_user(parts, application.id) for _ in range(count)]


async def test_a_member_has_a_role_until_it_is_changed_or_removed(parts: StoreParts) -> None:
    account, (user,) = await an_account_and_users(parts)
    by = backend(account.id)
    member = (await memberships.add(parts.store, origin(by), by, account=account.id, user=user.id, role="viewer")).value
    changed = await memberships.change_role(
        parts.store, origin(by), by, account=account.id, membership=member.id, role="member"
    )
    assert changed.value.role == "member"
    removed = await memberships.remove(parts.store, origin(by), by, account=account.id, membership=member.id)
    assert removed.position == await head(parts)
    assert await rows.one(parts.pool, member.id) is None


async def test_nobody_is_a_member_twice_but_may_come_back(parts: StoreParts) -> None:
    account, (user,) = await an_account_and_users(parts)
    first = await a_member(parts, account.id, user.id)
    with pytest.raises(refusals.AlreadyMember):
        await a_member(parts, account.id, user.id, "owner")
    await memberships.remove(parts.store, origin(), SYSTEM, account=account.id, membership=first.id)
    second = await a_member(parts, account.id, user.id)
    assert second.id != first.id


async def test_one_of_many_additions_at_once_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    account, (user,) = await an_account_and_users(parts)
    processes = [parts, await open_parts()]
    results = await asyncio.gather(
        *(a_member(each, account.id, user.id) for each in processes * 8), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.AlreadyMember] * 15
    assert await topics(parts, after=5) == ["membership.added"]


async def test_many_users_join_at_once_without_getting_in_each_others_way(parts: StoreParts) -> None:
    account, many = await an_account_and_users(parts, 20)
    await asyncio.gather(*(a_member(parts, account.id, user.id, "owner") for user in many))
    assert await rows.owners(parts.pool, account.id) == 20


async def test_a_membership_is_found_under_its_own_account_only(parts: StoreParts) -> None:
    account, (user,) = await an_account_and_users(parts)
    other = await a_child(parts, account.id)
    member = await a_member(parts, account.id, user.id)
    for by, path, wanted in (
        (SYSTEM, other.id, member.id),
        (SYSTEM, account.id, uuid4()),
        (SYSTEM, account.id, account.id),
        (backend(uuid4()), account.id, member.id),
    ):
        with pytest.raises(refusals.UnknownMembership):
            await memberships.change_role(parts.store, origin(), by, account=path, membership=wanted, role="member")
        with pytest.raises(refusals.UnknownMembership):
            await memberships.remove(parts.store, origin(), by, account=path, membership=wanted)


async def test_account_and_user_are_of_the_callers_organization(parts: StoreParts) -> None:
    account, (user,) = await an_account_and_users(parts)
    elsewhere, (stranger,) = await an_account_and_users(parts)
    by = backend(account.id)
    with pytest.raises(refusals.UnknownAccount):
        await memberships.add(parts.store, origin(), by, account=elsewhere.id, user=user.id, role="viewer")
    for caller in (by, ROOT):
        with pytest.raises(refusals.UnknownUser):
            await memberships.add(parts.store, origin(), caller, account=account.id, user=stranger.id, role="viewer")


async def test_nobody_joins_what_was_suspended_or_deleted_meanwhile(parts: StoreParts) -> None:
    account, (first, second) = await an_account_and_users(parts, 2)
    child = await a_child(parts, account.id)
    with (
        meanwhile(parts, lambda: users.suspend(parts.store, origin(), SYSTEM, user=first.id)),
        pytest.raises(refusals.UserNotActive),
    ):
        await a_member(parts, account.id, first.id)
    with (
        meanwhile(parts, lambda: accounts.delete(parts.store, origin(), SYSTEM, account=child.id)),
        pytest.raises(refusals.UnknownAccount),
    ):
        await a_member(parts, child.id, second.id)
    with (
        meanwhile(parts, lambda: users.delete(parts.store, origin(), SYSTEM, user=second.id)),
        pytest.raises(refusals.UnknownUser),
    ):
        await a_member(parts, account.id, second.id)


async def test_two_owners_who_demote_each_other_leave_one(parts: StoreParts) -> None:
    account, (ada, grace) = await an_account_and_users(parts, 2)
    first, second = [await a_member(parts, account.id, user.id, "owner") for user in (ada, grace)]
    by = person(account.id)
    demotion = memberships.change_role(
        parts.store, origin(by), by, account=account.id, membership=first.id, role="member"
    )
    removal = memberships.remove(parts.store, origin(by), by, account=account.id, membership=second.id)
    with meanwhile(parts, lambda: demotion), pytest.raises(refusals.LastOwner):
        await removal
    assert await rows.owners(parts.pool, account.id) == 1


async def test_of_many_owners_who_leave_at_once_one_stays(parts: StoreParts) -> None:
    account, many = await an_account_and_users(parts, 4)
    members = [await a_member(parts, account.id, user.id, "owner") for user in many]
    by = person(account.id)
    results = await asyncio.gather(
        *(
            memberships.remove(parts.store, origin(by), by, account=account.id, membership=member.id)
            for member in members
        ),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.LastOwner]
    assert await rows.owners(parts.pool, account.id) == 1


async def test_members_who_are_no_owners_do_not_depend_on_owners(parts: StoreParts) -> None:
    account, (ada, grace) = await an_account_and_users(parts, 2)
    viewer = await a_member(parts, account.id, ada.id)
    with meanwhile(parts, lambda: a_member(parts, account.id, grace.id, "owner")) as decided:
        await memberships.change_role(
            parts.store, origin(), SYSTEM, account=account.id, membership=viewer.id, role="member"
        )
    assert len(decided) == 1
