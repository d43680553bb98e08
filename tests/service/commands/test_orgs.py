"""Orgs are named by their slugs, users are active in one of theirs at most, and an org somebody works in stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.user import User
from projections import accounts as account_rows
from projections import memberships as membership_rows
from service.commands import accounts, memberships, orgs, users
from service.commands.seen import to_change
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_member,
    a_user,
    an_application,
    an_org,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.store.decision import Decision
    from tests.store_fixture import StoreParts


async def activate(parts: StoreParts, user: UUID, slug: str | None) -> None:
    async def command(decision: Decision) -> None:
        person = await to_change(decision, SYSTEM, User, user)
        await orgs.make_active(decision, SYSTEM, person, slug, parts.clock.now())

    await parts.store.decide(command, origin())


async def replace(parts: StoreParts, user: UUID, *wanted: UUID) -> None:
    await orgs.replace_memberships(parts.store, origin(), SYSTEM, user=user, orgs=wanted)


async def active_slug(parts: StoreParts, user: UUID) -> str | None:
    row = await membership_rows.active_org(parts.pool, user)
    return None if row is None else row["slug"]


async def of_user(parts: StoreParts, user: UUID) -> list[UUID]:
    return [row["id"] for row in await account_rows.orgs_of_user(parts.pool, user, limit=50)]


async def test_an_org_is_a_child_of_the_organization(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    by = backend(organization.id)
    made = await orgs.create(
        parts.store, origin(by), by, organization=organization.id, name="Acme", slug="acme",
        public_registration=True, branding_only=False,
    )  # fmt: skip
    row = await account_rows.one(parts.pool, made.value.id)
    assert row is not None
    assert (row["parent"], row["depth"], row["slug"], row["public_registration"]) == (organization.id, 1, "acme", True)
    child = await a_child(parts, organization.id)
    for caller, wanted in ((by, uuid4()), (ROOT, child.id), (backend(uuid4()), organization.id)):
        with pytest.raises(refusals.UnknownAccount):
            await orgs.create(
                parts.store, origin(), caller, organization=wanted, name="A", slug="b",
                public_registration=False, branding_only=False,
            )  # fmt: skip


async def test_one_of_many_orgs_gets_a_slug(parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    organization, other = await an_organization(parts), await an_organization(parts)
    processes = [parts, await open_parts()]
    slugs = ["acme", "ACME"] * 2
    results = await asyncio.gather(
        *(an_org(each, organization.id, slug) for each in processes for slug in slugs), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.NameTaken] * 7
    assert {refusal.field for refusal in refused} == {"slug"}  # type: ignore[attr-defined]
    await an_org(parts, other.id)


async def test_a_slug_that_was_given_up_is_free(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    org = await an_org(parts, organization.id)
    await orgs.change(parts.store, origin(), SYSTEM, org=org.id, slug="Acme")
    await orgs.change(parts.store, origin(), SYSTEM, org=org.id, slug="other")
    second = await an_org(parts, organization.id)
    with pytest.raises(refusals.NameTaken):
        await orgs.change(parts.store, origin(), SYSTEM, org=second.id, slug="OTHER")
    await orgs.delete(parts.store, origin(), SYSTEM, org=second.id)
    third = await an_org(parts, organization.id)
    await accounts.delete(parts.store, origin(), SYSTEM, account=third.id)
    await an_org(parts, organization.id)


async def test_a_change_leaves_alone_what_it_does_not_name(parts: StoreParts) -> None:
    org = await an_org(parts, (await an_organization(parts)).id)
    await orgs.change(
        parts.store, origin(), SYSTEM, org=org.id, public_registration=True,
        branding={"layout_color": "#fff", "font_family": "Inter"},
    )  # fmt: skip
    changed = await orgs.change(parts.store, origin(), SYSTEM, org=org.id, name="New", branding={"layout_color": ""})
    found = changed.value
    assert (found.name, found.slug, found.public_registration) == ("New", "acme", True)
    assert found.branding == {"font_family": "Inter"}
    before = await head(parts)
    with pytest.raises(refusals.InvalidBranding):
        await orgs.change(parts.store, origin(), SYSTEM, org=org.id, name="Newer", branding={"layout_color": "url(x)"})
    assert await head(parts) == before


async def test_accounts_that_are_no_orgs_are_unknown(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child, stranger = await a_child(parts, organization.id), backend(uuid4())
    org = await an_org(parts, organization.id)
    for by, wanted in ((SYSTEM, child.id), (SYSTEM, organization.id), (SYSTEM, uuid4()), (stranger, org.id)):
        with pytest.raises(refusals.UnknownAccount):
            await orgs.change(parts.store, origin(), by, org=wanted, name="x")
        with pytest.raises(refusals.UnknownAccount):
            await orgs.delete(parts.store, origin(), by, org=wanted)


async def test_a_user_is_active_in_one_org_at_most(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    one, two = await an_org(parts, organization.id, "one"), await an_org(parts, organization.id, "two")
    await an_org(parts, organization.id, "three")
    await replace(parts, user.id, one.id, two.id)
    assert await active_slug(parts, user.id) is None
    await activate(parts, user.id, "ONE")
    assert await active_slug(parts, user.id) == "one"
    before = await head(parts)
    await activate(parts, user.id, "two")
    assert await topics(parts, after=before) == ["membership.deactivated", "membership.activated"] or await topics(
        parts, after=before
    ) == ["membership.activated", "membership.deactivated"]
    assert await active_slug(parts, user.id) == "two"
    before = await head(parts)
    await activate(parts, user.id, "two")
    assert await head(parts) == before
    with pytest.raises(refusals.NotInOrganization):
        await activate(parts, user.id, "three")
    with pytest.raises(refusals.UnknownAccount):
        await activate(parts, user.id, "four")
    assert await active_slug(parts, user.id) == "two"
    await activate(parts, user.id, None)
    assert await active_slug(parts, user.id) is None


async def test_a_user_who_is_activated_twice_at_once_is_active_in_one_org(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    one, two = await an_org(parts, organization.id, "one"), await an_org(parts, organization.id, "two")
    await replace(parts, user.id, one.id, two.id)
    with meanwhile(parts, lambda: activate(parts, user.id, "one")):
        await activate(parts, user.id, "two")
    assert await active_slug(parts, user.id) == "two"
    active = await parts.pool.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1 AND active", user.id)
    assert active == 1


async def test_a_replacement_leaves_the_user_in_the_orgs_named_and_in_no_others(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    one, two, three = [await an_org(parts, organization.id, slug) for slug in ("one", "two", "three")]
    branch = await a_child(parts, organization.id)
    kept = await a_member(parts, branch.id, user.id)
    await replace(parts, user.id, one.id, two.id, one.id)
    await activate(parts, user.id, "one")
    before = await head(parts)
    await replace(parts, user.id, two.id, three.id)
    assert await topics(parts, after=before) == ["membership.removed", "membership.added"]
    assert await of_user(parts, user.id) == sorted([two.id, three.id])
    assert await active_slug(parts, user.id) is None, "the org that the user was active in is no longer theirs"
    assert await membership_rows.one(parts.pool, kept.id) is not None, "accounts that are no orgs stay as they are"
    before = await head(parts)
    await replace(parts, user.id, three.id, two.id)
    assert await head(parts) == before
    await replace(parts, user.id)
    assert await of_user(parts, user.id) == []


async def test_a_replacement_that_names_what_is_no_org_changes_nothing(parts: StoreParts) -> None:
    organization, other = await an_organization(parts), await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    org, elsewhere = await an_org(parts, organization.id), await an_org(parts, other.id)
    branch = await a_child(parts, organization.id)
    before = await head(parts)
    for wrong in (elsewhere.id, branch.id, organization.id, uuid4()):
        with pytest.raises(refusals.UnknownAccount):
            await replace(parts, user.id, org.id, wrong)
    stranger = backend(other.id)
    with pytest.raises(refusals.UnknownUser):
        await orgs.replace_memberships(parts.store, origin(), stranger, user=user.id, orgs=[])
    await users.suspend(parts.store, origin(), SYSTEM, user=user.id)
    with pytest.raises(refusals.UserNotActive):
        await replace(parts, user.id, org.id)
    assert await head(parts) == before + 1


async def test_an_org_somebody_works_in_is_not_deleted(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    org = await an_org(parts, organization.id)
    await replace(parts, user.id, org.id)
    await activate(parts, user.id, "acme")
    before = await head(parts)
    with pytest.raises(refusals.OrganizationHasUsers):
        await orgs.delete(parts.store, origin(), SYSTEM, org=org.id)
    assert await head(parts) == before
    await activate(parts, user.id, None)
    with meanwhile(parts, lambda: activate(parts, user.id, "acme")), pytest.raises(refusals.OrganizationHasUsers):
        await orgs.delete(parts.store, origin(), SYSTEM, org=org.id)
    await activate(parts, user.id, "")
    await orgs.delete(parts.store, origin(), SYSTEM, org=org.id)
    assert await of_user(parts, user.id) == []
    with pytest.raises(refusals.UnknownAccount):
        await orgs.delete(parts.store, origin(), SYSTEM, org=org.id)


async def test_an_org_with_accounts_below_it_is_not_deleted(parts: StoreParts) -> None:
    org = await an_org(parts, (await an_organization(parts)).id)
    await a_child(parts, org.id)
    with pytest.raises(refusals.AccountHasChildren):
        await orgs.delete(parts.store, origin(), SYSTEM, org=org.id)


async def test_who_leaves_the_account_is_active_there_no_longer(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    org = await an_org(parts, organization.id)
    member = await a_member(parts, org.id, user.id)
    await activate(parts, user.id, "acme")
    await memberships.remove(parts.store, origin(), SYSTEM, account=org.id, membership=member.id)
    assert await active_slug(parts, user.id) is None
    await a_member(parts, org.id, user.id)
    assert await active_slug(parts, user.id) is None


async def test_a_new_user_joins_an_org_that_takes_members(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    org = await an_org(parts, organization.id)

    async def joined(slug: str) -> UUID:
        async def command(decision: Decision) -> UUID:
            now = parts.clock.now()
            person = User.create(
                id=parts.clock.new_id(), organization=organization.id, application=application.id, name=None, now=now
            )
            decision.organization = organization.id
            await orgs.join(decision, SYSTEM, person, slug, now, id=parts.clock.new_id())
            decision.save(person)
            return person.id

        return (await parts.store.decide(command, origin())).value

    assert await active_slug(parts, await joined("acme")) == "acme"
    with pytest.raises(refusals.UnknownAccount):
        await joined("nowhere")
    await orgs.change(parts.store, origin(), SYSTEM, org=org.id, branding_only=True)
    with pytest.raises(refusals.OrganizationClosed):
        await joined("acme")
