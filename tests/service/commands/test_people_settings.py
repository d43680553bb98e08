"""What is set of people: by applications that hold enough, and by themselves at pages of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.person import Profile
from service.commands import people_settings, users
from tests.service.commands.given import (
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
    from domain.user import User
    from tests.store_fixture import StoreParts


async def a_person(parts: StoreParts) -> User:
    return await a_user(parts, (await an_application(parts, (await an_organization(parts)).id)).id)


def themselves(user: User) -> Caller:
    return Caller(user.id, user.organization, frozenset(), user=user.id)


async def test_who_changes_themselves_at_a_page_needs_to_hold_nothing(parts: StoreParts) -> None:
    user = await a_person(parts)
    role = await a_role(parts, user.organization, "write_app")
    await users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=role.id)
    by, before = themselves(user), await head(parts)
    with pytest.raises(refusals.MissingPermission):
        await people_settings.change(parts.store, origin(by), by, user=user.id, email="ada@example.com")
    assert await head(parts) == before
    eve = Caller(uuid4(), user.organization, frozenset(), user=uuid4())
    with pytest.raises(refusals.MissingPermission):
        await people_settings.change(parts.store, origin(eve), eve, user=user.id, email="eve@example.com", own=True)
    done = await people_settings.change(
        parts.store, origin(by), by, user=user.id, email="Ada@Example.com", phone="4407400123456", username="ada",
        own=True, verified=True,
    )  # fmt: skip
    left = done.value
    assert (left.email, left.phone, left.username) == ("Ada@example.com", "447400123456", "ada")
    assert (left.email_verified, left.phone_verified) == (True, True)


async def test_an_address_that_stays_the_same_becomes_verified_once(parts: StoreParts) -> None:
    user = await a_person(parts)
    by = themselves(user)
    await people_settings.change(parts.store, origin(), SYSTEM, user=user.id, email="ada@example.com")
    for _ in range(2):
        done = await people_settings.change(
            parts.store, origin(by), by, user=user.id, email="ada@example.com", own=True, verified=True
        )
    assert done.value.email_verified
    assert (await topics(parts)).count("user.email_verified") == 1


async def test_nobody_changes_anybody_elsewhere(parts: StoreParts) -> None:
    user = await a_person(parts)
    by = backend((await an_organization(parts)).id)
    before = await head(parts)
    for change in (
        people_settings.change(parts.store, origin(by), by, user=user.id, name="Eve"),
        people_settings.merge_profile(parts.store, origin(by), by, user=user.id, members={"nickname": "Eve"}),
        people_settings.merge_custom_data(parts.store, origin(by), by, user=user.id, custom_data={"a": 1}),
    ):
        with pytest.raises(refusals.UnknownUser):
            await change
    assert await head(parts) == before


async def test_members_of_a_profile_change_beside_a_name_and_one_may_be_removed(parts: StoreParts) -> None:
    user = await a_person(parts)
    picture = "https://a.example/a.png"
    await people_settings.change(
        parts.store, origin(), SYSTEM, user=user.id, profile=Profile("Ada", nickname="A"), picture=picture
    )
    done = await people_settings.change(
        parts.store, origin(), SYSTEM, user=user.id, name="Countess", members={"nickname": None, "gender": "female"}
    )
    assert done.value.name == "Countess"
    assert done.value.profile == Profile("Ada", gender="female", picture=picture)
    replaced = await people_settings.change(parts.store, origin(), SYSTEM, user=user.id, profile=Profile(locale="en"))
    assert replaced.value.profile == Profile(locale="en", picture=picture)


async def test_a_name_that_is_given_back_is_free_in_the_same_moment(parts: StoreParts) -> None:
    one = await a_person(parts)
    other = await a_user(parts, (await an_application(parts, one.organization)).id)
    await people_settings.change(parts.store, origin(), SYSTEM, user=one.id, username="ada", email="ada@example.com")
    with pytest.raises(refusals.UsernameTaken):
        await people_settings.change(parts.store, origin(), SYSTEM, user=other.id, username="ADA")
    await people_settings.change(parts.store, origin(), SYSTEM, user=one.id, username="Ada", email=None)
    done = await people_settings.change(parts.store, origin(), SYSTEM, user=other.id, email="ADA@example.com")
    assert done.value.email == "ADA@example.com"
    with pytest.raises(refusals.UsernameTaken):
        await people_settings.change(parts.store, origin(), SYSTEM, user=other.id, username="ada")


async def test_a_change_while_the_user_is_deleted_finds_nobody(parts: StoreParts) -> None:
    user = await a_person(parts)
    with (
        meanwhile(parts, lambda: users.delete(parts.store, origin(), SYSTEM, user=user.id)),
        pytest.raises(refusals.UnknownUser),
    ):
        await people_settings.change(parts.store, origin(), SYSTEM, user=user.id, email="ada@example.com")
    other = await a_user(parts, (await an_application(parts, user.organization)).id)
    done = await people_settings.change(parts.store, origin(), SYSTEM, user=other.id, email="ada@example.com")
    assert done.value.email == "ada@example.com"
