"""Groups belong to an org, and users are in groups of the org that they are active in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.group import Group
from domain.group_membership import GroupMembership
from domain.membership import Membership
from tests.domain.given import (
    NOW,
    ORGANIZATION,
    STRANGER,
    a_user,
    an_account,
    an_org,
    backend,
    happened,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from domain.account import Account


def a_group(org: Account | None = None) -> Group:
    return settled(Group.create(id=uuid4(), org=org or an_org(), name="Editors", now=NOW))


def a_membership(org: Account, *, active: bool = True) -> Membership:
    membership = Membership.add(id=uuid4(), account=org, user=a_user(), role="member", now=NOW)
    if active:
        membership.activate(NOW)
    return settled(membership)


def test_a_group_is_of_an_org() -> None:
    org = an_org()
    group = Group.create(id=uuid4(), org=org, name=" Editors ", now=NOW)
    event = the_event(group)
    assert (event.organization, event.account, event.name) == (ORGANIZATION, org.id, "Editors")
    assert event.touches == (f"group:{group.id}", f"account-groups:{org.id}")


def test_an_account_that_is_no_org_has_no_groups() -> None:
    for account in (an_account(), an_account(an_account())):
        with pytest.raises(refusals.UnknownAccount):
            a_group(account)


@pytest.mark.parametrize("name", ["", " ", "a" * 51, "a\nb"])
def test_a_groups_name_has_1_to_50_characters(name: str) -> None:
    with pytest.raises(refusals.InvalidName):
        Group.create(id=uuid4(), org=an_org(), name=name, now=NOW)
    with pytest.raises(refusals.InvalidName):
        a_group().rename(name, backend(), NOW)


def test_a_new_name_is_told_once() -> None:
    group = a_group()
    group.rename("Writers", backend(), NOW)
    group.rename(" Writers ", backend(), NOW)
    assert (group.name, happened(group)) == ("Writers", ["group.renamed"])


def test_a_deleted_group_and_another_organizations_are_unknown() -> None:
    group = a_group()
    for act in (group.rename, lambda _, by, now: group.delete(by, now)):
        with pytest.raises(refusals.UnknownGroup):
            act("x", STRANGER, NOW)
    group.delete(backend(), NOW)
    for act in (group.rename, lambda _, by, now: group.delete(by, now)):
        with pytest.raises(refusals.UnknownGroup):
            act("x", backend(), NOW)
    assert happened(group) == ["group.deleted"]


def test_a_user_is_put_into_a_group_of_their_active_org() -> None:
    org = an_org()
    group, membership = a_group(org), a_membership(org)
    place = GroupMembership.add(id=uuid4(), group=group, membership=membership, now=NOW)
    event = the_event(place)
    assert (event.organization, event.account, event.group, event.user) == (
        ORGANIZATION,
        org.id,
        group.id,
        membership.user,
    )
    assert event.touches == (f"group-members:{group.id}", f"user-groups:{membership.user}")


def test_groups_of_other_orgs_are_unknown_to_a_user() -> None:
    org, other = an_org(), an_org()
    gone = a_membership(org)
    gone.remove(0, backend(), NOW)
    deleted = a_group(org)
    deleted.delete(backend(), NOW)
    for group, membership in (
        (a_group(org), a_membership(other)),
        (a_group(org), a_membership(org, active=False)),
        (a_group(org), gone),
        (deleted, a_membership(org)),
    ):
        with pytest.raises(refusals.UnknownGroup):
            GroupMembership.add(id=uuid4(), group=group, membership=membership, now=NOW)


def test_a_user_leaves_a_group_once() -> None:
    org = an_org()
    place = settled(GroupMembership.add(id=uuid4(), group=a_group(org), membership=a_membership(org), now=NOW))
    place.remove(NOW)
    place.remove(NOW)
    assert happened(place) == ["group_membership.removed"]
