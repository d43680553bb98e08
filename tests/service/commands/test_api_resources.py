"""API resources have identifiers of their own, belong to active organizations, and end with all that is theirs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from projections import interfaces as rows
from service.commands import accounts, api_resources, interface_grants
from service.commands.interface_grants import Wanted
from tests.projections.given import same_when_rebuilt
from tests.service.commands.given import (
    NOBODY,
    ROOT,
    a_child,
    an_api_resource,
    an_application,
    an_interface,
    an_organization,
    backend,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from domain.caller import Caller
    from tests.store_fixture import StoreParts


@pytest.fixture
async def organization(parts: StoreParts) -> UUID:
    return (await an_organization(parts)).id


async def create(parts: StoreParts, organization: UUID, by: Caller = SYSTEM, **told: Any) -> Any:
    fields = {"identifier": "orders", "name": "Orders", **told}
    return (await api_resources.create(parts.store, origin(by), by, organization=organization, **fields)).value


async def change(parts: StoreParts, resource: UUID, by: Caller = SYSTEM, **told: Any) -> Any:
    return (await api_resources.change(parts.store, origin(by), by, resource=resource, **told)).value


async def delete(parts: StoreParts, resource: UUID, by: Caller = SYSTEM, *, cascade: bool = False) -> None:
    await api_resources.delete(parts.store, origin(by), by, resource=resource, cascade=cascade)


async def left(parts: StoreParts, organization: UUID) -> list[Any]:
    page = await rows.resources_page(parts.pool, organization, search=None, after=NOBODY, limit=9)
    return [row["identifier"] for row in page]


async def test_an_identifier_is_taken_in_its_organization_until_its_resource_is_deleted(
    parts: StoreParts, organization: UUID
) -> None:
    first = await create(parts, organization)
    for identifier in ("orders", "Orders"):
        with pytest.raises(refusals.IdentifierTaken) as refused:
            await create(parts, organization, identifier=identifier)
        assert refused.value.field == "identifier"
    await create(parts, organization, identifier="orders.v2")
    await create(parts, (await an_organization(parts)).id)
    await delete(parts, first.id)
    again = await create(parts, organization, identifier="ORDERS")
    assert again.id != first.id
    await same_when_rebuilt(parts, "interfaces")


async def test_a_resource_belongs_to_an_organization_that_is_active(parts: StoreParts, organization: UUID) -> None:
    before = await head(parts)
    child = await a_child(parts, organization)
    for nowhere in (child.id, uuid4()):
        with pytest.raises(refusals.UnknownAccount):
            await create(parts, nowhere)
    stranger = backend((await an_organization(parts)).id)
    with pytest.raises(refusals.UnknownAccount):
        await create(parts, organization, stranger)
    await accounts.move_status(parts.store, origin(), SYSTEM, account=organization, status="suspended")
    with pytest.raises(refusals.AccountNotActive):
        await create(parts, organization)
    assert "api_resource.created" not in await topics(parts, after=before)


async def test_what_belongs_to_others_is_unknown(parts: StoreParts, organization: UUID) -> None:
    resource = await create(parts, organization)
    stranger = backend((await an_organization(parts)).id)
    application = await an_application(parts, organization)
    before = await head(parts)
    for id, by in ((resource.id, stranger), (application.id, SYSTEM), (uuid4(), SYSTEM)):
        with pytest.raises(refusals.UnknownApiResource):
            await change(parts, id, by, name="Mine")
        for cascade in (False, True):
            with pytest.raises(refusals.UnknownApiResource):
                await delete(parts, id, by, cascade=cascade)
    assert await head(parts) == before


async def test_what_is_named_changes_and_the_rest_stays(parts: StoreParts, organization: UUID) -> None:
    resource = await create(parts, organization, uri="https://a.example/", audience="api")
    changed = await change(parts, resource.id, backend(organization), name="Sales")
    assert (changed.name, changed.uri, changed.audience) == ("Sales", "https://a.example/", "api")
    changed = await change(parts, resource.id, audience=None)
    assert (changed.name, changed.uri, changed.audience) == ("Sales", "https://a.example/", None)
    before = await head(parts)
    await change(parts, resource.id, name="Sales")
    assert await head(parts) == before


async def test_changes_at_once_of_different_things_both_count(parts: StoreParts, organization: UUID) -> None:
    resource = await create(parts, organization)
    with meanwhile(parts, lambda: change(parts, resource.id, audience="api")) as decided:
        await change(parts, resource.id, description="Sells")
    assert len(decided) == 2
    row = await rows.resource(parts.pool, resource.id)
    assert row is not None
    assert (row["audience"], row["description"]) == ("api", "Sells")


async def test_a_resource_with_interfaces_goes_with_them_or_not_at_all(parts: StoreParts, organization: UUID) -> None:
    resource = await create(parts, organization)
    for identifier in ("read", "pay"):
        await an_interface(parts, resource.id, identifier)
    before = await head(parts)
    with pytest.raises(refusals.ApiResourceInUse):
        await delete(parts, resource.id)
    assert await head(parts) == before
    await delete(parts, resource.id, backend(organization), cascade=True)
    assert await topics(parts, after=before) == ["interface.deleted", "interface.deleted", "api_resource.deleted"]
    assert await rows.of_resource(parts.pool, resource.id) == []
    again = await create(parts, organization)
    await an_interface(parts, again.id, "read")
    await same_when_rebuilt(parts, "interfaces")


async def test_an_interface_that_is_made_meanwhile_keeps_its_resource_or_goes_with_it(
    parts: StoreParts, organization: UUID
) -> None:
    resource = await create(parts, organization)
    with (
        pytest.raises(refusals.ApiResourceInUse),
        meanwhile(parts, lambda: an_interface(parts, resource.id)),
    ):
        await delete(parts, resource.id)
    with meanwhile(parts, lambda: an_interface(parts, resource.id, "late")) as decided:
        await delete(parts, resource.id, cascade=True)
    assert len(decided) == 2
    assert await rows.of_resource(parts.pool, resource.id) == []


async def test_grants_are_withdrawn_with_their_resource(parts: StoreParts, organization: UUID) -> None:
    resource, other = await create(parts, organization), await create(parts, organization, identifier="other")
    interfaces = [await an_interface(parts, of.id) for of in (resource, other)]
    application = await an_application(parts, organization)
    asked = [Wanted(interface.id) for interface in interfaces]
    await interface_grants.request(parts.store, origin(), SYSTEM, application=application.id, interfaces=asked)
    before = await head(parts)
    await delete(parts, resource.id, cascade=True)
    assert await topics(parts, after=before) == [
        "interface_grant.withdrawn", "interface.deleted", "api_resource.deleted",
    ]  # fmt: skip
    assert (await log(parts, after=before))[0].reason == api_resources.GONE
    await same_when_rebuilt(parts, "interface_grants")


async def test_an_organization_has_so_many_resources_at_most(
    parts: StoreParts, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_resources, "RESOURCE_LIMIT", 2)
    for identifier in ("a", "b"):
        await create(parts, organization, identifier=identifier)
    with pytest.raises(refusals.TooManyApiResources):
        await create(parts, organization, identifier="c")
    await create(parts, (await an_organization(parts)).id)


async def test_resources_that_are_made_at_once_count(
    parts: StoreParts, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_resources, "RESOURCE_LIMIT", 3)
    results = await asyncio.gather(
        *(create(parts, organization, identifier=f"r{n}") for n in range(6)), return_exceptions=True
    )
    refused = [type(each) for each in results if isinstance(each, BaseException)]
    assert refused == [refusals.TooManyApiResources] * 3


async def test_an_organization_that_ends_takes_its_resources_with_it(parts: StoreParts, organization: UUID) -> None:
    resources = [await create(parts, organization, identifier=name) for name in ("a", "b")]
    for resource in resources:
        await an_interface(parts, resource.id)
    await an_interface(parts, resources[0].id, "pay")
    before = await head(parts)
    await accounts.delete(parts.store, origin(), SYSTEM, account=organization)
    ended = await topics(parts, after=before)
    assert ended.count("interface.deleted") == 3
    assert ended.count("api_resource.deleted") == 2
    assert ended[-1] == "account.deleted"
    assert await left(parts, organization) == []
    held = "SELECT count(*) FROM muniment.claims WHERE organization = $1"
    assert await parts.pool.fetchval(held, organization) == 0
    await same_when_rebuilt(parts, "interfaces")


async def test_what_is_made_while_its_organization_ends_ends_too(parts: StoreParts, organization: UUID) -> None:
    resource = await create(parts, organization)
    with meanwhile(parts, lambda: an_interface(parts, resource.id)):
        await accounts.delete(parts.store, origin(), ROOT, account=organization)
    assert await rows.of_resource(parts.pool, resource.id) == []
    other = await an_organization(parts)
    with meanwhile(parts, lambda: an_api_resource(parts, other.id)):
        await accounts.delete(parts.store, origin(), ROOT, account=other.id)
    assert await left(parts, other.id) == []


async def test_nothing_is_made_in_an_organization_that_ended_meanwhile(parts: StoreParts, organization: UUID) -> None:
    with (
        pytest.raises(refusals.UnknownAccount),
        meanwhile(parts, lambda: accounts.delete(parts.store, origin(), ROOT, account=organization)),
    ):
        await create(parts, organization)
    assert await left(parts, organization) == []


async def test_more_interfaces_than_one_append_holds_are_deleted_in_parts(
    parts: StoreParts, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = [await create(parts, organization, identifier=name) for name in ("a", "b")]
    for resource in resources:
        await an_interface(parts, resource.id)
    monkeypatch.setattr(api_resources, "ENDING_LIMIT", 1)
    before = await head(parts)
    with pytest.raises(refusals.TooMuchAtOnce):
        await accounts.delete(parts.store, origin(), ROOT, account=organization)
    assert await head(parts) == before
    await delete(parts, resources[0].id, cascade=True)
    await accounts.delete(parts.store, origin(), ROOT, account=organization)
