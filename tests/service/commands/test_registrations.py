"""People are made whole or not at all, and what they sign in by is theirs alone in their organization."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.person import Profile
from domain.user import User
from projections import users as rows
from service.commands import accounts, passwords, registrations, users
from service.secrets.passwords import Passwords
from service.store.refusals import Overloaded
from tests.service.commands.given import (
    a_child,
    an_organization,
    backend,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from tests.store_fixture import StoreParts

IDENTIFIERS = {"username": "ada", "email": "ada@example.com", "phone": "447400123456"}


@pytest.fixture
def made() -> Iterator[Passwords]:
    quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield quick
    quick.close()


async def register(parts: StoreParts, made: Passwords, organization: UUID, by: Caller = SYSTEM, **more: Any) -> User:
    outcome = await registrations.register(
        parts.store, origin(by), by, passwords=made, organization=organization, **more
    )
    return outcome.value


async def test_a_person_is_made_in_one_append(parts: StoreParts, made: Passwords) -> None:
    organization = (await an_organization(parts)).id
    before = await head(parts)
    by = backend(organization)
    user = await register(
        parts, made, organization, by, **IDENTIFIERS, password="correct horse", name=" Ada ",
        profile=Profile("Ada"), custom_data={"tier": 1},
    )  # fmt: skip
    assert await topics(parts, after=before) == [
        "user.created", "user.username_changed", "user.email_changed", "user.phone_changed", "user.profile_changed",
        "user.custom_data_changed", "user.password_changed",
    ]  # fmt: skip
    row = await rows.one(parts.pool, user.id)
    assert row is not None
    assert (row["organization"], row["application"], row["status"], row["name"]) == (
        organization,
        None,
        "active",
        "Ada",
    )
    assert [row[name] for name in IDENTIFIERS] == list(IDENTIFIERS.values())
    assert (row["email_verified"], row["phone_verified"], row["has_password"]) == (False, False, True)
    assert user.password is not None
    assert await made.verify(user.password, "correct horse")
    states = await parts.owner.fetch("SELECT state FROM muniment.events")
    assert not any(b"correct horse" in state["state"] or b"argon2" in state["state"] for state in states)


async def test_nothing_needs_to_be_known_of_a_person(parts: StoreParts, made: Passwords) -> None:
    organization = (await an_organization(parts)).id
    before = await head(parts)
    user = await register(parts, made, organization)
    assert await topics(parts, after=before) == ["user.created"]
    assert (user.username, user.email, user.phone, user.password) == (None, None, None, None)


@pytest.mark.parametrize(
    ("taken", "wanted", "refusal"),
    [
        ({"username": "Ada_L"}, {"username": "aDA_l"}, refusals.UsernameTaken),
        ({"email": "Ada@Example.com"}, {"email": "ADA@example.COM"}, refusals.EmailTaken),
        ({"phone": "447400123456"}, {"phone": "4407400123456"}, refusals.PhoneTaken),
    ],
)
async def test_what_somebody_has_nobody_else_of_the_organization_gets(
    parts: StoreParts, made: Passwords, taken: dict[str, str], wanted: dict[str, str], refusal: type[refusals.Refusal]
) -> None:
    organization, elsewhere = (await an_organization(parts)).id, (await an_organization(parts)).id
    user = await register(parts, made, organization, **taken)
    before = await head(parts)
    with pytest.raises(refusal):
        await register(parts, made, organization, **wanted, name="Eve")
    assert await head(parts) == before
    await register(parts, made, elsewhere, **wanted)
    await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    await register(parts, made, organization, **wanted)


async def test_of_many_who_want_a_name_at_once_one_gets_it(parts: StoreParts, made: Passwords) -> None:
    organization = (await an_organization(parts)).id
    names = ["ada", "Ada", "ADA", "aDa"] * 2
    answers = await asyncio.gather(
        *(register(parts, made, organization, username=name) for name in names), return_exceptions=True
    )
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert sum(isinstance(answer, refusals.UsernameTaken) for answer in answers) == 7


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"username": "1a"}, refusals.InvalidUsername),
        ({"email": "nobody"}, refusals.InvalidEmail),
        ({"email": "a@b@example.com"}, refusals.InvalidEmail),
        ({"phone": "1"}, refusals.InvalidPhone),
        ({"password": ""}, refusals.InvalidPassword),
        ({"password": "x" * 257}, refusals.InvalidPassword),
        ({"name": "a\x00"}, refusals.InvalidName),
        ({"profile": Profile(locale="?")}, refusals.InvalidLocale),
        ({"profile": Profile(picture="javascript:1")}, refusals.InvalidProfile),
    ],
)
async def test_a_person_with_a_wrong_value_is_not_made(
    parts: StoreParts, made: Passwords, more: dict[str, Any], refusal: type[refusals.Refusal]
) -> None:
    organization = (await an_organization(parts)).id
    before = await head(parts)
    with pytest.raises(refusal):
        await register(parts, made, organization, **more)
    assert await head(parts) == before


async def test_people_are_made_in_an_active_organization_that_the_caller_sees(
    parts: StoreParts, made: Passwords
) -> None:
    organization = (await an_organization(parts)).id
    child = (await a_child(parts, organization)).id
    for by, wanted in ((backend(uuid4()), organization), (SYSTEM, child), (SYSTEM, uuid4())):
        with pytest.raises(refusals.UnknownAccount):
            await register(parts, made, wanted, by)
    with (
        meanwhile(
            parts,
            lambda: accounts.move_status(parts.store, origin(), SYSTEM, account=organization, status="suspended"),
        ),
        pytest.raises(refusals.AccountNotActive),
    ):
        await register(parts, made, organization)


async def test_a_person_is_not_made_without_a_thread_for_their_password(parts: StoreParts) -> None:
    organization = (await an_organization(parts)).id
    full = Passwords(threads=1, waiting=-1)
    before = await head(parts)
    with pytest.raises(Overloaded):
        await register(parts, full, organization, password="x")
    assert await head(parts) == before
    full.close()


async def test_another_password_ends_what_it_opened_if_that_is_wanted(parts: StoreParts, made: Passwords) -> None:
    organization = (await an_organization(parts)).id
    by = backend(organization)
    user = await register(parts, made, organization, password="one")
    before = await head(parts)
    kept = await passwords.change(parts.store, origin(by), by, passwords=made, user=user.id, password="two")
    assert await topics(parts, after=before) == ["user.password_changed"]
    assert await made.verify(kept.value.password, "two")
    await passwords.change(parts.store, origin(by), by, passwords=made, user=user.id, password="three", revoke=True)
    *_, changed, revoked = await log(parts)
    assert (changed.TOPIC, revoked.TOPIC) == ("user.password_changed", "revocation.recorded")
    assert (revoked.user, revoked.cascade, revoked.reason) == (user.id, True, passwords.CHANGED)


async def test_nobody_changes_a_password_that_is_not_theirs_to_change(parts: StoreParts, made: Passwords) -> None:
    user = await register(parts, made, (await an_organization(parts)).id, password="one")
    before = await head(parts)
    for by, wanted in ((backend(uuid4()), user.id), (SYSTEM, uuid4())):
        with pytest.raises(refusals.UnknownUser):
            await passwords.change(parts.store, origin(by), by, passwords=made, user=wanted, password="two")
    with pytest.raises(refusals.InvalidPassword):
        await passwords.change(parts.store, origin(), SYSTEM, passwords=made, user=user.id, password="")
    assert await head(parts) == before
