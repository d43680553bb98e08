"""Memberships as they are: who belongs where, in which role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from projections import memberships
from tests.projections.given import NIL, ORGANIZATION, a_member, a_user, an_account, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


async def test_a_row_follows_its_membership(parts: StoreParts) -> None:
    account, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    member = a_member(parts, account, user)
    await save(parts, account, user, member)
    [row] = await rows(parts, "memberships")
    assert dict(row) == {
        "id": member.id, "organization": ORGANIZATION, "account": ORGANIZATION, "user_id": user.id, "role": "viewer",
        "active": False, "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 3,
    }  # fmt: skip
    member.change_role("owner", owners=0, by=SYSTEM, now=parts.clock.now())
    await save(parts, member)
    assert (await memberships.one(parts.pool, member.id))["role"] == "owner"  # type: ignore[index]
    await same_when_rebuilt(parts, "memberships")
    member.remove(1, SYSTEM, parts.clock.now())
    await save(parts, member)
    assert await memberships.one(parts.pool, member.id) is None
    await same_when_rebuilt(parts, "memberships")


async def test_owners_are_counted(parts: StoreParts) -> None:
    account, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    members = [a_member(parts, account, user, role) for role in ("owner", "member", "viewer", "owner")]
    await save(parts, account, user, *members)
    assert await memberships.owners(parts.pool, account.id) == 2
    members[0].change_role("member", owners=2, by=SYSTEM, now=parts.clock.now())
    await save(parts, members[0])
    assert await memberships.owners(parts.pool, account.id) == 1
    assert await memberships.owners(parts.pool, user.id) == 0


async def test_members_are_found_by_account_and_by_user(parts: StoreParts) -> None:
    account, user, other = an_account(parts, id=ORGANIZATION), a_user(parts), a_user(parts)
    child = an_account(parts, "child", account)
    members = [a_member(parts, *pair) for pair in ((account, user), (account, other), (child, user))]
    ids = [member.id for member in members]
    await save(parts, account, user, other, child, *members)
    page = await memberships.of_account(parts.pool, account.id, after=NIL, limit=1)
    rest = await memberships.of_account(parts.pool, account.id, after=page[0]["id"], limit=5)
    assert [row["id"] for row in (*page, *rest)] == ids[:2]
    assert await memberships.ids_of_user(parts.pool, user.id, limit=5) == [ids[0], ids[2]]
    assert await memberships.ids_of_accounts(parts.pool, [account.id, child.id], limit=5) == ids
    assert await memberships.ids_of_accounts(parts.pool, [account.id, child.id], limit=2) == ids[:2]


async def test_a_user_is_active_in_the_org_that_their_active_membership_is_in(parts: StoreParts) -> None:
    account, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    org = an_account(parts, "Org", account)
    org.profile("org", public_registration=False, branding_only=False, branding={}, now=parts.clock.now())
    member, elsewhere = a_member(parts, org, user), a_member(parts, account, user)
    await save(parts, account, user, org, member, elsewhere)
    assert await memberships.active_org(parts.pool, user.id) is None
    assert not await memberships.any_active(parts.pool, org.id)
    member.activate(parts.clock.now())
    await save(parts, member)
    found = await memberships.active_org(parts.pool, user.id)
    assert found is not None
    assert dict(found) == {"id": org.id, "name": "Org", "slug": "org"}
    assert await memberships.any_active(parts.pool, org.id)
    assert await memberships.ids_in_orgs(parts.pool, user.id, limit=5) == [member.id]
    assert await memberships.id_of(parts.pool, org.id, user.id) == member.id
    assert await memberships.id_of(parts.pool, org.id, account.id) is None
    await same_when_rebuilt(parts, "memberships")
    member.deactivate(parts.clock.now())
    await save(parts, member)
    assert await memberships.active_org(parts.pool, user.id) is None
    await same_when_rebuilt(parts, "memberships")
