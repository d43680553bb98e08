"""A session is one person's at one browser, from a sign-in until it ends or time runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.session import Session
from tests.domain.given import (
    ELSEWHERE,
    HOUR,
    INSTANT,
    NOW,
    ORGANIZATION,
    a_user,
    an_account,
    backend,
    happened,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from domain.user import User


def started(user: User | None = None, **told: Any) -> Session:
    fields = {"digest": "a" * 64, "methods": ("pwd",), "expires_at": NOW + HOUR, "organization": an_account()} | told
    return Session.start(id=uuid4(), user=user or a_user(), now=NOW, **fields)


def again(session: Session, user: User, **told: Any) -> None:
    fields = {"digest": "b" * 64, "methods": ("pwd", "otp"), "expires_at": NOW + 2 * HOUR, "now": NOW + INSTANT} | told
    session.authenticate(**{"user": user, "organization": an_account(), **fields})


def test_a_session_starts_with_a_sign_in() -> None:
    user = a_user()
    session = started(user)
    event = the_event(session)
    assert (event.user, event.organization, event.digest) == (user.id, ORGANIZATION, "a" * 64)
    assert (event.methods, event.expires_at) == (["pwd"], NOW + HOUR)
    assert event.touches == (f"user-sessions:{user.id}",)
    assert session.authenticated_at == NOW


@pytest.mark.parametrize("status", ["suspended", "deleted"])
def test_who_is_locked_out_does_not_sign_in(status: str) -> None:
    user = a_user(status="suspended")
    if status == "deleted":
        user.delete(backend(), NOW)
    refusal = refusals.UnknownUser if status == "deleted" else refusals.UserNotActive
    with pytest.raises(refusal):
        started(user)
    session, other = settled(started(person := a_user())), a_user()
    if status == "deleted":
        person.delete(backend(), NOW)
    else:
        person.suspend(now=NOW)
    with pytest.raises(refusal):
        again(session, person)
    with pytest.raises(refusals.UnknownSession):
        again(session, other)
    assert happened(session) == []


def test_nobody_signs_in_to_an_organization_that_is_suspended_or_not_theirs() -> None:
    suspended = an_account()
    suspended.suspend(SYSTEM, NOW)
    with pytest.raises(refusals.AccountNotActive):
        started(organization=suspended)
    with pytest.raises(refusals.UnknownAccount):
        started(a_user(organization=ELSEWHERE))


def test_a_session_that_would_be_over_at_once_does_not_start() -> None:
    with pytest.raises(refusals.InvalidLifetime):
        started(expires_at=NOW)
    assert started(expires_at=NOW + INSTANT).expires_at == NOW + INSTANT


def test_signing_in_again_makes_another_secret_and_begins_the_time_anew() -> None:
    user = a_user()
    session = settled(started(user))
    again(session, user)
    event = the_event(session)
    assert (event.TOPIC, event.touches) == ("session.authenticated", ())
    assert (session.digest, session.methods, session.expires_at) == ("b" * 64, ["pwd", "otp"], NOW + 2 * HOUR)
    assert (session.authenticated_at, session.created_on) == (NOW + INSTANT, NOW)


def test_a_session_that_is_over_does_not_go_on() -> None:
    user = a_user()
    expired, ended = settled(started(user)), started(user)
    again(expired, user, now=NOW + HOUR - INSTANT)
    ended.end(None, NOW)
    for session, now in ((settled(expired), NOW + 2 * HOUR), (settled(ended), NOW)):
        with pytest.raises(refusals.UnknownSession):
            again(session, user, now=now, expires_at=now + HOUR)
        assert happened(session) == []


def test_a_session_ends_once_and_tells_why() -> None:
    session = settled(started())
    session.end(" signed out ", NOW)
    session.end("again", NOW)
    event = the_event(session)
    assert (event.TOPIC, event.reason, event.user) == ("session.ended", "signed out", session.user)
    assert event.touches == (f"session:{session.id}",)


def test_a_reason_is_a_line_of_text() -> None:
    session = settled(started())
    with pytest.raises(refusals.InvalidReason):
        session.end("a\nb", NOW)
    assert not session.ended
