"""A token family is issued once, renewed with its current refresh token only, and ends for good."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import refusals
from domain.application_settings import TokenFormat
from domain.token_family import NO_GRACE, TokenFamily
from tests.domain.given import HOUR, INSTANT, NOW, ORGANIZATION, happened, settled, the_event

if TYPE_CHECKING:
    from datetime import datetime

FAMILY, APPLICATION, NEXT = uuid4(), uuid4(), uuid4()


def issue(refresh: str | None = "first", refresh_expires_at: datetime | None = None) -> TokenFamily:
    return TokenFamily.issue(
        id=FAMILY,
        organization=ORGANIZATION,
        application=APPLICATION,
        scope="read write",
        audience="https://api.example.com",
        format=TokenFormat.JWT,
        digest="0" * 64,
        expires_at=NOW + HOUR,
        grant_type="authorization_code",
        end_user="end-user-7",
        refresh_digest=refresh,
        refresh_expires_at=refresh_expires_at,
        now=NOW,
    )


def a_family(refresh: str | None = "first", refresh_expires_at: datetime | None = None) -> TokenFamily:
    return settled(issue(refresh, refresh_expires_at))


def refresh(
    family: TokenFamily,
    presented: str = "first",
    new: str | None = "second",
    *,
    token: UUID = NEXT,
    now: datetime = NOW,
    grace: timedelta = NO_GRACE,
) -> bool:
    return family.refresh(
        presented,
        token=token,
        scope="read",
        audience="https://api.example.com",
        format=TokenFormat.OPAQUE,
        digest="1" * 64,
        expires_at=now + HOUR,
        refresh_digest=new,
        refresh_expires_at=None,
        now=now,
        grace=grace,
    )


def test_the_first_token_is_named_like_the_family() -> None:
    event = the_event(issue())
    assert event.token == event.originator_id == FAMILY
    assert (event.user, event.account, event.membership, event.end_user) == (None, None, None, "end-user-7")
    assert event.touches == ()


def test_an_issued_event_is_the_one_that_its_class_makes_of_its_fields() -> None:
    event = the_event(issue())
    assert [*vars(event)] == [field.name for field in dataclasses.fields(event)]
    assert type(event)(**vars(event)) == event


def test_a_token_lives_for_a_while() -> None:
    with pytest.raises(refusals.InvalidLifetime):
        TokenFamily.issue(
            id=FAMILY,
            organization=ORGANIZATION,
            application=APPLICATION,
            scope="",
            audience="a",
            format=TokenFormat.JWT,
            digest="0" * 64,
            expires_at=NOW,
            grant_type="client_credentials",
            now=NOW,
        )


def test_a_renewal_repeats_whom_the_token_is_for() -> None:
    family = a_family()
    assert refresh(family)
    event = the_event(family)
    assert (event.organization, event.application, event.end_user) == (ORGANIZATION, APPLICATION, "end-user-7")
    assert (event.token, event.scope, event.format, event.refresh_digest) == (NEXT, "read", "opaque", "second")


def test_each_refresh_token_works_once() -> None:
    family = a_family()
    assert refresh(family, "first", "second")
    assert refresh(family, "second", "third")
    assert happened(family) == ["token.refreshed", "token.refreshed"]


def test_a_refresh_token_that_comes_back_ends_the_family() -> None:
    family = a_family()
    refresh(family, "first", "second")
    settled(family)
    assert not refresh(family, "first", "third")
    event = the_event(family)
    assert event.digest == "first"
    assert event.touches == (f"revocation:token:{FAMILY}",)
    with pytest.raises(refusals.TokenEnded):
        refresh(family, "second", "third")


def test_without_a_new_refresh_token_the_same_goes_on() -> None:
    family = a_family(refresh_expires_at=NOW + HOUR)
    assert refresh(family, "first", None)
    assert (family.refresh_digest, family.refresh_expires_at) == ("first", NOW + HOUR)
    assert refresh(family, "first", "second")


def test_a_family_without_refresh_token_is_not_renewed() -> None:
    with pytest.raises(refusals.TokenEnded):
        refresh(a_family(None))


def test_a_refresh_token_works_until_its_expiry() -> None:
    assert refresh(a_family(refresh_expires_at=NOW + HOUR), now=NOW + HOUR - INSTANT)
    with pytest.raises(refusals.TokenEnded):
        refresh(a_family(refresh_expires_at=NOW + HOUR), now=NOW + HOUR)


def test_a_renewed_token_lives_for_a_while() -> None:
    with pytest.raises(refusals.InvalidLifetime):
        a_family().refresh(
            "first",
            token=NEXT,
            scope="",
            audience="a",
            format=TokenFormat.JWT,
            digest="1" * 64,
            expires_at=NOW,
            refresh_digest=None,
            refresh_expires_at=None,
            now=NOW,
        )


def test_a_token_is_revoked_once_and_the_family_lives_on() -> None:
    family = a_family()
    family.revoke(FAMILY, "logout", NOW)
    family.revoke(FAMILY, None, NOW)
    event = the_event(family)
    assert (event.token, event.reason) == (FAMILY, "logout")
    assert event.touches == (f"revocation:token:{FAMILY}",)
    assert refresh(family)


def test_a_later_token_can_be_revoked_too() -> None:
    family = a_family()
    with pytest.raises(refusals.UnknownToken):
        family.revoke(NEXT, None, NOW)
    refresh(family)
    family.revoke(NEXT, None, NOW)
    assert happened(family) == ["token.refreshed", "token.revoked"]


def test_a_revoked_family_ends_once() -> None:
    family = a_family()
    family.revoke(None, None, NOW)
    family.revoke(None, None, NOW)
    family.revoke(FAMILY, None, NOW)
    assert happened(family) == ["token.revoked"]
    with pytest.raises(refusals.TokenEnded):
        refresh(family)


def test_what_ended_for_good_is_not_approved_even_where_it_had_ended_before() -> None:
    family = a_family()
    family.revoke(None, None, NOW)
    family.revoke(None, "its code came back", NOW, final=True)
    family.revoke(None, "its code came back", NOW, final=True)
    assert happened(family) == ["token.revoked", "token.revoked"]
    with pytest.raises(refusals.TokenEnded):
        family.approve(FAMILY, cascade=True, expires_at=None, now=NOW)


@given(st.lists(st.sampled_from(["current", "old", "token", "family"]), max_size=12))
def test_nothing_happens_to_a_family_after_its_end(story: list[str]) -> None:
    family, generation = a_family("0"), 0
    for step in story:
        if step == "token":
            family.revoke(FAMILY, None, NOW)
        elif step == "family":
            family.revoke(None, None, NOW)
        else:
            presented = str(generation) if step == "current" else "stolen"
            try:
                generation += refresh(family, presented, str(generation + 1), token=uuid4())
            except refusals.TokenEnded:
                assert family.ended
    topics = happened(family)
    endings = [step for step in story if step in ("old", "family")]
    end = {"old": "token.reuse_detected", "family": "token.revoked"}
    assert family.ended == bool(endings)
    if endings:
        assert topics[-1] == end[endings[0]]


def test_a_family_remembers_who_acts_in_the_users_name() -> None:
    family = a_family()
    assert family.actor is None
    somebody = uuid4()
    family.mark_impersonated(somebody, NOW)
    assert happened(family) == ["token.impersonated"]
    assert family.actor == somebody


GRACE = timedelta(seconds=30)


def test_within_the_grace_the_former_refresh_token_gets_an_access_token_and_nothing_else_changes() -> None:
    family = a_family()
    refresh(family, "first", "second")
    settled(family)
    third = uuid4()
    assert refresh(family, "first", "third", token=third, now=NOW + GRACE - INSTANT, grace=GRACE)
    event = the_event(family)
    assert (event.TOPIC, event.token, event.refresh_digest) == ("token.refreshed", third, None)
    assert (family.refresh_digest, family.former_digest, family.replaced_at) == ("second", "first", NOW)
    assert refresh(family, "second", "fourth")


def test_from_the_end_of_the_grace_on_the_former_refresh_token_ends_the_family() -> None:
    # Without a grace, not even who looked at the clock before the replacement is let pass.
    for moment, grace in ((NOW + GRACE, GRACE), (NOW, NO_GRACE), (NOW - INSTANT, NO_GRACE)):
        family = a_family()
        refresh(family, "first", "second")
        assert not refresh(family, "first", "third", now=moment, grace=grace)
        assert family.ended


def test_the_grace_is_for_the_former_refresh_token_alone() -> None:
    family = a_family()
    refresh(family, "first", "second")
    refresh(family, "second", "third")
    assert not refresh(family, "first", "fourth", grace=GRACE)
    assert family.ended


def test_the_grace_does_not_outlive_the_family_or_its_refresh_token() -> None:
    family = a_family()
    refresh(family, "first", "second")
    family.revoke(None, None, NOW)
    with pytest.raises(refusals.TokenEnded):
        refresh(family, "first", "third", grace=GRACE)
    family = a_family()
    family.refresh(
        "first", token=NEXT, scope="", audience="a", format=TokenFormat.JWT, digest="1" * 64, expires_at=NOW + HOUR,
        refresh_digest="second", refresh_expires_at=NOW + INSTANT, now=NOW,
    )  # fmt: skip
    with pytest.raises(refusals.TokenEnded):
        refresh(family, "first", "third", now=NOW + INSTANT, grace=GRACE)


def test_reuse_is_found_out_before_anything_is_made() -> None:
    family = a_family()
    assert not family.detect_reuse("first", NOW)
    assert happened(family) == []
    assert family.detect_reuse("stolen", NOW)
    assert happened(family) == ["token.reuse_detected"]
    with pytest.raises(refusals.TokenEnded):
        family.detect_reuse("first", NOW)
    with pytest.raises(refusals.TokenEnded):
        a_family(None).detect_reuse("first", NOW)


def test_a_renewal_repeats_the_session_and_who_acts() -> None:
    session, actor = uuid4(), uuid4()
    family = settled(
        TokenFamily.issue(
            id=FAMILY, organization=ORGANIZATION, application=APPLICATION, scope="read", audience="a",
            format=TokenFormat.JWT, digest="0" * 64, expires_at=NOW + HOUR, grant_type="authorization_code",
            refresh_digest="first", session=session, authenticated_at=NOW, actor=actor, now=NOW,
        )
    )  # fmt: skip
    refresh(family)
    event = the_event(family)
    assert (event.session, event.authenticated_at, event.actor) == (session, NOW, actor)


def test_a_recalled_family_is_renewed_as_it_would_be_itself() -> None:
    user, actor = uuid4(), uuid4()
    family = TokenFamily.recalled(
        id=FAMILY, version=4, organization=ORGANIZATION, application=APPLICATION, tokens=(FAMILY,), revoked=(),
        ended=False, at=NOW, user=user, refresh_digest="second", refresh_expires_at=NOW + HOUR, former_digest="first",
        replaced_at=NOW, actor=actor,
    )  # fmt: skip
    assert refresh(family, "first", None, grace=GRACE)
    assert refresh(family, "second", "third")
    repeated, renewed = family.collect_events()
    assert [repeated.originator_version, renewed.originator_version] == [5, 6]
    assert (renewed.user, renewed.actor, family.former_digest) == (user, actor, "second")  # type: ignore[attr-defined]
