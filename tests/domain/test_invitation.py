"""An invitation is accepted once, by its latest link, within seven days, unless it is called back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.invitation import Invitation
from tests.domain.given import INSTANT, NOW, ORGANIZATION, happened, settled, the_event

if TYPE_CHECKING:
    from collections.abc import Callable

WEEK = timedelta(days=7)


def an_invitation(digest: str = "first") -> Invitation:
    return Invitation.issue(
        id=uuid4(),
        organization=ORGANIZATION,
        user=uuid4(),
        email="ada@example.com",
        digest=digest,
        locale="en",
        signin_url="https://app.example.com/",
        now=NOW,
    )


def test_an_invitation_lasts_seven_days_and_its_address_is_sealed_under_the_users_key() -> None:
    invitation = an_invitation()
    event = the_event(invitation)
    assert event.expires_at == NOW + WEEK
    assert (event.PERSONAL, event.subject) == ({"email"}, invitation.user)


def test_a_link_is_used_up_to_the_instant_before_it_expires() -> None:
    invitation = settled(an_invitation())
    with pytest.raises(refusals.UnknownInvitation):
        invitation.accept("first", NOW + WEEK)
    invitation.accept("first", NOW + WEEK - INSTANT)
    assert happened(invitation) == ["invitation.accepted"]


def test_a_link_is_used_once() -> None:
    invitation = an_invitation()
    invitation.accept("first", NOW)
    with pytest.raises(refusals.UnknownInvitation):
        invitation.accept("first", NOW)


def test_a_new_link_kills_the_one_before_and_lasts_seven_days_from_then() -> None:
    invitation = settled(an_invitation())
    later = NOW + timedelta(days=30)  # a reminder revives what has expired
    invitation.resend(email="ada@example.com", digest="second", locale=None, signin_url=None, now=later)
    event = the_event(invitation)
    assert (event.locale, event.signin_url) == ("en", "https://app.example.com/")
    assert (event.subject, event.expires_at) == (invitation.user, later + WEEK)
    with pytest.raises(refusals.UnknownInvitation):
        invitation.accept("first", later)
    invitation.accept("second", later)


def test_a_reminder_may_change_language_and_where_to_go_on() -> None:
    invitation = settled(an_invitation())
    invitation.resend(email="a@b", digest="2", locale="zh", signin_url="https://other.example.com", now=NOW)
    assert (invitation.locale, invitation.signin_url) == ("zh", "https://other.example.com")


def test_a_revoked_invitation_cannot_be_accepted() -> None:
    invitation = settled(an_invitation())
    invitation.revoke(NOW)
    assert happened(invitation) == ["invitation.revoked"]
    with pytest.raises(refusals.UnknownInvitation):
        invitation.accept("first", NOW)


@pytest.mark.parametrize(
    "end", [lambda i: i.revoke(NOW), lambda i: i.accept("first", NOW)], ids=["revoked", "accepted"]
)
def test_what_is_over_is_neither_sent_again_nor_called_back(end: Callable[[Invitation], None]) -> None:
    invitation = an_invitation()
    end(invitation)
    settled(invitation)
    with pytest.raises(refusals.InvitationClosed):
        invitation.resend(email="a@b", digest="2", locale=None, signin_url=None, now=NOW)
    with pytest.raises(refusals.InvitationClosed):
        invitation.revoke(NOW)
    assert happened(invitation) == []


def test_a_language_is_checked_before_anybody_is_invited() -> None:
    with pytest.raises(refusals.InvalidLocale):
        Invitation.issue(
            id=uuid4(), organization=ORGANIZATION, user=uuid4(), email="a@b", digest="x", locale="??",
            signin_url=None, now=NOW,
        )  # fmt: skip
