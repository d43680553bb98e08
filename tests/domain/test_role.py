"""Roles are named sets of permissions; what would lead to root is for root, built-in names are for nobody."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.permissions import BUILT_IN_ROLES, PERMISSIONS
from domain.role import Role
from tests.domain.given import (
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    STRANGER,
    a_role,
    backend,
    happened,
    person,
    the_event,
)


def define(name: str = "auditor", *permissions: str, by: Caller | None = None) -> Role:
    return Role.define(
        id=uuid4(),
        organization=ORGANIZATION,
        name=name,
        description=" Reads ",
        permissions=permissions,
        by=by or backend("all"),
        now=NOW,
    )


def test_permissions_are_kept_sorted_and_once() -> None:
    event = the_event(define("auditor", "read_user", "read_audit", "read_user"))
    assert event.permissions == ["read_audit", "read_user"]
    assert (event.description, event.privileged) == ("Reads", False)
    assert event.touches == (f"role:{event.originator_id}", f"organization-contents:{ORGANIZATION}")


@pytest.mark.parametrize("name", ["a", "A1_.:-z", "a" * 50])
def test_a_name_is_a_short_word(name: str) -> None:
    assert define(name).name == name


@pytest.mark.parametrize("name", ["", "-a", " a", "a b", "ä", "a\n", "a" * 51])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(refusals.InvalidName):
        define(name)


def test_only_root_puts_root_into_a_role() -> None:
    with pytest.raises(refusals.RootRequired):
        define("boss", "root", by=backend("all"))
    assert define("boss", "root", by=ROOT_APPLICATION).privileged


def test_only_holders_of_the_wildcard_put_it_into_a_role() -> None:
    with pytest.raises(refusals.MissingPermission):
        define("most", "all", by=backend("write_role"))
    assert not define("most", "all", by=backend("all")).privileged


@pytest.mark.parametrize("caller", [backend("write_role"), person("write_role")], ids=["application", "person"])
@pytest.mark.parametrize("permission", [name for name in PERMISSIONS if name not in {"root", "write_role"}])
def test_nobody_puts_a_permission_into_a_role_that_they_do_not_hold(caller: Caller, permission: str) -> None:
    with pytest.raises(refusals.MissingPermission):
        define("much", "write_role", permission, by=caller)
    role = a_role("write_role")
    with pytest.raises(refusals.MissingPermission):
        role.change("auditor", None, ["write_role", permission], caller, NOW)
    assert happened(role) == []
    holder = replace(caller, permissions=caller.permissions | {permission})
    assert permission in define("much", "write_role", permission, by=holder).permissions


def test_a_role_that_holds_more_than_the_caller_keeps_its_name() -> None:
    role = a_role("read_audit")
    with pytest.raises(refusals.MissingPermission):
        role.change("clerk", None, ["read_audit"], backend("write_role"), NOW)
    assert happened(role) == []


def test_taking_permissions_out_of_a_role_takes_none() -> None:
    role = a_role("all", "read_audit")
    role.change("auditor", None, [], backend("write_role"), NOW)
    assert role.permissions == []


def test_scopes_of_other_services_are_put_into_roles_freely() -> None:
    assert define("clerk", "invoices:read", by=backend()).permissions == ["invoices:read"]


@pytest.mark.parametrize("caller", [backend("all"), ROOT_APPLICATION], ids=["all", "root"])
@pytest.mark.parametrize("name", sorted(BUILT_IN_ROLES))
def test_built_in_names_are_out_of_reach(caller: Caller, name: str) -> None:
    with pytest.raises(refusals.BuiltInRole):
        define(name, by=caller)
    with pytest.raises(refusals.BuiltInRole):
        a_role().change(name, None, [], caller, NOW)
    with pytest.raises(refusals.BuiltInRole):
        a_role(name=name).change("renamed", None, [], caller, NOW)
    with pytest.raises(refusals.BuiltInRole):
        a_role(name=name).delete(caller, NOW, assigned=False)


@pytest.mark.parametrize(
    "name",
    [
        "Super_Admin",
        "SUPER_ADMIN",
        "OrgAdmin",
        "OPSADMIN",
        " super_admin ",
        "super_admin\n",
        "\uff53\uff55\uff50\uff45\uff52_\uff41\uff44\uff4d\uff49\uff4e",
        "\u017fuper_admin",
    ],
)
def test_what_reads_like_a_built_in_name_is_out_of_reach(name: str) -> None:
    for caller in (backend("all"), ROOT_APPLICATION):
        with pytest.raises(refusals.BuiltInRole):
            define(name, by=caller)
        with pytest.raises(refusals.BuiltInRole):
            a_role().change(name, None, [], caller, NOW)


@pytest.mark.parametrize("name", ["\u0455uper_admin", "super\u2017admin", "super_admin\u200b", "s\u00adper_admin"])
def test_letters_that_only_look_like_those_of_a_built_in_name_are_no_name(name: str) -> None:
    with pytest.raises(refusals.InvalidName):
        define(name, by=ROOT_APPLICATION)


def test_the_service_itself_defines_the_built_in_roles() -> None:
    assert define("super_admin", by=SYSTEM).privileged


def test_a_change_replaces_everything() -> None:
    role = a_role("read_user")
    role.change("reader", None, ["read_app"], backend("read_app"), NOW)
    assert (role.name, role.permissions) == ("reader", ["read_app"])
    role.change("reader", " ", ["read_app", "read_app"], backend("read_app"), NOW)
    assert happened(role) == ["role.changed"]


def test_a_role_that_gains_root_becomes_privileged() -> None:
    role = a_role()
    with pytest.raises(refusals.RootRequired):
        role.change("auditor", None, ["root"], backend("all"), NOW)
    role.change("auditor", None, ["root"], ROOT_APPLICATION, NOW)
    assert role.privileged


def test_another_organizations_role_is_unknown() -> None:
    with pytest.raises(refusals.UnknownAccount):
        define(by=STRANGER)
    with pytest.raises(refusals.UnknownRole):
        a_role().change("reader", None, [], STRANGER, NOW)
    with pytest.raises(refusals.UnknownRole):
        a_role().delete(STRANGER, NOW, assigned=False)


def test_a_role_that_users_have_stays() -> None:
    with pytest.raises(refusals.RoleInUse):
        a_role().delete(backend(), NOW, assigned=True)


@pytest.mark.parametrize("assigned", [True, False])
def test_without_root_nobody_takes_a_privileged_role_away_from_all(*, assigned: bool) -> None:
    role = a_role()
    role.change("auditor", None, ["root"], ROOT_APPLICATION, NOW)
    with pytest.raises(refusals.MissingPermission):
        role.delete(backend(), NOW, assigned=assigned)
    role.delete(ROOT_APPLICATION, NOW, assigned=False)
    assert happened(role) == ["role.changed", "role.deleted"]


def test_a_deleted_role_is_unknown() -> None:
    role = a_role()
    role.delete(backend(), NOW, assigned=False)
    with pytest.raises(refusals.UnknownRole):
        role.delete(backend(), NOW, assigned=False)
    with pytest.raises(refusals.UnknownRole):
        role.change("reader", None, [], backend(), NOW)
    assert happened(role) == ["role.deleted"]
