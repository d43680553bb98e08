"""Every event of a command says who asked for it, through which application, and in whose organization it happened."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from service.commands import (
    accounts,
    applications,
    grants,
    memberships,
    revocations,
    roles,
    signing_keys,
    users,
)
from service.commands.secrets import SecretRequest
from tests.service.commands.given import NOBODY, ROOT, an_application, an_organization, head, origin, person

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from tests.store_fixture import StoreParts


async def a_story(parts: StoreParts, organization: UUID, by: Caller) -> None:
    """Give commands of every kind, as somebody of another organization."""
    store, asked = parts.store, origin(by)
    child = (await accounts.create_child(store, asked, by, parent=organization, name="Branch")).value
    await accounts.update(store, asked, by, account=child.id, name="Shop")
    client = (await an_application(parts, organization)).id
    await applications.add_secrets(store, asked, by, application=client, secrets=[SecretRequest("blue")])
    user = (await users.create(store, asked, by, application=client, name="Ada")).value.id
    role = (await roles.define(store, asked, by, organization=organization, name="auditor")).value.id
    await users.assign_role(store, asked, by, user=user, role=role)
    await memberships.add(store, asked, by, account=child.id, user=user, role="owner")
    await grants.request(store, asked, by, application=client, audience="https://api.example.com", scope=["read"])
    await revocations.record(store, asked, by, organization=organization, user=user)
    await users.delete(store, asked, by, user=user)
    await roles.delete(store, asked, by, role=role)
    await applications.delete(store, asked, by, application=client)
    await accounts.delete(store, asked, by, account=organization, cascade=True)


async def test_an_event_is_recorded_in_the_organization_it_is_about(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    await a_story(parts, organization.id, ROOT)
    rows = await parts.pool.fetch("SELECT DISTINCT organization FROM muniment.events")
    assert [row["organization"] for row in rows] == [organization.id]


async def test_an_event_names_the_person_and_the_application_they_used(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    by, before = person(ROOT.organization, "root"), await head(parts)
    await accounts.create_child(parts.store, origin(by), by, parent=organization.id, name="Branch")
    row = await parts.pool.fetchrow(
        "SELECT actor, client, request_id FROM muniment.events WHERE notification_id > $1", before
    )
    assert (row["actor"], row["client"]) == (by.user, by.application)


async def test_keys_belong_to_no_organization(parts: StoreParts) -> None:
    key = (await signing_keys.introduce(parts.store, origin(ROOT), ROOT, algorithm="ES256")).value
    await signing_keys.activate(parts.store, origin(ROOT), ROOT, key=key.id, published_for=timedelta(0))
    await signing_keys.rotate(
        parts.store, origin(ROOT), ROOT, published_for=timedelta(0), overlap=timedelta(0), force=True
    )
    rows = await parts.pool.fetch("SELECT DISTINCT organization FROM muniment.events")
    assert [row["organization"] for row in rows] == [NOBODY]
