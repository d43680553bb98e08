"""Users are created for an application, locked out and let in, given roles, and deleted by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.permissions import PERMISSIONS
from domain.user import User
from tests.domain.given import (
    ELSEWHERE,
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    a_role,
    a_user,
    backend,
    happened,
    person,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from domain.caller import Caller
    from domain.role import Role


def test_a_user_is_active_unless_said_otherwise() -> None:
    user = User.create(id=uuid4(), organization=ORGANIZATION, application=uuid4(), name=None, now=NOW)
    event = the_event(user)
    assert (event.status, event.name) == ("active", None)
    assert event.touches == (f"user:{user.id}", f"organization-contents:{ORGANIZATION}")


def test_a_user_may_start_suspended() -> None:
    assert a_user(status="suspended").status == "suspended"


@pytest.mark.parametrize("status", ["deleted", "invited", ""])
def test_a_user_starts_in_no_other_status(status: str) -> None:
    with pytest.raises(refusals.InvalidStatus):
        a_user(status=status)


def test_the_name_is_personal_and_sealed_under_the_users_key() -> None:
    user = User.create(id=uuid4(), organization=ORGANIZATION, application=uuid4(), name="Ada", now=NOW)
    user.rename("Ada L.", NOW)
    for event in user.collect_events():
        assert {"name"} == event.PERSONAL  # type: ignore[attr-defined]
        assert event.subject == user.id  # type: ignore[attr-defined]


def test_a_name_can_be_changed_and_removed() -> None:
    user = a_user()
    user.rename("Ada", NOW)
    assert happened(user) == []
    user.rename(None, NOW)
    assert user.name is None
    assert the_event(user).touches == ()


def test_a_wanted_status_becomes_the_command_that_leads_there() -> None:
    user = a_user()
    user.move("active", NOW)
    user.move("suspended", NOW, "lost laptop")
    user.move("suspended", NOW)
    user.move("active", NOW)
    assert happened(user) == ["user.suspended", "user.reinstated"]


def test_deletion_is_no_status_to_wish_for() -> None:
    with pytest.raises(refusals.InvalidStatus):
        a_user().move("deleted", NOW)


def test_a_role_is_assigned_once() -> None:
    user, role = a_user(), a_role("read_audit")
    user.assign_role(role, backend("read_audit"), NOW)
    user.assign_role(role, backend("read_audit"), NOW)
    event = the_event(user)
    assert (event.role, event.role_name) == (role.id, "auditor")
    assert user.roles == {role.id: "auditor"}
    assert event.touches == (f"user:{user.id}", f"role-holders:{role.id}")


@pytest.mark.parametrize("role", [a_role("root"), a_role(name="super_admin")], ids=["root", "super_admin"])
def test_only_root_assigns_a_privileged_role(role: Role) -> None:
    user = a_user()
    with pytest.raises(refusals.PrivilegedRole):
        user.assign_role(role, backend("all"), NOW)
    user.assign_role(role, ROOT_APPLICATION, NOW)
    assert happened(user) == ["user.role_assigned"]


def test_the_guard_on_privileged_roles_looks_at_the_request_not_at_the_change() -> None:
    user, role = a_user(), a_role("root")
    user.assign_role(role, SYSTEM, NOW)
    with pytest.raises(refusals.PrivilegedRole):
        user.assign_role(role, backend("all"), NOW)


@pytest.mark.parametrize(
    "by", [backend("write_user", "read_user"), person("write_user", "read_user")], ids=["application", "person"]
)
def test_nobody_assigns_a_role_that_holds_more_than_they_do(by: Caller) -> None:
    user, role = a_user(), a_role("read_user", "read_audit")
    with pytest.raises(refusals.MissingPermission):
        user.assign_role(role, by, NOW)
    user.assign_role(role, SYSTEM, NOW)
    with pytest.raises(refusals.MissingPermission):
        user.assign_role(role, by, NOW)  # this is about the request, too
    user.assign_role(a_role("read_user", "invoices:read", name="clerk"), by, NOW)
    assert happened(user) == ["user.role_assigned", "user.role_assigned"]


@pytest.mark.parametrize("held", ["root", "all"])
def test_the_wildcards_are_enough_to_assign_a_role(held: str) -> None:
    user = a_user()
    user.assign_role(a_role(*(name for name in PERMISSIONS if name != "root")), backend(held), NOW)
    assert happened(user) == ["user.role_assigned"]


def test_a_role_of_another_organization_is_unknown() -> None:
    with pytest.raises(refusals.UnknownRole):
        a_user().assign_role(a_role(organization=ELSEWHERE), SYSTEM, NOW)


def test_a_deleted_role_is_unknown() -> None:
    role = a_role()
    role.delete(SYSTEM, NOW, assigned=False)
    with pytest.raises(refusals.UnknownRole):
        a_user().assign_role(role, SYSTEM, NOW)


def test_a_role_is_unassigned_once() -> None:
    user, role = a_user(), a_role()
    user.assign_role(role, backend(), NOW)
    user.unassign_role(role.id, NOW)
    user.unassign_role(role.id, NOW)
    assert happened(user) == ["user.role_assigned", "user.role_unassigned"]
    assert user.roles == {}


def test_nobody_deletes_themselves() -> None:
    user = a_user()
    with pytest.raises(refusals.OwnDeletion):
        user.delete(person("root", user=user.id), NOW)


def test_a_suspended_user_is_not_active() -> None:
    with pytest.raises(refusals.UserNotActive):
        a_user(status="suspended").require_active()


def test_a_deleted_user_is_forgotten_and_unknown_to_every_command() -> None:
    user, role = a_user(), a_role()
    user.assign_role(role, backend(), NOW)
    settled(user)
    user.delete(person(), NOW)
    assert happened(user) == ["user.role_unassigned", "user.deleted"]
    assert (user.name, user.roles) == (None, {})
    for command in (
        lambda: user.rename("Eve", NOW),
        lambda: user.suspend(now=NOW),
        lambda: user.reinstate(NOW),
        lambda: user.assign_role(role, SYSTEM, NOW),
        lambda: user.unassign_role(role.id, NOW),
        lambda: user.delete(SYSTEM, NOW),
        user.require_active,
    ):
        with pytest.raises(refusals.UnknownUser):
            command()
    assert happened(user) == []
