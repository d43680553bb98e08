"""Users come with an application, hold roles, and leave nothing personal behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from projections import memberships as member_rows
from projections import users as rows
from service.commands import accounts, applications, memberships, people_settings, roles, users
from tests.service.commands.given import (
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
    person,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts


async def test_a_user_belongs_to_the_applications_organization(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    by = backend(organization.id)
    outcome = await users.create(
        parts.store, origin(by), by, application=application.id, name="Žofie", status="suspended"
    )
    row = await rows.one(parts.pool, outcome.value.id)
    assert row is not None
    assert (row["organization"], row["name"], row["status"]) == (organization.id, "Žofie", "suspended")


async def test_only_an_active_application_gets_users(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    for by, wanted in ((backend(uuid4()), application.id), (SYSTEM, uuid4()), (SYSTEM, organization.id)):
        with pytest.raises(refusals.UnknownApplication):
            await users.create(parts.store, origin(), by, application=wanted)
    with (
        meanwhile(parts, lambda: applications.disable(parts.store, origin(), SYSTEM, application=application.id)),
        pytest.raises(refusals.ApplicationNotActive),
    ):
        await a_user(parts, application.id)
    await applications.delete(parts.store, origin(), SYSTEM, application=application.id)
    with pytest.raises(refusals.UnknownApplication):
        await a_user(parts, application.id)


async def test_a_user_is_renamed_suspended_and_reinstated(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    by = backend(organization.id)
    await people_settings.change(parts.store, origin(), by, user=user.id, name="Grace")
    await users.suspend(parts.store, origin(), by, user=user.id, reason="lost laptop")
    outcome = await users.reinstate(parts.store, origin(), by, user=user.id)
    assert (outcome.value.name, outcome.value.status) == ("Grace", "active")
    assert (await topics(parts))[-3:] == ["user.renamed", "user.suspended", "user.reinstated"]


async def test_a_rename_while_the_user_is_suspended_loses_neither(parts: StoreParts) -> None:
    user = await a_user(parts, (await an_application(parts, (await an_organization(parts)).id)).id)
    with meanwhile(parts, lambda: users.suspend(parts.store, origin(), SYSTEM, user=user.id)) as decided:
        outcome = await people_settings.change(parts.store, origin(), SYSTEM, user=user.id, name="Grace")
    assert (len(decided), outcome.value.name, outcome.value.status) == (2, "Grace", "suspended")


COMMANDS: list[Callable[[StoreParts, Caller, Any], Awaitable[object]]] = [
    lambda parts, by, user: people_settings.change(parts.store, origin(), by, user=user, name="Eve"),
    lambda parts, by, user: users.suspend(parts.store, origin(), by, user=user),
    lambda parts, by, user: users.reinstate(parts.store, origin(), by, user=user),
    lambda parts, by, user: users.assign_role(parts.store, origin(), by, user=user, role=uuid4()),
    lambda parts, by, user: users.unassign_role(parts.store, origin(), by, user=user, role=uuid4()),
    lambda parts, by, user: users.delete(parts.store, origin(), by, user=user),
]


@pytest.mark.parametrize("command", COMMANDS)
async def test_another_organizations_user_is_unknown(
    parts: StoreParts, command: Callable[[StoreParts, Caller, Any], Awaitable[object]]
) -> None:
    user = await a_user(parts, (await an_application(parts, (await an_organization(parts)).id)).id)
    before = await head(parts)
    for by, wanted in ((backend(uuid4()), user.id), (ROOT, uuid4())):
        with pytest.raises(refusals.UnknownUser):
            await command(parts, by, wanted)
    assert await head(parts) == before


async def test_roles_of_the_organization_are_assigned_and_taken_away(parts: StoreParts) -> None:
    organization, other = await an_organization(parts), await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    role, foreign = await a_role(parts, organization.id), await a_role(parts, other.id)
    by = backend(organization.id)
    await users.assign_role(parts.store, origin(), by, user=user.id, role=role.id)
    assert await rows.holders(parts.pool, role.id, limit=9) == [user.id]
    for unknown in (foreign.id, uuid4()):
        with pytest.raises(refusals.UnknownRole):
            await users.assign_role(parts.store, origin(), by, user=user.id, role=unknown)
    with pytest.raises(refusals.UnknownRole):
        await users.assign_role(parts.store, origin(), ROOT, user=user.id, role=foreign.id)
    await users.unassign_role(parts.store, origin(), by, user=user.id, role=role.id)
    assert await rows.holders(parts.pool, role.id, limit=9) == []


async def test_a_role_that_becomes_privileged_meanwhile_is_not_assigned(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    role = await a_role(parts, organization.id)
    with (
        meanwhile(parts, lambda: roles.change(parts.store, origin(), ROOT, role=role.id, permissions=["root"])),
        pytest.raises(refusals.PrivilegedRole),
    ):
        await users.assign_role(parts.store, origin(), backend(organization.id), user=user.id, role=role.id)


async def test_a_deleted_user_leaves_accounts_and_roles_in_one_append(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    role, child = await a_role(parts, organization.id), await a_child(parts, organization.id)
    await users.assign_role(parts.store, origin(), SYSTEM, user=user.id, role=role.id)
    await a_member(parts, organization.id, user.id, "owner")
    await a_member(parts, child.id, user.id)
    before = await head(parts)
    await users.delete(parts.store, origin(), backend(organization.id), user=user.id)
    gone = ["membership.removed", "membership.removed", "user.role_unassigned", "user.deleted"]
    assert await topics(parts, after=before) == gone
    assert await rows.one(parts.pool, user.id) is None
    assert await rows.holders(parts.pool, role.id, limit=9) == []
    assert await member_rows.ids_of_user(parts.pool, user.id, limit=9) == []
    assert await parts.pool.fetchval("SELECT count(*) FROM muniment.claims WHERE space = 'membership'") == 0


async def test_the_membership_that_came_meanwhile_ends_with_the_user(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    with meanwhile(parts, lambda: a_member(parts, organization.id, user.id)) as decided:
        await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    assert len(decided) == 2
    assert (await topics(parts))[-2:] == ["membership.removed", "user.deleted"]


async def test_nobody_deletes_themselves_or_leaves_an_account_without_owner(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    owner = await a_user(parts, application.id)
    itself = Caller(owner.id, organization.id, frozenset({"all"}), application=application.id, user=owner.id)
    with pytest.raises(refusals.OwnDeletion):
        await users.delete(parts.store, origin(), itself, user=owner.id)
    await a_member(parts, organization.id, owner.id, "owner")
    with pytest.raises(refusals.LastOwner):
        await users.delete(parts.store, origin(), person(organization.id), user=owner.id)
    await users.delete(parts.store, origin(), backend(organization.id), user=owner.id)


async def test_too_many_memberships_end_one_by_one(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "MEMBERSHIP_LIMIT", 1)
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    first = await a_member(parts, organization.id, user.id)
    await a_member(parts, (await a_child(parts, organization.id)).id, user.id)
    with pytest.raises(refusals.TooMuchAtOnce):
        await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    await memberships.remove(parts.store, origin(), SYSTEM, account=organization.id, membership=first.id)
    await users.delete(parts.store, origin(), SYSTEM, user=user.id)


async def test_a_users_name_is_nowhere_in_the_log(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id, "Ada Lovelace")
    await people_settings.change(parts.store, origin(), SYSTEM, user=user.id, name="Countess Lovelace")
    states = [row["state"] for row in await parts.pool.fetch("SELECT state FROM muniment.log")]
    assert not any(b"Lovelace" in state for state in states)
    assert [event.name for event in await log(parts) if event.TOPIC.startswith("user.")] == [
        "Ada Lovelace",
        "Countess Lovelace",
    ]


async def test_a_users_name_is_gone_with_the_user_on_every_process(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    other = await open_parts()
    assert [event.name for event in await log(other) if event.TOPIC == "user.created"] == ["Ada"]
    await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    assert [event.name for event in await log(parts) if event.TOPIC == "user.created"] == [None]
    other.clock.move(timedelta(seconds=60))  # as long as a key may be remembered
    assert [event.name for event in await log(other) if event.TOPIC == "user.created"] == [None]
    wrapped = await parts.owner.fetchval("SELECT wrapped FROM muniment.subject_keys WHERE subject = $1", user.id)
    assert wrapped is None


async def test_a_user_without_a_name_leaves_a_tombstone_too(parts: StoreParts) -> None:
    user = await a_user(parts, (await an_application(parts, (await an_organization(parts)).id)).id, None)
    assert await parts.vault.ciphers([user.id]) == {}
    await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    assert await parts.vault.is_destroyed(user.id)


async def test_a_name_given_while_the_user_is_deleted_is_not_kept(parts: StoreParts) -> None:
    user = await a_user(parts, (await an_application(parts, (await an_organization(parts)).id)).id, None)
    with (
        meanwhile(parts, lambda: users.delete(parts.store, origin(), SYSTEM, user=user.id)),
        pytest.raises(refusals.UnknownUser),
    ):
        await people_settings.change(parts.store, origin(), SYSTEM, user=user.id, name="Ada")
    assert await parts.vault.ciphers([user.id]) == {}


async def test_many_processes_delete_a_user_once(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    user = await a_user(parts, (await an_application(parts, (await an_organization(parts)).id)).id)
    processes = [parts, await open_parts(), await open_parts()]
    results = await asyncio.gather(
        *(users.delete(each.store, origin(), SYSTEM, user=user.id) for each in processes * 3), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.UnknownUser] * 8
    assert (await topics(parts)).count("user.deleted") == 1


async def test_an_account_deleted_while_its_member_is_deleted_ends_the_membership_once(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child = await a_child(parts, organization.id)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    await a_member(parts, child.id, user.id)
    with meanwhile(parts, lambda: accounts.delete(parts.store, origin(), SYSTEM, account=child.id)):
        await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    assert (await topics(parts)).count("membership.removed") == 1
