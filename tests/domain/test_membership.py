"""Memberships join active users and accounts of one organization; no person leaves an account without owner."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.membership import Membership
from tests.domain.given import (
    ELSEWHERE,
    NOW,
    ORGANIZATION,
    STRANGER,
    a_user,
    an_account,
    backend,
    happened,
    person,
    settled,
    the_event,
)


def a_membership(role: str = "viewer") -> Membership:
    return settled(Membership.add(id=uuid4(), account=an_account(), user=a_user(), role=role, now=NOW))


def test_a_viewer_touches_the_members_but_not_the_owners() -> None:
    user = a_user()
    membership = Membership.add(id=uuid4(), account=an_account(), user=user, role="viewer", now=NOW)
    event = the_event(membership)
    assert (event.organization, event.account, event.user, event.role) == (
        ORGANIZATION,
        ORGANIZATION,
        user.id,
        "viewer",
    )
    assert set(event.touches) == {
        f"membership:{membership.id}",
        f"account-members:{ORGANIZATION}",
        f"user-memberships:{user.id}",
    }


def test_an_owner_touches_the_owners_too() -> None:
    membership = Membership.add(id=uuid4(), account=an_account(), user=a_user(), role="owner", now=NOW)
    assert f"account-owners:{ORGANIZATION}" in the_event(membership).touches


@pytest.mark.parametrize("role", ["admin", "Owner", ""])
def test_there_are_three_roles(role: str) -> None:
    with pytest.raises(refusals.InvalidRole):
        a_membership(role)
    with pytest.raises(refusals.InvalidRole):
        a_membership().change_role(role, owners=0, by=backend(), now=NOW)


def test_a_suspended_account_takes_no_members() -> None:
    account = an_account()
    account.suspend(SYSTEM, NOW)
    with pytest.raises(refusals.AccountNotActive):
        Membership.add(id=uuid4(), account=account, user=a_user(), role="viewer", now=NOW)


def test_a_suspended_user_joins_no_account() -> None:
    with pytest.raises(refusals.UserNotActive):
        Membership.add(id=uuid4(), account=an_account(), user=a_user(status="suspended"), role="viewer", now=NOW)


def test_a_user_of_another_organization_is_unknown() -> None:
    with pytest.raises(refusals.UnknownUser):
        Membership.add(id=uuid4(), account=an_account(), user=a_user(ELSEWHERE), role="viewer", now=NOW)


def test_a_role_change_names_both_roles() -> None:
    membership = a_membership("viewer")
    membership.change_role("member", owners=0, by=person(), now=NOW)
    event = the_event(membership)
    assert (event.account, event.user, event.role, event.was) == (
        membership.account,
        membership.user,
        "member",
        "viewer",
    )
    assert event.touches == (f"membership:{membership.id}",)


@pytest.mark.parametrize(("was", "role"), [("owner", "viewer"), ("viewer", "owner")])
def test_owners_are_touched_when_one_comes_or_goes(was: str, role: str) -> None:
    membership = a_membership(was)
    membership.change_role(role, owners=2, by=person(), now=NOW)
    assert f"account-owners:{membership.account}" in the_event(membership).touches


def test_the_same_role_changes_nothing_even_for_the_last_owner() -> None:
    membership = a_membership("owner")
    membership.change_role("owner", owners=1, by=person(), now=NOW)
    assert happened(membership) == []


def test_a_person_neither_demotes_nor_removes_the_last_owner() -> None:
    membership = a_membership("owner")
    with pytest.raises(refusals.LastOwner):
        membership.change_role("viewer", owners=1, by=person("all"), now=NOW)
    with pytest.raises(refusals.LastOwner):
        membership.remove(owners=1, by=person("all"), now=NOW)


def test_one_of_two_owners_may_go() -> None:
    membership = a_membership("owner")
    membership.remove(owners=2, by=person(), now=NOW)
    assert the_event(membership).touches == (f"membership:{membership.id}", f"account-owners:{membership.account}")


def test_a_back_end_may_leave_an_account_without_owner() -> None:
    membership = a_membership("owner")
    membership.change_role("viewer", owners=1, by=backend(), now=NOW)
    assert membership.role == "viewer"


def test_a_deleted_account_needs_no_owner() -> None:
    membership = a_membership("owner")
    membership.end_with_account(person("all"), NOW)
    event = the_event(membership)
    assert (event.TOPIC, event.role, membership.removed) == ("membership.removed", "owner", True)


def test_another_organizations_membership_is_unknown() -> None:
    with pytest.raises(refusals.UnknownMembership):
        a_membership().remove(owners=0, by=STRANGER, now=NOW)
    with pytest.raises(refusals.UnknownMembership):
        a_membership().end_with_account(STRANGER, NOW)


def test_a_removed_membership_is_unknown() -> None:
    membership = a_membership()
    membership.remove(owners=0, by=person(), now=NOW)
    with pytest.raises(refusals.UnknownMembership):
        membership.remove(owners=0, by=person(), now=NOW)
    with pytest.raises(refusals.UnknownMembership):
        membership.change_role("member", owners=0, by=person(), now=NOW)
    assert happened(membership) == ["membership.removed"]


def test_a_membership_is_activated_and_deactivated_once() -> None:
    membership = a_membership()
    membership.activate(NOW)
    membership.activate(NOW)
    assert membership.active
    members, memberships = f"account-members:{membership.account}", f"user-memberships:{membership.user}"
    assert the_event(membership).touches == (members, memberships)
    membership.deactivate(NOW)
    membership.deactivate(NOW)
    assert the_event(membership).touches == (memberships,)
    assert not membership.active


def test_a_removed_membership_is_active_no_longer() -> None:
    membership = a_membership()
    membership.activate(NOW)
    membership.remove(0, backend(), NOW)
    assert not membership.active
    for act in (membership.activate, membership.deactivate):
        with pytest.raises(refusals.UnknownMembership):
            act(NOW)
