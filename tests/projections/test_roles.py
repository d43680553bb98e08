"""Roles as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from domain.user import User
from projections import roles
from tests.projections.given import (
    APPROVER,
    NIL,
    ORGANIZATION,
    a_role,
    a_user,
    an_account,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from uuid import UUID

    from tests.store_fixture import StoreParts


async def test_a_row_follows_its_role(parts: StoreParts) -> None:
    role = a_role(parts, "read_user", "custom:scope")
    await save(parts, role)
    [row] = await rows(parts, "roles")
    assert dict(row) == {
        "id": role.id, "organization": ORGANIZATION, "name": "auditor", "description": None,
        "permissions": ["custom:scope", "read_user"], "privileged": False,
        "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 1,
    }  # fmt: skip
    role.change("boss", "May do anything", ["root"], SYSTEM, parts.clock.now())
    await save(parts, role)
    row = await roles.one(parts.pool, role.id)
    assert row is not None
    assert (row["name"], row["description"], row["permissions"], row["privileged"]) == (
        "boss", "May do anything", ["root"], True,
    )  # fmt: skip
    await same_when_rebuilt(parts, "roles")
    role.delete(SYSTEM, parts.clock.now(), assigned=False)
    await save(parts, role)
    assert await roles.one(parts.pool, role.id) is None
    await same_when_rebuilt(parts, "roles")


async def test_pages_go_by_id(parts: StoreParts) -> None:
    mine = [a_role(parts, name=f"r{n}") for n in range(3)]
    elsewhere = a_role(parts, organization=APPROVER)
    await save(parts, *mine, elsewhere)
    ids = [role.id for role in mine]
    assert [row["id"] for row in await roles.page(parts.pool, ORGANIZATION, after=NIL, limit=2)] == ids[:2]
    assert [row["id"] for row in await roles.page(parts.pool, None, after=ids[0], limit=9)] == [*ids[1:], elsewhere.id]


async def test_what_somebody_holds_is_all_that_their_roles_hold(parts: StoreParts) -> None:
    ada, grace = a_user(parts), a_user(parts)
    reader, boss = a_role(parts, "read_user", "custom:scope"), a_role(parts, "root", "read_user", name="boss")
    await save(parts, ada, grace, reader, boss)
    assert await roles.held_by(parts.pool, ada.id) == ((), frozenset(), 4, False)
    ada.assign_role(reader, SYSTEM, parts.clock.now())
    assert await save(parts, ada) == 5
    held = await roles.held_by(parts.pool, ada.id)
    assert held == ((reader.id,), {"read_user", "custom:scope"}, 5, False)
    assert held.guards == {f"role:{reader.id}": 5}
    ada.assign_role(boss, SYSTEM, parts.clock.now())
    await save(parts, ada)
    both = (tuple(sorted((reader.id, boss.id))), {"read_user", "custom:scope", "root"}, 6, True)
    assert await roles.held_by(parts.pool, ada.id) == both
    assert (await roles.held_by(parts.pool, grace.id)).roles == ()
    reader.change("reader", None, ["read_app"], SYSTEM, parts.clock.now())
    ada.unassign_role(boss.id, parts.clock.now())
    await save(parts, reader, ada)
    assert await roles.held_by(parts.pool, ada.id) == ((reader.id,), {"read_app"}, 8, False)


async def test_nobody_holds_anything_by_a_role_of_another_organization(parts: StoreParts) -> None:
    ada, foreign = a_user(parts), a_role(parts, "read_user", organization=APPROVER)
    ada.trigger_event(User.RoleAssigned, timestamp=parts.clock.now(), role=foreign.id, role_name=foreign.name)
    await save(parts, ada, foreign)
    assert await roles.held_by(parts.pool, ada.id) == ((), frozenset(), 3, False)


async def test_who_is_not_there_holds_nothing(parts: StoreParts) -> None:
    assert await roles.held_by(parts.pool, NIL) == ((), frozenset(), 0, False)


async def test_a_role_is_found_by_its_name_as_it_is_written(parts: StoreParts) -> None:
    small, large = a_role(parts, name="clerk"), a_role(parts, name="Clerk")
    elsewhere = a_role(parts, name="clerk", organization=APPROVER)
    await save(parts, small, large, elsewhere)
    found = [await roles.by_name(parts.pool, ORGANIZATION, name) for name in ("clerk", "Clerk", "CLERK")]
    assert [row and row["id"] for row in found] == [small.id, large.id, None]
    assert [row["id"] for row in await roles.alike(parts.pool, ORGANIZATION, ["clerk", "x"])] == [small.id, large.id]


async def test_an_organization_has_other_roles_than_some_or_not(parts: StoreParts) -> None:
    await save(parts, a_role(parts, name="orgadmin"))
    assert not await roles.any_but(parts.pool, ORGANIZATION, ["orgadmin", "opsadmin"])
    assert await roles.any_but(parts.pool, ORGANIZATION, ["opsadmin"])
    await save(parts, a_role(parts, name="OrgAdmin"))
    assert await roles.any_but(parts.pool, ORGANIZATION, ["orgadmin", "opsadmin"])


async def test_an_organization_lacks_a_role_unless_it_holds_exactly_this(parts: StoreParts) -> None:
    names, held = ["orgadmin", "opsadmin"], ["read_token", "revoke_token"]
    whole, half, more = (an_account(parts) for _ in range(3))
    child = an_account(parts, parent=whole)
    made = [a_role(parts, *held, name=name, organization=whole.id) for name in names]
    made.append(a_role(parts, *held, name="orgadmin", organization=half.id))
    made += [a_role(parts, *held, "read_user", name=name, organization=more.id) for name in names]
    await save(parts, whole, half, more, child, *made)

    async def lacking(after: UUID = NIL, limit: int = 9) -> list[UUID]:
        return await roles.organizations_without(parts.pool, names, held, after=after, limit=limit)

    assert await lacking() == [half.id, more.id]
    assert await lacking(limit=1) == [half.id]
    assert await lacking(after=half.id) == [more.id]
