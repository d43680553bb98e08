"""Users as people: invited, with an address that they confirm, factors, and a second account that is theirs too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.person import Factor, Profile
from domain.user import User
from tests.domain.given import (
    ELSEWHERE,
    HOUR,
    INSTANT,
    NOW,
    ORGANIZATION,
    a_user,
    backend,
    happened,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def invited(email: str = "ada@example.com") -> User:
    return User.invite(
        id=uuid4(), organization=ORGANIZATION, application=uuid4(), email=email, profile=Profile("Ada"), now=NOW
    )


def with_email(email: str = "ada@example.com") -> User:
    user = a_user()
    user.change_email(email, NOW)
    return settled(user)


def test_an_invited_user_is_not_active_and_their_address_not_theirs_yet() -> None:
    user = invited()
    assert happened(user) == ["user.created", "user.profile_changed", "user.email_changed"]
    assert (user.status, user.email, user.email_verified, user.profile.given_name) == (
        "invited", "ada@example.com", False, "Ada",
    )  # fmt: skip
    with pytest.raises(refusals.UserNotActive):
        user.require_active()
    user.require_enlisted()


def test_who_accepts_is_let_in_and_has_shown_that_they_read_their_mail() -> None:
    user = settled(invited())
    user.accept_invitation(NOW)
    assert happened(user) == ["user.activated", "user.email_verified"]
    user.require_active()
    assert user.email_verified
    for again in (user.accept_invitation, user.withdraw_invitation):
        with pytest.raises(refusals.UserAlreadyActive):
            again(NOW)


def test_an_invited_user_is_neither_let_in_nor_locked_out_by_others() -> None:
    user = settled(invited())
    for command in (lambda: user.reinstate(NOW), lambda: user.suspend(now=NOW), lambda: user.move("active", NOW)):
        with pytest.raises(refusals.InvitationPending):
            command()
    assert happened(user) == []


def test_a_withdrawn_invitation_leaves_a_user_who_is_locked_out() -> None:
    user = settled(invited())
    user.withdraw_invitation(NOW)
    assert (user.status, the_event(user).reason) == ("suspended", "The invitation was revoked")
    for command in (user.accept_invitation, user.withdraw_invitation):
        with pytest.raises(refusals.UserNotActive):
            command(NOW)
    with pytest.raises(refusals.UserNotActive):
        user.require_enlisted()
    user.reinstate(NOW)
    assert happened(user) == ["user.reinstated"]


def test_what_is_personal_is_sealed_under_the_users_key() -> None:
    user = invited()
    for event in user.collect_events():
        assert event.subject == user.id  # type: ignore[attr-defined]
    assert vars(Profile()).keys() == User.ProfileChanged.PERSONAL
    assert User.EmailChanged.PERSONAL == User.EmailVerificationRequested.PERSONAL == {"email"}


def test_a_profile_that_stays_as_it_is_is_no_event() -> None:
    user = a_user()
    user.change_profile(Profile("Ada", "Lovelace", "en"), NOW)
    user.change_profile(Profile(" Ada ", "Lovelace", "en"), NOW)
    event = the_event(user)
    assert (event.given_name, event.family_name, event.locale, event.touches) == ("Ada", "Lovelace", "en", ())
    user.change_profile(Profile(), NOW)
    assert user.profile == Profile()


def test_another_address_is_not_confirmed_and_kills_the_links_sent_to_the_one_before() -> None:
    user = with_email()
    user.request_email_verification("d", NOW + HOUR, None, NOW)
    user.change_email("grace@example.com", NOW)
    with pytest.raises(refusals.UnknownVerification):
        user.verify_email("d", NOW)
    user.change_email("grace@example.com", NOW)
    assert happened(user) == ["user.email_verification_requested", "user.email_changed"]
    user.change_email(None, NOW, verified=True)
    assert (user.email, user.email_verified) == (None, False)
    with pytest.raises(refusals.InvalidEmail):
        user.change_email("nobody", NOW)


def test_an_address_is_confirmed_by_the_last_link_before_it_expires() -> None:
    user = with_email()
    user.request_email_verification("first", NOW + HOUR, "zh", NOW)
    assert (the_event(user).email, user.verification) == ("ada@example.com", ("first", NOW + HOUR))
    user.request_email_verification("second", NOW + HOUR, None, NOW)
    for digest, now in (("first", NOW), ("second", NOW + HOUR)):
        with pytest.raises(refusals.UnknownVerification):
            user.verify_email(digest, now)
    settled(user)
    user.verify_email("second", NOW + HOUR - INSTANT)
    assert happened(user) == ["user.email_verified"]
    with pytest.raises(refusals.UnknownVerification):
        user.verify_email("second", NOW)
    with pytest.raises(refusals.EmailAlreadyVerified):
        user.request_email_verification("third", NOW + HOUR, None, NOW)


def test_without_an_address_there_is_nothing_to_confirm() -> None:
    with pytest.raises(refusals.EmailMissing):
        a_user().request_email_verification("d", NOW + HOUR, None, NOW)


def test_a_factor_is_required_once_and_waived_once() -> None:
    user = a_user()
    for _ in range(2):
        user.require_factor(Factor.OTP, NOW)
    user.require_factor(Factor.EMAIL, NOW)
    for _ in range(2):
        user.waive_factor(Factor.OTP, NOW)
    assert happened(user) == ["user.factor_required", "user.factor_required", "user.factor_waived"]
    assert user.factors == {Factor.EMAIL}


@pytest.mark.parametrize("user", [a_user(status="suspended"), settled(invited())], ids=["suspended", "invited"])
def test_factors_of_somebody_who_is_not_active_stay_as_they_are(user: User) -> None:
    for command in (user.require_factor, user.waive_factor):
        with pytest.raises(refusals.UserNotActive):
            command(Factor.SMS, NOW)


def test_a_link_stands_on_both_sides_and_ends_side_by_side() -> None:
    one, other = a_user(), a_user()
    one.link(other, NOW)
    assert (one.linked_user, other.linked_user) == (other.id, one.id)
    assert (happened(one), happened(other)) == (["user.linked"], ["user.linked"])
    for user in (one, other):
        user.unlink(NOW)
        user.unlink(NOW)
        assert happened(user) == ["user.unlinked"]
        assert user.linked_user is None


def test_nobody_is_linked_twice_with_themselves_or_with_somebody_elsewhere() -> None:
    one, other, third = a_user(), a_user(), a_user()
    one.link(other, NOW)
    for target, by, refusal in (
        (third, one, refusals.AlreadyLinked),
        (other, one, refusals.AlreadyLinked),
        (one, third, refusals.TargetAlreadyLinked),
        (third, third, refusals.InvalidLink),
        (a_user(ELSEWHERE), third, refusals.UnknownUser),
    ):
        with pytest.raises(refusal):
            by.link(target, NOW)
    assert happened(third) == []


def test_who_is_deleted_ends_their_side_of_a_link_and_is_forgotten() -> None:
    user, other = with_email(), a_user()
    user.change_profile(Profile("Ada"), NOW)
    user.link(other, NOW)
    settled(user)
    user.delete(backend(), NOW)
    assert happened(user) == ["user.unlinked", "user.deleted"]
    assert (user.email, user.profile, user.linked_user, user.factors) == (None, Profile(), None, frozenset())


COMMANDS: list[Callable[[User], object]] = [
    lambda user: user.change_profile(Profile("Eve"), NOW),
    lambda user: user.change_email("eve@example.com", NOW),
    lambda user: user.request_email_verification("d", NOW + HOUR, None, NOW),
    lambda user: user.require_factor(Factor.OTP, NOW),
    lambda user: user.waive_factor(Factor.OTP, NOW),
    lambda user: user.link(a_user(), NOW),
    lambda user: a_user().link(user, NOW),
    lambda user: user.unlink(NOW),
    lambda user: user.accept_invitation(NOW),
    lambda user: user.withdraw_invitation(NOW),
    lambda user: user.require_enlisted(),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_deleted_user_is_unknown(command: Callable[[User], object]) -> None:
    user = a_user()
    user.delete(backend(), NOW)
    settled(user)
    with pytest.raises(refusals.UnknownUser):
        command(user)
    assert happened(user) == []


def test_an_address_that_is_shown_to_be_theirs_is_noted_whether_it_changes_or_not() -> None:
    user = with_email()
    user.change_email("ada@example.com", NOW)
    assert happened(user) == []
    for _ in range(2):
        user.change_email("ada@example.com", NOW, verified=True)
    assert (happened(user), user.email_verified) == (["user.email_verified"], True)
    user.change_email("grace@example.com", NOW)
    assert not user.email_verified
    user.change_email(None, NOW, verified=True)
    assert not settled(user).email_verified
    user.change_phone("447400123456", NOW)
    for _ in range(2):
        user.change_phone("447400123456", NOW, verified=True)
    assert (happened(user), user.phone_verified) == (["user.phone_changed", "user.phone_changed"], True)
    user.change_phone(None, NOW, verified=True)
    assert not user.phone_verified
