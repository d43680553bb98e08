"""Accounts form a tree that stays whole: whoever makes, moves or deletes nodes at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from projections import accounts as rows
from projections import memberships as member_rows
from service.commands import accounts, applications, memberships, users
from tests.service.commands.given import (
    NOBODY,
    ROOT,
    a_child,
    a_member,
    a_role,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts


async def test_only_root_makes_an_organization(parts: StoreParts) -> None:
    with pytest.raises(refusals.MissingPermission):
        await accounts.create_root(parts.store, origin(), backend(uuid4()), name="Acme")
    made = (await accounts.create_root(parts.store, origin(ROOT), ROOT, name="Acme")).value
    row = await rows.one(parts.pool, made.id)
    assert row is not None
    assert (row["name"], row["organization"], row["parent"]) == ("Acme", made.id, None)


async def test_a_child_belongs_to_its_parents_organization(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child = await a_child(parts, organization.id)
    outcome = await accounts.create_child(
        parts.store, origin(), backend(organization.id), parent=child.id, name="Kiosk"
    )
    assert (outcome.value.organization, outcome.value.parent) == (organization.id, child.id)
    assert outcome.position == await head(parts)


async def test_another_organizations_account_is_unknown(parts: StoreParts) -> None:
    organization, stranger = await an_organization(parts), backend(uuid4())
    before = await head(parts)
    for command in (
        accounts.create_child(parts.store, origin(), stranger, parent=organization.id, name="Branch"),
        accounts.update(parts.store, origin(), stranger, account=organization.id, name="Ajax"),
        accounts.move_status(parts.store, origin(), stranger, account=organization.id, status="suspended"),
        accounts.delete(parts.store, origin(), stranger, account=organization.id),
        accounts.delete(parts.store, origin(), SYSTEM, account=uuid4()),
    ):
        with pytest.raises(refusals.UnknownAccount):
            await command
    assert await head(parts) == before


async def test_a_user_is_no_account(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    with pytest.raises(refusals.UnknownAccount):
        await accounts.update(parts.store, origin(), SYSTEM, account=user.id, name="Ajax")


async def test_an_update_changes_what_is_named(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    by, before = backend(organization.id), await head(parts)
    await accounts.update(parts.store, origin(), by, account=organization.id, description="Tools", color="#ABCDEF")
    outcome = await accounts.update(parts.store, origin(), by, account=organization.id, name="Ajax", color=None)
    assert (outcome.value.name, outcome.value.description, outcome.value.color) == ("Ajax", "Tools", None)
    assert await topics(parts, after=before) == ["account.described", "account.renamed", "account.described"]


async def test_an_update_that_changes_nothing_answers_the_head(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    await a_child(parts, organization.id)
    before = await head(parts)
    outcome = await accounts.update(parts.store, origin(), SYSTEM, account=organization.id, name="Acme")
    assert outcome.position == await head(parts) == before


async def test_an_account_is_suspended_and_reinstated(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child = await a_child(parts, organization.id)
    by = backend(organization.id)
    await accounts.move_status(parts.store, origin(), by, account=child.id, status="suspended", reason="unpaid")
    with pytest.raises(refusals.AccountNotActive):
        await accounts.create_child(parts.store, origin(), by, parent=child.id, name="Kiosk")
    moved = await accounts.move_status(parts.store, origin(), by, account=child.id, status="active")
    assert moved.value.status == "active"


async def test_a_parent_stays_unless_the_deletion_cascades(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    parent = await a_child(parts, organization.id)
    await a_child(parts, parent.id)
    with pytest.raises(refusals.AccountHasChildren):
        await accounts.delete(parts.store, origin(), SYSTEM, account=parent.id)


async def test_a_cascade_ends_everything_below_in_one_append_the_deepest_first(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    tree = [await a_child(parts, organization.id)]
    for _ in range(2):
        tree.append(await a_child(parts, tree[-1].id))
    for account in (organization, *tree):
        await a_member(parts, account.id, user.id, "owner")
    before = await head(parts)
    await accounts.delete(parts.store, origin(), backend(organization.id), account=tree[0].id, cascade=True)
    events = await log(parts, after=before)
    assert [event.TOPIC for event in events] == ["membership.removed"] * 3 + ["account.deleted"] * 3
    assert [event.originator_id for event in events[3:]] == [account.id for account in reversed(tree)]
    appends = "SELECT count(DISTINCT causation) FROM muniment.events WHERE notification_id > $1"
    assert await parts.pool.fetchval(appends, before) == 1
    assert await rows.children(parts.pool, organization.id, after=organization.id, limit=9) == []
    assert len(await member_rows.ids_of_user(parts.pool, user.id, limit=9)) == 1


async def test_a_member_of_a_deleted_account_frees_the_claim(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    child = await a_child(parts, organization.id)
    await a_member(parts, child.id, user.id)
    await accounts.delete(parts.store, origin(), SYSTEM, account=child.id)
    assert await parts.pool.fetchval("SELECT count(*) FROM muniment.claims WHERE space = 'membership'") == 0
    with pytest.raises(refusals.UnknownAccount):
        await a_member(parts, child.id, user.id)


async def test_too_much_is_deleted_in_parts(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "ACCOUNT_LIMIT", 2)
    monkeypatch.setattr(accounts, "MEMBERSHIP_LIMIT", 1)
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    top = await a_child(parts, organization.id)
    middle = await a_child(parts, top.id)
    bottom = await a_child(parts, middle.id)
    with pytest.raises(refusals.TooMuchAtOnce):
        await accounts.delete(parts.store, origin(), SYSTEM, account=top.id, cascade=True)
    for _ in range(2):
        await a_member(parts, bottom.id, (await a_user(parts, application.id)).id)
    with pytest.raises(refusals.TooMuchAtOnce):
        await accounts.delete(parts.store, origin(), SYSTEM, account=middle.id, cascade=True)
    leaving = (await member_rows.of_account(parts.pool, bottom.id, after=organization.id, limit=1))[0]["id"]
    await memberships.remove(parts.store, origin(), SYSTEM, account=bottom.id, membership=leaving)
    await accounts.delete(parts.store, origin(), SYSTEM, account=middle.id, cascade=True)
    await accounts.delete(parts.store, origin(), SYSTEM, account=top.id, cascade=True)


async def test_an_organization_is_deleted_by_root_once_it_is_empty(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    with pytest.raises(refusals.OwnDeletion):
        await accounts.delete(parts.store, origin(), backend(organization.id, "root"), account=organization.id)
    application = await an_application(parts, organization.id)
    user = await a_user(parts, application.id)
    with pytest.raises(refusals.OrganizationInUse):
        await accounts.delete(parts.store, origin(), ROOT, account=organization.id, cascade=True)
    await applications.delete(parts.store, origin(), ROOT, application=application.id)
    with pytest.raises(refusals.OrganizationInUse):
        await accounts.delete(parts.store, origin(), ROOT, account=organization.id, cascade=True)
    await users.delete(parts.store, origin(), ROOT, user=user.id)
    await a_child(parts, organization.id)
    await accounts.delete(parts.store, origin(), ROOT, account=organization.id, cascade=True)
    assert await rows.one(parts.pool, organization.id) is None


@pytest.mark.parametrize("cascade", [False, True])
async def test_a_child_that_is_made_while_its_parent_is_deleted_is_no_orphan(
    parts: StoreParts, *, cascade: bool
) -> None:
    organization = await an_organization(parts)
    parent = await a_child(parts, organization.id)
    deletion = accounts.delete(parts.store, origin(), SYSTEM, account=parent.id, cascade=cascade)
    with meanwhile(parts, lambda: a_child(parts, parent.id)):
        if cascade:
            await deletion
        else:
            with pytest.raises(refusals.AccountHasChildren):
                await deletion
    left = await rows.page(parts.pool, organization.id, after=NOBODY, limit=9)
    assert len(left) == (1 if cascade else 3)


async def test_a_child_is_not_made_below_an_account_that_was_deleted_meanwhile(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    parent = await a_child(parts, organization.id)
    with (
        meanwhile(parts, lambda: accounts.delete(parts.store, origin(), SYSTEM, account=parent.id)),
        pytest.raises(refusals.UnknownAccount),
    ):
        await a_child(parts, parent.id)


async def test_many_children_and_deletions_at_once_leave_no_orphan(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    parents = [await a_child(parts, organization.id) for _ in range(4)]
    results = await asyncio.gather(
        *(a_child(parts, parent.id) for parent in parents for _ in range(4)),
        *(accounts.delete(parts.store, origin(), SYSTEM, account=parent.id, cascade=True) for parent in parents),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert {type(refusal) for refusal in refused} <= {refusals.UnknownAccount}
    assert len(await rows.page(parts.pool, organization.id, after=NOBODY, limit=99)) == 1


async def test_an_account_that_is_renamed_while_its_parent_is_deleted_goes_too(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    parent = await a_child(parts, organization.id)
    child = await a_child(parts, parent.id)
    with meanwhile(parts, lambda: accounts.update(parts.store, origin(), SYSTEM, account=child.id, name="Ajax")):
        await accounts.delete(parts.store, origin(), SYSTEM, account=parent.id, cascade=True)
    assert [event.TOPIC for event in await log(parts) if event.originator_id == child.id] == [
        "account.created",
        "account.renamed",
        "account.deleted",
    ]


async def test_an_account_that_is_deleted_meanwhile_is_not_renamed(parts: StoreParts) -> None:
    child = await a_child(parts, (await an_organization(parts)).id)
    with (
        meanwhile(parts, lambda: accounts.delete(parts.store, origin(), SYSTEM, account=child.id)),
        pytest.raises(refusals.UnknownAccount),
    ):
        await accounts.update(parts.store, origin(), SYSTEM, account=child.id, name="Ajax")


async def test_renaming_a_parent_gets_in_nobodys_way(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    before = await head(parts)
    rename = accounts.update(parts.store, origin(), SYSTEM, account=organization.id, name="Ajax")
    with meanwhile(parts, lambda: rename) as decided:
        await a_child(parts, organization.id)
    assert len(decided) == 1
    assert await topics(parts, after=before) == ["account.renamed", "account.created"]


async def test_a_deletion_ends_the_member_that_joined_meanwhile(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child = await a_child(parts, organization.id)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    with meanwhile(parts, lambda: a_member(parts, child.id, user.id)):
        await accounts.delete(parts.store, origin(), SYSTEM, account=child.id)
    assert (await topics(parts))[-2:] == ["membership.removed", "account.deleted"]


@pytest.mark.parametrize("thing", [an_application, a_role])
async def test_nothing_outlives_its_organization(parts: StoreParts, thing: Callable[..., Awaitable[object]]) -> None:
    organization = await an_organization(parts)
    with (
        meanwhile(parts, lambda: accounts.delete(parts.store, origin(), ROOT, account=organization.id)),
        pytest.raises(refusals.UnknownAccount),
    ):
        await thing(parts, organization.id)
    organization = await an_organization(parts)
    with (
        meanwhile(parts, lambda: thing(parts, organization.id)),
        pytest.raises(refusals.OrganizationInUse),
    ):
        await accounts.delete(parts.store, origin(), ROOT, account=organization.id)


async def test_features_are_switched_one_by_one_and_the_others_stay(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    for stated, on in (
        ({"token_search": True}, {"token_search"}),
        ({"token_revocation": True}, {"token_search", "token_revocation"}),
        ({"token_search": False}, {"token_revocation"}),
        ({}, {"token_revocation"}),
    ):
        await accounts.set_features(parts.store, origin(ROOT), ROOT, account=organization.id, features=stated)
        row = await rows.one(parts.pool, organization.id)
        assert row is not None
        assert set(row["features"]) == on


async def test_two_who_switch_features_at_once_both_succeed(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    await asyncio.gather(
        *(
            accounts.set_features(parts.store, origin(ROOT), ROOT, account=organization.id, features={name: True})
            for name in ("token_search", "token_revocation")
        )
    )
    row = await rows.one(parts.pool, organization.id)
    assert row is not None
    assert row["features"] == ["token_revocation", "token_search"]


async def test_features_of_an_account_that_the_caller_may_not_switch_stay(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child = await a_child(parts, organization.id)
    before = await head(parts)
    for by, account, refusal in (
        (backend(organization.id), organization.id, refusals.MissingPermission),
        (backend(uuid4()), organization.id, refusals.UnknownAccount),
        (ROOT, child.id, refusals.UnknownAccount),
        (ROOT, uuid4(), refusals.UnknownAccount),
    ):
        with pytest.raises(refusal):
            await accounts.set_features(parts.store, origin(by), by, account=account, features={"token_search": True})
    with pytest.raises(refusals.InvalidFeature):
        await accounts.set_features(
            parts.store, origin(ROOT), ROOT, account=organization.id, features={"everything": True}
        )
    assert await head(parts) == before
