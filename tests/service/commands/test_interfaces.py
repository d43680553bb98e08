"""Interfaces have identifiers and addresses of their own within their resource, whoever changes them at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from projections import interfaces as rows
from service.commands import api_resources, interface_grants, interfaces
from service.commands.interface_grants import Wanted
from tests.projections.given import same_when_rebuilt
from tests.service.commands.given import (
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
    from collections.abc import Awaitable, Callable

    from domain.caller import Caller
    from tests.store_fixture import StoreParts


@pytest.fixture
async def organization(parts: StoreParts) -> UUID:
    return (await an_organization(parts)).id


@pytest.fixture
async def resource(parts: StoreParts, organization: UUID) -> UUID:
    return (await an_api_resource(parts, organization)).id


async def create(parts: StoreParts, resource: UUID, by: Caller = SYSTEM, **told: Any) -> Any:
    fields = {"identifier": "read_order", "name": "Read", "method": "GET", "path": "/orders/{id}", **told}
    return (await interfaces.create(parts.store, origin(by), by, resource=resource, **fields)).value


async def change(parts: StoreParts, interface: UUID, by: Caller = SYSTEM, **told: Any) -> Any:
    return (await interfaces.change(parts.store, origin(by), by, interface=interface, **told)).value


async def delete(parts: StoreParts, interface: UUID, by: Caller = SYSTEM) -> None:
    await interfaces.delete(parts.store, origin(by), by, interface=interface)


async def test_an_identifier_is_taken_in_its_resource_until_its_interface_is_deleted(
    parts: StoreParts, organization: UUID, resource: UUID
) -> None:
    first = await create(parts, resource)
    for identifier in ("read_order", "READ_order"):
        with pytest.raises(refusals.IdentifierTaken) as refused:
            await create(parts, resource, identifier=identifier, path="/other")
        assert refused.value.field == "identifier"
    await create(parts, (await an_api_resource(parts, organization, "other")).id)
    await delete(parts, first.id)
    await create(parts, resource)
    await same_when_rebuilt(parts, "interfaces")


async def test_an_address_is_answered_by_one_interface_of_a_resource(parts: StoreParts, resource: UUID) -> None:
    await create(parts, resource)
    for path in ("/orders/{id}", "/orders/{number}", "/%6frders/{id}"):
        with pytest.raises(refusals.AddressTaken) as refused:
            await create(parts, resource, identifier="another", path=path)
        assert refused.value.field == "path"
    for n, told in enumerate(
        [{"method": "POST"}, {"method": "*"}, {"path": "/orders/{id}/"}, {"path": "/Orders/{id}"}]
    ):
        await create(parts, resource, identifier=f"other{n}", **told)


async def test_an_address_that_was_given_up_is_free(parts: StoreParts, resource: UUID) -> None:
    first = await create(parts, resource)
    moved = await change(parts, first.id, path="/orders/{id}/details")
    second = await create(parts, resource, identifier="second")
    before = await head(parts)
    with pytest.raises(refusals.AddressTaken) as refused:
        await change(parts, moved.id, path="/orders/{order}")
    assert refused.value.field == "path"
    assert await head(parts) == before
    await change(parts, second.id, path="/orders/{number}")
    await delete(parts, second.id)
    await change(parts, moved.id, path="/orders/{order}")
    await same_when_rebuilt(parts, "interfaces")


async def test_of_many_at_once_one_gets_the_address(
    parts: StoreParts, resource: UUID, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    processes = [parts, await open_parts()] * 4
    results = await asyncio.gather(
        *(create(each, resource, identifier=f"i{n}", path=f"/a/{{p{n}}}") for n, each in enumerate(processes)),
        return_exceptions=True,
    )
    refused = [type(each) for each in results if isinstance(each, BaseException)]
    assert refused == [refusals.AddressTaken] * 7


async def test_many_are_made_at_once(
    parts: StoreParts, resource: UUID, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    processes = [parts, await open_parts()] * 25
    await asyncio.gather(
        *(create(each, resource, identifier=f"i{n}", path=f"/a/{n}") for n, each in enumerate(processes))
    )
    assert await rows.count(parts.pool, resource) == 50
    row = await rows.resource(parts.pool, resource)
    assert row is not None
    assert row["position"] == await head(parts), "whoever keeps what they made of it knows that it is over"
    await same_when_rebuilt(parts, "interfaces")


async def test_what_belongs_to_others_is_unknown(parts: StoreParts, organization: UUID, resource: UUID) -> None:
    interface = await create(parts, resource, backend(organization))
    stranger = backend((await an_organization(parts)).id)
    application = await an_application(parts, organization)
    before = await head(parts)
    for nowhere, by in ((resource, stranger), (application.id, SYSTEM), (interface.id, SYSTEM), (uuid4(), SYSTEM)):
        with pytest.raises(refusals.UnknownApiResource):
            await create(parts, nowhere, by, identifier="mine", path="/mine")
    for nowhere, by in ((interface.id, stranger), (application.id, SYSTEM), (resource, SYSTEM), (uuid4(), SYSTEM)):
        with pytest.raises(refusals.UnknownInterface):
            await change(parts, nowhere, by, name="Mine")
        with pytest.raises(refusals.UnknownInterface):
            await delete(parts, nowhere, by)
    assert await head(parts) == before


async def test_an_interface_is_recorded_in_its_organization(
    parts: StoreParts, organization: UUID, resource: UUID
) -> None:
    before = await head(parts)
    interface = await create(parts, resource)
    await change(parts, interface.id, name="Write")
    await delete(parts, interface.id)
    recorded = await parts.pool.fetch("SELECT organization FROM muniment.events WHERE notification_id > $1", before)
    assert [row[0] for row in recorded] == [organization] * 3


async def test_what_is_named_changes_and_the_rest_stays(parts: StoreParts, resource: UUID) -> None:
    interface = await create(parts, resource, frequency=7, description="Reads", scope="anonymous")
    changed = await change(parts, interface.id, submit_limited=True, test_frequency=9)
    assert (changed.frequency, changed.test_frequency, changed.submit_limited) == (7, 9, True)
    assert (changed.description, changed.scope, changed.path) == ("Reads", "anonymous", "/orders/{id}")
    assert (await change(parts, interface.id, description=None)).description is None
    before = await head(parts)
    await change(parts, interface.id, name="Read", path="/orders/{id}")
    assert await head(parts) == before


async def test_changes_at_once_of_different_things_both_count(parts: StoreParts, resource: UUID) -> None:
    interface = await create(parts, resource)
    with meanwhile(parts, lambda: change(parts, interface.id, frequency=7)) as decided:
        await change(parts, interface.id, submit_limited=True)
    assert len(decided) == 2
    row = await rows.one(parts.pool, interface.id)
    assert row is not None
    assert (row["frequency"], row["submit_limited"]) == (7, True)


async def test_no_interface_is_made_of_a_resource_that_is_deleted_meanwhile(parts: StoreParts, resource: UUID) -> None:
    async def end() -> None:
        await api_resources.delete(parts.store, origin(), SYSTEM, resource=resource)

    with pytest.raises(refusals.UnknownApiResource), meanwhile(parts, end):
        await create(parts, resource)
    assert await rows.count(parts.pool, resource) == 0


async def test_grants_are_withdrawn_with_their_interface_alone(
    parts: StoreParts, organization: UUID, resource: UUID
) -> None:
    ending, staying = await create(parts, resource), await an_interface(parts, resource, "staying")
    for _ in range(2):
        application = await an_application(parts, organization)
        asked = [Wanted(ending.id), Wanted(staying.id)]
        await interface_grants.request(parts.store, origin(), SYSTEM, application=application.id, interfaces=asked)
    before = await head(parts)
    await delete(parts, ending.id)
    assert await topics(parts, after=before) == ["interface_grant.withdrawn"] * 2 + ["interface.deleted"]
    assert {event.reason for event in (await log(parts, after=before))[:2]} == {interfaces.GONE}
    await same_when_rebuilt(parts, "interfaces", "interface_grants")


async def test_a_grant_that_is_asked_for_meanwhile_is_withdrawn_too(
    parts: StoreParts, organization: UUID, resource: UUID
) -> None:
    interface, application = await create(parts, resource), await an_application(parts, organization)

    async def ask() -> None:
        asked = [Wanted(interface.id)]
        await interface_grants.request(parts.store, origin(), SYSTEM, application=application.id, interfaces=asked)

    with meanwhile(parts, ask) as decided:
        await delete(parts, interface.id)
    assert len(decided) == 2
    assert (await topics(parts))[-2:] == ["interface_grant.withdrawn", "interface.deleted"]


async def test_grants_stay_whatever_changes(parts: StoreParts, organization: UUID, resource: UUID) -> None:
    interface, application = await create(parts, resource), await an_application(parts, organization)
    asked = [Wanted(interface.id)]
    await interface_grants.request(parts.store, origin(), SYSTEM, application=application.id, interfaces=asked)
    before = await head(parts)
    await change(parts, interface.id, method="POST", path="/moved", scope="anonymous", frequency=1)
    assert await topics(parts, after=before) == ["interface.changed"]


async def test_a_resource_has_so_many_interfaces_at_most(
    parts: StoreParts, organization: UUID, resource: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interfaces, "INTERFACE_LIMIT", 3)
    results = await asyncio.gather(
        *(create(parts, resource, identifier=f"i{n}", path=f"/a/{n}") for n in range(6)), return_exceptions=True
    )
    refused = [type(each) for each in results if isinstance(each, BaseException)]
    assert refused == [refusals.TooManyInterfaces] * 3
    await create(parts, (await an_api_resource(parts, organization, "other")).id)


async def test_an_organization_has_so_many_interfaces_at_most(
    parts: StoreParts, organization: UUID, resource: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interfaces, "ORGANIZATION_LIMIT", 2)
    other = (await an_api_resource(parts, organization, "other")).id
    await create(parts, resource)
    leaving = await create(parts, other)
    before = await head(parts)
    for full in (resource, other):
        with pytest.raises(refusals.TooManyInterfaces):
            await create(parts, full, identifier="more", path="/more")
    assert await head(parts) == before
    elsewhere = await an_organization(parts)
    await create(parts, (await an_api_resource(parts, elsewhere.id)).id)
    await interfaces.delete(parts.store, origin(), SYSTEM, interface=leaving.id)
    await create(parts, resource, identifier="more", path="/more")
