"""A grant takes effect when somebody else approves it, and stops at its expiry or revocation."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import refusals
from domain.grant import Grant
from tests.domain.given import (
    HOUR,
    INSTANT,
    NOW,
    ORGANIZATION,
    STRANGER,
    a_grant,
    an_application,
    backend,
    happened,
    person,
    settled,
    the_event,
)


def an_approved_grant() -> Grant:
    grant = a_grant()
    grant.approve(backend(), NOW)
    return settled(grant)


def test_a_request_names_who_asks_and_touches_only_the_grant() -> None:
    application, requester = an_application(), person()
    grant = Grant.request(
        id=uuid4(),
        application=application,
        audience="https://api.example.com",
        scope=["write", "read", "read"],
        expires_at=NOW + HOUR,
        by=requester,
        now=NOW,
    )
    event = the_event(grant)
    assert (event.organization, event.application) == (ORGANIZATION, application.id)
    assert (event.scope, event.requested_by, event.expires_at) == (["read", "write"], requester.actor, NOW + HOUR)
    assert event.touches == (f"grant:{grant.id}",)


def test_a_request_may_do_without_scopes() -> None:
    assert a_grant().scope == []


def test_a_request_expires_after_now() -> None:
    with pytest.raises(refusals.InvalidExpiry):
        a_grant(expires_at=NOW)
    assert a_grant(expires_at=NOW + INSTANT).expires_at == NOW + INSTANT


def test_only_root_requests_and_approves_root() -> None:
    with pytest.raises(refusals.RootRequired):
        a_grant("root", by=backend("all"))
    grant = a_grant("root", by=backend("root"))
    with pytest.raises(refusals.RootRequired):
        grant.approve(backend("all"), NOW)
    grant.approve(backend("root"), NOW)
    assert happened(grant) == ["grant.approved"]


def test_an_application_elsewhere_or_deleted_is_unknown() -> None:
    application = an_application()
    with pytest.raises(refusals.UnknownApplication):
        a_grant(application=application, by=STRANGER)
    application.delete(backend(), NOW)
    with pytest.raises(refusals.UnknownApplication):
        a_grant(application=application)


def test_who_only_signs_people_in_is_granted_nothing() -> None:
    application = an_application(kind="web")
    application.submit(domain="shop.test", description=None, scope_kinds=["sso"], by=backend("write_app"), now=NOW)
    with pytest.raises(refusals.SignInOnly):
        a_grant(application=application)


def test_an_approval_touches_the_application() -> None:
    grant, approver = a_grant(), person()
    grant.approve(approver, NOW)
    event = the_event(grant)
    assert event.approver == approver.actor
    assert event.touches == (f"application:{grant.application}", f"grant:{grant.id}")


def test_nobody_approves_their_own_request_not_even_root() -> None:
    requester = person("root")
    with pytest.raises(refusals.SelfApproval):
        a_grant(by=requester).approve(requester, NOW)


def test_an_application_does_not_approve_its_own_grant() -> None:
    application = an_application()
    with pytest.raises(refusals.SelfApproval):
        a_grant(application=application).approve(backend("root", application=application.id), NOW)


def test_a_request_can_be_approved_until_it_expires() -> None:
    a_grant(expires_at=NOW + HOUR).approve(backend(), NOW + HOUR - INSTANT)
    with pytest.raises(refusals.GrantExpired):
        a_grant(expires_at=NOW + HOUR).approve(backend(), NOW + HOUR)


def test_the_approver_may_set_another_expiry() -> None:
    grant = a_grant(expires_at=NOW + HOUR)
    with pytest.raises(refusals.InvalidExpiry):
        grant.approve(backend(), NOW, expires_at=NOW)
    grant.approve(backend(), NOW, expires_at=NOW + INSTANT)
    assert the_event(grant).expires_at == NOW + INSTANT
    assert not grant.effective(NOW + INSTANT)


def test_without_another_expiry_the_requested_one_stays() -> None:
    grant = a_grant(expires_at=NOW + HOUR)
    grant.approve(backend(), NOW)
    assert the_event(grant).expires_at == NOW + HOUR


def test_a_grant_is_approved_once() -> None:
    with pytest.raises(refusals.GrantNotPending):
        an_approved_grant().approve(backend(), NOW)


def test_a_rejection_happens_once_and_is_final() -> None:
    grant, caller = a_grant(), person()
    grant.reject(caller, " too much ", NOW)
    grant.reject(caller, None, NOW)
    event = the_event(grant)
    assert (event.by, event.reason, event.application) == (caller.actor, "too much", grant.application)
    with pytest.raises(refusals.GrantNotPending):
        grant.approve(backend(), NOW)
    with pytest.raises(refusals.GrantNotEffective):
        grant.revoke(backend(), None, NOW)


def test_an_approved_grant_is_not_rejected() -> None:
    with pytest.raises(refusals.GrantNotPending):
        an_approved_grant().reject(backend(), None, NOW)


def test_a_revocation_happens_once_and_touches_the_application() -> None:
    grant = an_approved_grant()
    grant.revoke(backend(), None, NOW)
    grant.revoke(backend(), None, NOW)
    assert the_event(grant).touches == (f"application:{grant.application}", f"grant:{grant.id}")
    assert not grant.effective(NOW)


def test_a_pending_grant_is_not_revoked() -> None:
    with pytest.raises(refusals.GrantNotEffective):
        a_grant().revoke(backend(), None, NOW)


def test_another_organizations_grant_is_unknown() -> None:
    grant = a_grant()
    for command in (
        lambda: grant.approve(STRANGER, NOW),
        lambda: grant.reject(STRANGER, None, NOW),
        lambda: grant.revoke(STRANGER, None, NOW),
    ):
        with pytest.raises(refusals.UnknownGrant):
            command()


def test_a_pending_grant_has_no_effect() -> None:
    assert not a_grant().effective(NOW)


def test_a_grant_without_expiry_stays_effective() -> None:
    assert an_approved_grant().effective(NOW + timedelta(days=36_500))


@given(lifetime=st.timedeltas(min_value=INSTANT, max_value=HOUR), after=st.timedeltas(timedelta(0), 2 * HOUR))
def test_an_approved_grant_is_effective_exactly_before_its_expiry(lifetime: timedelta, after: timedelta) -> None:
    grant = a_grant(expires_at=NOW + lifetime)
    grant.approve(backend(), NOW)
    assert grant.effective(NOW + after) == (after < lifetime)
    assert not grant.effective(NOW + lifetime)
    assert grant.effective(NOW + lifetime - INSTANT)
