"""Accounts as they are: the tree of an organization, without those that were deleted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from projections import accounts
from tests.projections.given import NIL, ORGANIZATION, a_member, a_user, an_account, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

SECOND = timedelta(seconds=1)


async def test_a_row_follows_its_account(parts: StoreParts) -> None:
    account, made = an_account(parts), parts.clock.now()
    await save(parts, account)
    parts.clock.move(SECOND)
    account.rename("Renamed", parts.clock.now())
    account.describe("What it is", "https://example.com/p.png", "#a1b2c3", parts.clock.now())
    account.suspend(SYSTEM, parts.clock.now())
    await save(parts, account)
    [row] = await rows(parts, "accounts")
    assert dict(row) == {
        "id": account.id, "organization": account.id, "parent": None, "depth": 0, "name": "Renamed",
        "description": "What it is", "picture": "https://example.com/p.png", "color": "#a1b2c3", "status": "suspended",
        "slug": None, "public_registration": None, "branding_only": None, "branding": None, "features": [],
        "code_lifetime": 600, "code_tries": 10, "verified_identifiers": False, "submit_limited": False,
        "created_at": made, "updated_at": made + SECOND, "position": 4,
    }  # fmt: skip
    account.describe(None, None, None, parts.clock.now())
    account.reinstate(parts.clock.now())
    await save(parts, account)
    [row] = await rows(parts, "accounts")
    assert (row["description"], row["picture"], row["color"], row["status"]) == (None, None, None, "active")
    await same_when_rebuilt(parts, "accounts")


async def test_a_row_tells_an_organizations_settings(parts: StoreParts) -> None:
    account = an_account(parts)
    settings = {"code_lifetime": 60, "code_tries": 3, "verified_identifiers": True, "submit_limited": True}
    account.change_settings(**settings, now=parts.clock.now())
    await save(parts, account)
    [row] = await rows(parts, "accounts")
    assert {name: row[name] for name in settings} == settings
    await same_when_rebuilt(parts, "accounts")


async def test_a_deleted_account_is_gone(parts: StoreParts) -> None:
    account = an_account(parts)
    await save(parts, account)
    account.delete(SYSTEM, parts.clock.now(), has_children=False)
    await save(parts, account)
    assert await rows(parts, "accounts") == []
    assert await accounts.one(parts.pool, account.id) is None
    await same_when_rebuilt(parts, "accounts")


async def test_a_tree_is_known_from_every_node(parts: StoreParts) -> None:
    root = an_account(parts)
    left, right = (an_account(parts, name, root) for name in ("left", "right"))
    leaf, other = an_account(parts, "leaf", left), an_account(parts, "other")
    await save(parts, root, left, right, leaf, other)
    assert await accounts.subtree(parts.pool, root.id, limit=10) == [leaf.id, *sorted([left.id, right.id]), root.id]
    assert await accounts.subtree(parts.pool, root.id, limit=2) == [leaf.id, min(left.id, right.id)]
    assert await accounts.subtree(parts.pool, leaf.id, limit=10) == [leaf.id]
    assert [await accounts.has_children(parts.pool, each.id) for each in (root, left, leaf, other)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert (await accounts.one(parts.pool, leaf.id))["depth"] == 2  # type: ignore[index]


async def test_pages_go_by_id(parts: StoreParts) -> None:
    root, other = an_account(parts), an_account(parts, "other")
    children = [an_account(parts, f"{n}", root) for n in range(5)]
    await save(parts, root, other, *children)
    ids = [child.id for child in children]
    first = await accounts.children(parts.pool, root.id, after=NIL, limit=2)
    second = await accounts.children(parts.pool, root.id, after=first[-1]["id"], limit=10)
    assert [row["id"] for row in (*first, *second)] == ids == sorted(ids)
    mine = await accounts.page(parts.pool, root.id, after=NIL, limit=10)
    assert {row["id"] for row in mine} == {root.id, *ids}
    assert len(await accounts.page(parts.pool, None, after=NIL, limit=10)) == 7


async def test_orgs_are_the_accounts_that_have_a_slug(parts: StoreParts) -> None:
    root, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    plain, *orgs = (an_account(parts, name, root) for name in ("plain", "one", "two"))
    for org in orgs:
        org.profile(
            org.name.capitalize(), public_registration=True, branding_only=False, branding={"layout_color": "#fff"},
            now=parts.clock.now(),
        )  # fmt: skip
    members = [a_member(parts, account, user) for account in (plain, orgs[1])]
    await save(parts, root, user, plain, *orgs, *members)
    row = await accounts.one(parts.pool, orgs[0].id)
    assert row is not None
    assert (row["slug"], row["public_registration"], row["branding_only"]) == ("One", True, False)
    assert json.loads(row["branding"]) == {"layout_color": "#fff"}
    assert [row["id"] for row in await accounts.orgs(parts.pool, root.id, limit=5)] == [org.id for org in orgs]
    assert [row["id"] for row in await accounts.orgs_of_user(parts.pool, user.id, limit=5)] == [orgs[1].id]
    assert await accounts.org_by_slug(parts.pool, root.id, "oNE") == orgs[0].id
    assert await accounts.org_by_slug(parts.pool, root.id, "plain") is None
    assert await accounts.org_by_slug(parts.pool, orgs[0].id, "one") is None
    await same_when_rebuilt(parts, "accounts")


async def test_an_organization_has_the_features_that_were_switched_on_last(parts: StoreParts) -> None:
    organization = an_account(parts)
    await save(parts, organization)
    for features in (["token_search", "token_revocation"], ["token_revocation"], []):
        organization.set_features(features, SYSTEM, parts.clock.now())
        await save(parts, organization)
        row = await accounts.one(parts.pool, organization.id)
        assert row is not None
        assert row["features"] == sorted(features)
    await same_when_rebuilt(parts, "accounts")
