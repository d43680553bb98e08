"""Every organization has its administrators' roles: from its beginning, or from the next start on, until its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.account import Account
from domain.caller import SYSTEM
from domain.permissions import ADMINISTRATION, ADMINISTRATOR_ROLES
from domain.role import Role
from projections import roles as rows
from service.commands import accounts, administrators, roles, users
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_role,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    log,
    origin,
    person,
    topics,
)

if TYPE_CHECKING:
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

NAMES = sorted(ADMINISTRATOR_ROLES)
BOTH = {name: list(ADMINISTRATION) for name in NAMES}


async def of(parts: StoreParts, organization: UUID) -> dict[str, list[str]]:
    """Return the permissions of an organization's roles, by name."""
    found = await rows.page(parts.pool, organization, after=UUID(int=0), limit=100)
    return {row["name"]: row["permissions"] for row in found}


async def an_old_organization(parts: StoreParts, **permissions: list[str]) -> UUID:
    """Make an organization as they were before there were such roles, with roles of its own."""

    async def command(decision: Decision) -> UUID:
        account = Account.create(id=parts.clock.new_id(), name="Old", parent=None, now=parts.clock.now())
        decision.organization = account.id
        decision.save(account)
        for name, held in permissions.items():
            role = Role.define(
                id=uuid4(), organization=account.id, name=name, description=None, permissions=held, by=SYSTEM,
                now=parts.clock.now(),
            )  # fmt: skip
            decision.save(role)
        return account.id

    return (await parts.store.decide(command, origin())).value


async def test_an_organization_has_them_from_the_beginning(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    assert await of(parts, organization.id) == BOTH
    events = await log(parts)
    assert [event.TOPIC for event in events] == ["account.created", "role.defined", "role.defined"]
    await a_child(parts, organization.id)
    assert (await topics(parts)).count("role.defined") == 2, "a child account has none of its own"


async def test_they_do_not_keep_an_organization_from_being_deleted_and_go_with_it(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    before = await head(parts)
    await accounts.delete(parts.store, origin(ROOT), ROOT, account=organization.id)
    assert await topics(parts, after=before) == ["role.deleted", "role.deleted", "account.deleted"]
    assert await of(parts, organization.id) == {}


async def test_any_other_role_keeps_an_organization_in_use(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    await a_role(parts, organization.id)
    with pytest.raises(refusals.OrganizationInUse):
        await accounts.delete(parts.store, origin(ROOT), ROOT, account=organization.id)


@pytest.mark.parametrize("name", NAMES)
async def test_nobody_changes_or_deletes_them(parts: StoreParts, name: str) -> None:
    organization = await an_organization(parts)
    row = await rows.by_name(parts.pool, organization.id, name)
    assert row is not None
    before = await head(parts)
    for by in (ROOT, backend(organization.id)):
        with pytest.raises(refusals.BuiltInRole):
            await roles.change(parts.store, origin(), by, role=row["id"], permissions=["read_token", "read_user"])
        with pytest.raises(refusals.BuiltInRole):
            await roles.delete(parts.store, origin(), by, role=row["id"])
        with pytest.raises(refusals.BuiltInRole):
            await roles.define(parts.store, origin(), by, organization=organization.id, name=name.upper())
    assert await head(parts) == before


@pytest.mark.parametrize("name", NAMES)
async def test_who_holds_both_permissions_assigns_them_and_nobody_else(parts: StoreParts, name: str) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    row = await rows.by_name(parts.pool, organization.id, name)
    assert row is not None
    for held in (("write_user", "read_token"), ("write_user", "revoke_token"), ("write_user",)):
        for by in (backend(organization.id, *held), person(organization.id, *held)):
            with pytest.raises(refusals.MissingPermission):
                await users.assign_role(parts.store, origin(), by, user=user.id, role=row["id"])
    by = person(organization.id, "write_user", "read_token", "revoke_token")
    await users.assign_role(parts.store, origin(by), by, user=user.id, role=row["id"])
    held = await rows.held_by(parts.pool, user.id)
    assert (held.permissions, held.privileged) == (set(ADMINISTRATION), False)


async def test_organizations_of_before_get_them_once(parts: StoreParts) -> None:
    old = [await an_old_organization(parts) for _ in range(3)]
    await an_organization(parts)
    before = await head(parts)
    await administrators.ensure(parts.store, parts.clock)
    assert await topics(parts, after=before) == ["role.defined"] * 6
    for organization in old:
        assert await of(parts, organization) == BOTH
    await administrators.ensure(parts.store, parts.clock)
    assert await head(parts) == before + 6


async def test_all_organizations_of_before_get_them_however_many_there_are(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(administrators, "PAGE", 2)
    for _ in range(5):
        await an_old_organization(parts)
    await administrators.ensure(parts.store, parts.clock)
    assert (await topics(parts)).count("role.defined") == 10


async def test_nobody_has_more_because_a_role_went_by_that_name(parts: StoreParts) -> None:
    held: dict[str, list[str]] = {"orgadmin": ["read_user"], "OPSADMIN": [], "OrgAdmin": list(ADMINISTRATION)}
    organization = await an_old_organization(parts, **held)
    user = await a_user(parts, (await an_application(parts, organization)).id)
    former = await rows.by_name(parts.pool, organization, "orgadmin")
    assert former is not None
    await users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=former["id"])
    await administrators.ensure(parts.store, parts.clock)
    assert await of(parts, organization) == {
        **BOTH,
        "orgadmin-former": ["read_user"],
        "OPSADMIN-former": [],
        "OrgAdmin-former": list(ADMINISTRATION),
    }
    assert await rows.held_by(parts.pool, user.id) == ((former["id"],), {"read_user"}, await head(parts), False)
    by = backend(organization)
    again: Any = await roles.change(parts.store, origin(), by, role=former["id"], name="clerk")
    assert again.value.name == "clerk", "it is theirs to change again"


async def test_a_role_makes_room_even_where_its_next_name_is_taken(parts: StoreParts) -> None:
    organization = await an_old_organization(parts, **{"orgadmin": [], "orgadmin-former": ["read_user"]})
    await administrators.ensure(parts.store, parts.clock)
    assert await of(parts, organization) == {
        **BOTH, "orgadmin-former": ["read_user"], "orgadmin-former-2": [],
    }  # fmt: skip


async def test_a_role_that_is_already_what_it_should_be_stays(parts: StoreParts) -> None:
    organization = await an_old_organization(parts, opsadmin=list(ADMINISTRATION))
    row = await rows.by_name(parts.pool, organization, "opsadmin")
    assert row is not None
    await administrators.ensure(parts.store, parts.clock)
    assert await rows.by_name(parts.pool, organization, "opsadmin") == row
    assert sorted(await of(parts, organization)) == NAMES


async def test_a_suspended_organization_gets_them_too(parts: StoreParts) -> None:
    organization = await an_old_organization(parts)
    await accounts.move_status(parts.store, origin(), SYSTEM, account=organization, status="suspended")
    await administrators.ensure(parts.store, parts.clock)
    assert sorted(await of(parts, organization)) == NAMES
