"""Users as they are, with their roles; names in plain form, gone with the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from projections import users
from tests.projections.given import (
    APPLICATION,
    APPROVER,
    NIL,
    ORGANIZATION,
    a_role,
    a_user,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


async def test_a_row_follows_its_user(parts: StoreParts) -> None:
    user = a_user(parts)
    await save(parts, user)
    [row] = await rows(parts, "users")
    assert dict(row) == {
        "id": user.id, "organization": ORGANIZATION, "application": APPLICATION, "status": "active", "name": "Ada",
        "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 1,
    }  # fmt: skip
    user.rename(None, parts.clock.now())
    user.suspend("why", now=parts.clock.now())
    await save(parts, user)
    [row] = await rows(parts, "users")
    assert (row["name"], row["status"], row["position"]) == (None, "suspended", 3)
    user.reinstate(parts.clock.now())
    await save(parts, user)
    assert (await rows(parts, "users"))[0]["status"] == "active"
    await same_when_rebuilt(parts, "users")


async def test_roles_come_and_go(parts: StoreParts) -> None:
    user, auditor, clerk = a_user(parts), a_role(parts), a_role(parts, name="clerk")
    for role in (auditor, clerk):
        user.assign_role(role, SYSTEM, parts.clock.now())
    await save(parts, user, auditor, clerk)
    assert (await users.one(parts.pool, user.id))["roles"] == sorted([auditor.id, clerk.id])  # type: ignore[index]
    assert await users.holders(parts.pool, clerk.id, limit=10) == [user.id]
    user.unassign_role(clerk.id, parts.clock.now())
    await save(parts, user)
    assert (await users.one(parts.pool, user.id))["roles"] == [auditor.id]  # type: ignore[index]
    assert await users.holders(parts.pool, clerk.id, limit=10) == []
    await same_when_rebuilt(parts, "users")


async def test_nothing_is_left_of_a_deleted_user(parts: StoreParts) -> None:
    user, role = a_user(parts), a_role(parts)
    user.assign_role(role, SYSTEM, parts.clock.now())
    await save(parts, user, role)
    user.delete(SYSTEM, parts.clock.now())
    await save(parts, user)
    assert await rows(parts, "users") == await rows(parts, "user_roles") == []
    assert await users.one(parts.pool, user.id) is None
    assert await users.known(parts.pool, [user.id, NIL]) == []
    await same_when_rebuilt(parts, "users")


async def test_pages_go_by_id_and_can_be_narrowed(parts: StoreParts) -> None:
    mine = [a_user(parts, f"{n}") for n in range(4)]
    suspended = a_user(parts, "s", status="suspended")
    elsewhere = a_user(parts, "e", organization=APPROVER, application=APPROVER)
    await save(parts, *mine, suspended, elsewhere)

    async def page(**narrowed: object) -> list[object]:
        told = {"organization": None, "application": None, "status": None, "after": NIL, "limit": 10, **narrowed}
        return [row["id"] for row in await users.page(parts.pool, told.pop("organization"), **told)]  # type: ignore[arg-type]

    ids = [user.id for user in mine]
    assert await page(limit=3) == ids[:3]
    assert await page(after=ids[2]) == [ids[3], suspended.id, elsewhere.id]
    assert await page(organization=ORGANIZATION) == [*ids, suspended.id]
    assert await page(application=APPROVER) == [elsewhere.id]
    assert await page(status="suspended") == [suspended.id]
    assert await users.known(parts.pool, [elsewhere.id, ids[0], NIL]) == [ids[0], elsewhere.id]
