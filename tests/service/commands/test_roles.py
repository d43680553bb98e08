"""Role names are unique in an organization, and a role that somebody has stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from projections import roles as rows
from service.commands import accounts, roles, users
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_role,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts


async def test_a_role_is_defined_in_an_organization_that_the_caller_sees(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child, by = await a_child(parts, organization.id), backend(organization.id)
    role = (
        await roles.define(
            parts.store, origin(by), by, organization=organization.id, name="auditor", permissions=iter(["read_audit"])
        )
    ).value
    row = await rows.one(parts.pool, role.id)
    assert row is not None
    assert (row["name"], row["permissions"], row["privileged"]) == ("auditor", ["read_audit"], False)
    for caller, wanted in ((by, uuid4()), (ROOT, child.id), (backend(uuid4()), organization.id)):
        with pytest.raises(refusals.UnknownAccount):
            await roles.define(parts.store, origin(), caller, organization=wanted, name="reader")
    await accounts.move_status(parts.store, origin(), SYSTEM, account=organization.id, status="suspended")
    with pytest.raises(refusals.AccountNotActive):
        await roles.define(parts.store, origin(), by, organization=organization.id, name="reader")


async def test_one_of_many_definitions_of_a_name_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    organization, other = await an_organization(parts), await an_organization(parts)
    processes = [parts, await open_parts()]
    results = await asyncio.gather(*(a_role(each, organization.id) for each in processes * 8), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.NameTaken] * 15
    assert {refusal.field for refusal in refused} == {"name"}  # type: ignore[attr-defined]
    await a_role(parts, other.id)
    await a_role(parts, organization.id, name="Auditor")


async def test_a_new_name_is_claimed_and_the_old_one_free(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    role, by = await a_role(parts, organization.id, "read_audit"), backend(organization.id)
    renamed = await roles.change(parts.store, origin(), by, role=role.id, name="reader")
    assert (renamed.value.name, renamed.value.permissions) == ("reader", ["read_audit"])
    second = await a_role(parts, organization.id, name="auditor")
    with pytest.raises(refusals.NameTaken):
        await roles.change(parts.store, origin(), by, role=second.id, name="reader")
    again = await roles.change(parts.store, origin(), by, role=role.id, description="Reads", permissions=[])
    assert (again.value.name, again.value.description, again.value.permissions) == ("reader", "Reads", [])


async def test_a_rename_that_somebody_else_made_meanwhile_is_no_conflict(parts: StoreParts) -> None:
    role = await a_role(parts, (await an_organization(parts)).id)
    before = await head(parts)
    with meanwhile(parts, lambda: roles.change(parts.store, origin(), SYSTEM, role=role.id, name="reader")):
        outcome = await roles.change(parts.store, origin(), SYSTEM, role=role.id, name="reader")
    assert outcome.value.name == "reader"
    assert await topics(parts, after=before) == ["role.changed"]


async def test_a_role_that_users_have_stays(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    role, by = await a_role(parts, organization.id), backend(organization.id)
    await users.assign_role(parts.store, origin(), by, user=user.id, role=role.id)
    with pytest.raises(refusals.RoleInUse):
        await roles.delete(parts.store, origin(), by, role=role.id)
    await users.delete(parts.store, origin(), by, user=user.id)
    await roles.delete(parts.store, origin(), by, role=role.id)
    assert await rows.one(parts.pool, role.id) is None
    await a_role(parts, organization.id)


async def test_a_role_is_not_deleted_under_the_hands_of_who_assigns_it(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    role, spare = await a_role(parts, organization.id), await a_role(parts, organization.id, name="spare")
    assigning = users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=role.id)
    with meanwhile(parts, lambda: assigning), pytest.raises(refusals.RoleInUse):
        await roles.delete(parts.store, origin(), SYSTEM, role=role.id)
    deleting = roles.delete(parts.store, origin(), SYSTEM, role=spare.id)
    with meanwhile(parts, lambda: deleting), pytest.raises(refusals.UnknownRole):
        await users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=spare.id)


async def test_another_organizations_role_is_unknown(parts: StoreParts) -> None:
    role, stranger = await a_role(parts, (await an_organization(parts)).id), backend(uuid4())
    for by, wanted in ((stranger, role.id), (ROOT, uuid4())):
        with pytest.raises(refusals.UnknownRole):
            await roles.change(parts.store, origin(), by, role=wanted, name="reader")
        with pytest.raises(refusals.UnknownRole):
            await roles.delete(parts.store, origin(), by, role=wanted)


async def test_many_assignments_of_a_role_do_not_get_in_each_others_way(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application, role = await an_application(parts, organization.id), await a_role(parts, organization.id)
    several = [await a_user(parts, application.id) for _ in range(20)]
    await asyncio.gather(
        *(users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=role.id) for user in several)
    )
    assert (await topics(parts)).count("user.role_assigned") == 20


async def test_a_role_is_deleted_with_all_assignments_where_that_is_asked(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application, role = await an_application(parts, organization.id), await a_role(parts, organization.id)
    several = [await a_user(parts, application.id) for _ in range(3)]
    for user in several:
        await users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=role.id)
    before = await head(parts)
    late = await a_user(parts, application.id)
    assigning = users.assign_role(parts.store, origin(), SYSTEM, user=late.id, role=role.id)
    with meanwhile(parts, lambda: assigning):
        await roles.delete(parts.store, origin(), SYSTEM, role=role.id, unassign=True)
    assert (await topics(parts, after=before))[2:] == ["user.role_unassigned"] * 4 + ["role.deleted"]
    await a_role(parts, organization.id)


async def test_a_role_that_too_many_users_have_is_not_deleted_at_once(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = await an_organization(parts)
    application, role = await an_application(parts, organization.id), await a_role(parts, organization.id)
    user = await a_user(parts, application.id)
    await users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=role.id)
    monkeypatch.setattr(roles, "HOLDER_LIMIT", 0)
    before = await head(parts)
    with pytest.raises(refusals.TooMuchAtOnce):
        await roles.delete(parts.store, origin(), SYSTEM, role=role.id, unassign=True)
    assert await head(parts) == before
