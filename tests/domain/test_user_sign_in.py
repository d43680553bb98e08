"""What users sign in with, and what else is kept of them: usernames, passwords by their digests, phones, other data."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.person import Profile
from domain.user import User
from tests.domain.given import NOW, ORGANIZATION, a_user, happened, settled, the_event

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS: list[Callable[[User], None]] = [
    lambda user: user.change_username("ada", NOW),
    lambda user: user.change_phone("447400123456", NOW),
    lambda user: user.change_password("digest", NOW),
    lambda user: user.rehash_password("digest", "better", NOW),
    lambda user: user.change_custom_data({"tier": 1}, NOW),
    lambda user: user.unlock_sign_in(NOW),
]


def test_a_person_need_not_belong_to_an_application() -> None:
    user = User.create(id=uuid4(), organization=ORGANIZATION, name=None, now=NOW)
    assert (user.application, the_event(user).application) == (None, None)


def test_a_username_is_changed_and_removed() -> None:
    user = a_user()
    user.change_username("Ada", NOW)
    user.change_username("Ada", NOW)
    user.change_username("ada", NOW)
    user.change_username(None, NOW)
    assert happened(user) == ["user.username_changed"] * 3
    with pytest.raises(refusals.InvalidUsername):
        user.change_username("", NOW)


def test_a_phone_number_is_verified_only_where_there_is_one() -> None:
    user = a_user()
    user.change_phone("447400123456", NOW, verified=True)
    assert (user.phone, user.phone_verified) == ("447400123456", True)
    user.change_phone(None, NOW, verified=True)
    assert (user.phone, user.phone_verified) == (None, False)
    with pytest.raises(refusals.InvalidPhone):
        user.change_phone("+44", NOW)


def test_decisions_about_a_user_end_with_a_change_of_what_they_sign_in_with() -> None:
    user = a_user()
    user.change_username("ada", NOW)
    user.change_password("digest", NOW)
    user.change_phone("447400123456", NOW)
    assert {event.touches for event in user.collect_events()} == {(f"user:{user.id}",)}  # type: ignore[attr-defined]


def test_the_same_password_may_be_set_again() -> None:
    user = a_user()
    user.change_password("one", NOW)
    user.change_password("one", NOW)
    assert happened(user) == ["user.password_changed"] * 2
    assert user.password == "one"


def test_a_better_digest_takes_the_place_of_the_one_it_was_made_for() -> None:
    user = a_user()
    user.change_password("weak", NOW)
    settled(user)
    user.rehash_password("weak", "strong", NOW)
    assert user.password == "strong"
    assert the_event(user).touches == ()
    user.change_password("another", NOW)
    settled(user)
    user.rehash_password("strong", "stronger", NOW)
    assert (user.password, happened(user)) == ("another", [])


def test_other_data_is_replaced_as_a_whole() -> None:
    user = a_user()
    user.change_custom_data({}, NOW)
    assert happened(user) == []
    user.change_custom_data({"tier": 1, "tags": ["a"]}, NOW)
    user.change_custom_data({"tier": 2}, NOW)
    assert user.custom_data == {"tier": 2}
    user.change_custom_data({}, NOW)
    assert user.custom_data == {}
    assert happened(user) == ["user.custom_data_changed"] * 3


def test_what_is_personal_is_sealed() -> None:
    user = a_user()
    for command in COMMANDS[:3]:
        command(user)
    user.change_custom_data({"tier": 1}, NOW)
    user.change_profile(Profile("Ada", address={"country": "UK"}, picture="https://a.example/x"), NOW)
    columns = {"originator_id", "originator_version", "timestamp", "verified"}
    for event in user.collect_events():
        assert vars(event).keys() - columns == event.PERSONAL  # type: ignore[attr-defined]


def test_nothing_of_it_is_left_of_a_deleted_user() -> None:
    user = a_user()
    for command in COMMANDS:
        command(user)
    user.delete(SYSTEM, NOW)
    assert (user.username, user.phone, user.password, user.custom_data) == (None, None, None, {})


@pytest.mark.parametrize("command", COMMANDS)
def test_a_deleted_user_is_unknown_to_every_command(command: Callable[[User], None]) -> None:
    user = a_user()
    user.delete(SYSTEM, NOW)
    settled(user)
    with pytest.raises(refusals.UnknownUser):
        command(user)
    assert happened(user) == []
