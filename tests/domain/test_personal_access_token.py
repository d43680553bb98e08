"""A personal access token is one user's, under a name of its own, until it is deleted or its time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain.caller import SYSTEM
from domain.personal_access_token import LIMIT, PersonalAccessToken, guard, of_user
from domain.refusals import (
    InvalidExpiry,
    InvalidTokenName,
    Refusal,
    TooManyPersonalAccessTokens,
    UnknownPersonalAccessToken,
    UnknownUser,
)
from tests.domain.given import HOUR, INSTANT, NOW, ORGANIZATION, a_user, happened, settled, the_event

if TYPE_CHECKING:
    from domain.user import User

DIGEST = "ab" * 32


def issued(user: User | None = None, **told: Any) -> PersonalAccessToken:
    fields = {"name": "laptop", "digest": DIGEST, "hint": "wxyz", "expires_at": None, "others": 0, "now": NOW} | told
    return PersonalAccessToken.issue(id=uuid4(), user=user or a_user(), **fields)


def test_a_token_is_its_users_and_only_its_digest_is_known() -> None:
    user = a_user()
    token = issued(user, expires_at=NOW + HOUR)
    assert (token.user, token.organization, token.name, token.digest) == (user.id, ORGANIZATION, "laptop", DIGEST)
    assert (token.hint, token.expires_at, token.deleted) == ("wxyz", NOW + HOUR, False)


def test_what_users_call_it_is_sealed_under_their_own_key() -> None:
    token = issued()
    token.rename("desk", NOW)
    for event in token.collect_events():
        assert "name" in event.PERSONAL
        assert event.subject == token.user


def test_a_further_one_touches_decisions_on_all_of_a_user_and_its_end_those_on_itself() -> None:
    token = issued()
    assert the_event(token).touches == (of_user(token.user),)
    token.rename("desk", NOW)
    assert the_event(token).touches == ()
    token.delete(NOW)
    assert the_event(token).touches == (guard(token.id),)


@pytest.mark.parametrize("name", ["a", "a/b c%é", "..", "delete", "x" * 256, "🔑"])
def test_a_name_is_nearly_any_line_of_text(name: str) -> None:
    assert issued(name=name).name == name


@pytest.mark.parametrize("name", ["", " ", "x" * 257, "a\nb", "\u202ea", "\ud800", "a\x00"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidTokenName):
        issued(name=name)
    with pytest.raises(InvalidTokenName):
        settled(issued()).rename(name, NOW)


def test_a_name_is_kept_in_one_form() -> None:
    assert issued(name=" cafe\u0301 ").name == "caf\u00e9"


@pytest.mark.parametrize("late", [NOW, NOW - INSTANT, NOW - HOUR])
def test_an_expiry_that_is_not_in_the_future_is_refused(late: Any) -> None:
    with pytest.raises(InvalidExpiry):
        issued(expires_at=late)


def test_the_next_instant_is_in_the_future() -> None:
    assert issued(expires_at=NOW + INSTANT).expires_at == NOW + INSTANT


def test_a_user_has_a_thousand_at_most() -> None:
    assert issued(others=LIMIT - 1)
    with pytest.raises(TooManyPersonalAccessTokens):
        issued(others=LIMIT)


def test_a_user_who_is_gone_has_none_whatever_else_is_wrong() -> None:
    user = a_user()
    user.delete(SYSTEM, NOW)
    with pytest.raises(UnknownUser):
        issued(user, name="", expires_at=NOW)


def test_who_is_locked_out_keeps_theirs_and_may_have_more() -> None:
    user = a_user()
    user.suspend(now=NOW)
    assert issued(user).user == user.id


def test_the_name_it_has_changes_nothing() -> None:
    token = settled(issued())
    token.rename(" laptop", NOW)
    assert happened(token) == []
    token.rename("Laptop", NOW)
    assert (happened(token), token.name) == (["personal_access_token.renamed"], "Laptop")


def test_what_was_deleted_is_unknown() -> None:
    token = issued()
    token.delete(NOW)
    assert token.deleted
    attempts = [lambda: token.delete(NOW), lambda: token.rename("desk", NOW)]
    for attempt in attempts:
        with pytest.raises(UnknownPersonalAccessToken) as refused:
            attempt()
        assert isinstance(refused.value, Refusal)
