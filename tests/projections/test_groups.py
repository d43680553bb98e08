"""Groups as they are, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from domain.group import Group
from domain.group_membership import GroupMembership
from projections import groups
from tests.projections.given import (
    ORGANIZATION,
    a_member,
    a_user,
    an_account,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from domain.account import Account
    from domain.membership import Membership
    from tests.store_fixture import StoreParts


def an_org(parts: StoreParts, root: Account, slug: str) -> Account:
    org = an_account(parts, slug, root)
    org.profile(slug, public_registration=False, branding_only=False, branding={}, now=parts.clock.now())
    return org


def a_group(parts: StoreParts, org: Account, name: str = "Editors") -> Group:
    return Group.create(id=parts.clock.new_id(), org=org, name=name, now=parts.clock.now())


def in_group(parts: StoreParts, group: Group, membership: Membership) -> GroupMembership:
    return GroupMembership.add(id=parts.clock.new_id(), group=group, membership=membership, now=parts.clock.now())


async def test_a_row_follows_its_group(parts: StoreParts) -> None:
    root = an_account(parts, id=ORGANIZATION)
    org = an_org(parts, root, "acme")
    group = a_group(parts, org)
    await save(parts, root, org, group)
    [row] = await rows(parts, "org_groups")
    assert dict(row) == {
        "id": group.id, "organization": ORGANIZATION, "account": org.id, "name": "Editors",
        "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 4,
    }  # fmt: skip
    group.rename("Writers", SYSTEM, parts.clock.now())
    await save(parts, group)
    assert (await groups.one(parts.pool, group.id))["name"] == "Writers"  # type: ignore[index]
    await same_when_rebuilt(parts, "groups")
    group.delete(SYSTEM, parts.clock.now())
    await save(parts, group)
    assert await groups.one(parts.pool, group.id) is None
    await same_when_rebuilt(parts, "groups")


async def test_a_user_has_the_groups_of_the_org_they_are_active_in(parts: StoreParts) -> None:
    root, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    orgs = [an_org(parts, root, slug) for slug in ("one", "two")]
    members = [a_member(parts, org, user) for org in orgs]
    theirs = [a_group(parts, org) for org in orgs]
    places = []
    for member, group in zip(members, theirs, strict=True):
        member.activate(parts.clock.now())
        places.append(in_group(parts, group, member))
        member.deactivate(parts.clock.now())
    await save(parts, root, user, *orgs, *members, *theirs, *places)
    assert await groups.of_user(parts.pool, user.id) == []
    members[1].activate(parts.clock.now())
    await save(parts, members[1])
    assert [row["id"] for row in await groups.of_user(parts.pool, user.id)] == [theirs[1].id]
    assert await groups.place(parts.pool, theirs[0].id, user.id) == places[0].id
    assert await groups.places_of(parts.pool, user.id, accounts=None, limit=5) == [place.id for place in places]
    assert await groups.places_of(parts.pool, user.id, accounts=[orgs[1].id], limit=5) == [places[1].id]
    assert await groups.members_of(parts.pool, [group.id for group in theirs], limit=1) == [places[0].id]
    places[1].remove(parts.clock.now())
    await save(parts, places[1])
    assert await groups.of_user(parts.pool, user.id) == []
    assert await groups.place(parts.pool, theirs[1].id, user.id) is None
    await same_when_rebuilt(parts, "groups", "memberships")


async def test_groups_are_found_by_organization_and_org(parts: StoreParts) -> None:
    root = an_account(parts, id=ORGANIZATION)
    orgs = [an_org(parts, root, slug) for slug in ("one", "two")]
    theirs = [a_group(parts, org, name) for org in orgs for name in ("a", "b")]
    await save(parts, root, *orgs, *theirs)
    ids = [group.id for group in theirs]
    assert [row["id"] for row in await groups.of_organization(parts.pool, ORGANIZATION, org=None, limit=9)] == ids
    found = await groups.of_organization(parts.pool, ORGANIZATION, org=orgs[1].id, limit=1)
    assert [row["id"] for row in found] == ids[2:3]
    assert await groups.of_organization(parts.pool, orgs[0].id, org=None, limit=9) == []
    assert await groups.ids_of_accounts(parts.pool, [orgs[0].id], limit=9) == ids[:2]
