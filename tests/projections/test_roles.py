"""Roles as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from projections import roles
from tests.projections.given import APPROVER, NIL, ORGANIZATION, a_role, rows, same_when_rebuilt, save

if TYPE_CHECKING:
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
