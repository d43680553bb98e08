"""What is known of people changes as a whole or not at all, on the state that holds when it is committed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.person import Factor
from projections import users as rows
from service.commands import people, roles, users
from tests.service.commands.given import (
    ROOT,
    a_role,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from domain.caller import Caller
    from tests.store_fixture import StoreParts


class Here(NamedTuple):
    """An organization with a caller without root, an application and a user."""

    by: Caller
    organization: UUID
    application: UUID
    user: UUID


async def here(parts: StoreParts) -> Here:
    organization = (await an_organization(parts)).id
    application = (await an_application(parts, organization)).id
    return Here(backend(organization), organization, application, (await a_user(parts, application)).id)


async def test_a_change_is_one_append_and_says_what_it_left(parts: StoreParts) -> None:
    place = await here(parts)
    role = await a_role(parts, place.organization)
    before = await head(parts)
    made = await people.change(
        parts.store, origin(place.by), place.by, user=place.user, given_name="Ada", active=False, roles=["auditor"]
    )
    assert await topics(parts, after=before) == ["user.suspended", "user.role_assigned", "user.profile_changed"]
    assert (made.value.roles, made.value.org, made.value.groups) == (["auditor"], None, [])
    assert list(made.value.user.roles) == [role.id]


ROLE_MOVES: list[tuple[Callable[[StoreParts, UUID], Awaitable[object]], type[refusals.Refusal]]] = [
    (lambda parts, role: roles.change(parts.store, origin(), ROOT, role=role, permissions=["root"]),
     refusals.PrivilegedRole),
    (lambda parts, role: roles.delete(parts.store, origin(), SYSTEM, role=role), refusals.InvalidRole),
    (lambda parts, role: roles.change(parts.store, origin(), SYSTEM, role=role, name="renamed"), refusals.InvalidRole),
]  # fmt: skip


@pytest.mark.parametrize(("happening", "refusal"), ROLE_MOVES, ids=["privileged", "deleted", "renamed"])
async def test_roles_are_assigned_as_they_are_when_it_is_committed(
    parts: StoreParts,
    happening: Callable[[StoreParts, UUID], Awaitable[object]],
    refusal: type[refusals.Refusal],
) -> None:
    place = await here(parts)
    role = await a_role(parts, place.organization)
    with meanwhile(parts, lambda: happening(parts, role.id)), pytest.raises(refusal):
        await people.change(
            parts.store, origin(place.by), place.by, user=place.user, given_name="Eve", roles=["auditor"]
        )
    row = await rows.person(parts.pool, place.user)
    assert row is not None
    assert (row["role_names"], row["given_name"]) == ([], None)


async def test_two_changes_at_the_same_moment_are_both_carried_out(parts: StoreParts) -> None:
    place = await here(parts)
    with meanwhile(
        parts, lambda: people.change(parts.store, origin(), SYSTEM, user=place.user, family_name="Lovelace")
    ) as decided:
        made = await people.change(parts.store, origin(), SYSTEM, user=place.user, given_name="Ada")
    assert len(decided) == 2
    assert (made.value.user.profile.given_name, made.value.user.profile.family_name) == ("Ada", "Lovelace")


async def test_an_account_that_is_linked_meanwhile_is_not_linked_twice(parts: StoreParts) -> None:
    place = await here(parts)
    second, third = [(await a_user(parts, place.application)).id for _ in range(2)]
    with (
        meanwhile(parts, lambda: people.link(parts.store, origin(), SYSTEM, user=third, other=second)),
        pytest.raises(refusals.TargetAlreadyLinked),
    ):
        await people.link(parts.store, origin(), SYSTEM, user=place.user, other=second)
    row = await rows.one(parts.pool, place.user)
    assert row is not None
    assert row["linked_user"] is None


async def test_a_link_to_somebody_who_is_deleted_meanwhile_is_none(parts: StoreParts) -> None:
    place = await here(parts)
    other = (await a_user(parts, place.application)).id
    with (
        meanwhile(parts, lambda: users.delete(parts.store, origin(), SYSTEM, user=other)),
        pytest.raises(refusals.UnknownUser),
    ):
        await people.link(parts.store, origin(), SYSTEM, user=place.user, other=other)
    row = await rows.one(parts.pool, place.user)
    assert row is not None
    assert row["linked_user"] is None


async def test_a_user_who_is_linked_while_they_are_deleted_leaves_nobody_linked(parts: StoreParts) -> None:
    place = await here(parts)
    other = (await a_user(parts, place.application)).id
    with meanwhile(parts, lambda: people.link(parts.store, origin(), SYSTEM, user=place.user, other=other)):
        await users.delete(parts.store, origin(), SYSTEM, user=place.user)
    row = await rows.one(parts.pool, other)
    assert row is not None
    assert row["linked_user"] is None


async def test_factors_that_are_required_at_the_same_moment_are_all_required(parts: StoreParts) -> None:
    place = await here(parts)
    await asyncio.gather(
        *(people.require_factor(parts.store, origin(), SYSTEM, user=place.user, factor=each) for each in Factor)
    )
    row = await rows.one(parts.pool, place.user)
    assert row is not None
    assert [row[column] for column in rows.FACTORS.values()] == [True, True, True]


async def test_a_factor_of_somebody_who_is_suspended_meanwhile_stays(parts: StoreParts) -> None:
    place = await here(parts)
    with (
        meanwhile(parts, lambda: users.suspend(parts.store, origin(), SYSTEM, user=place.user)),
        pytest.raises(refusals.UserNotActive),
    ):
        await people.require_factor(parts.store, origin(), SYSTEM, user=place.user, factor=Factor.OTP)
