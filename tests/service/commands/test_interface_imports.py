"""An import is one append or none: planned on all there is, told beforehand, and planned anew when that moved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.api_resource import ApiResource
from domain.caller import SYSTEM, Caller
from domain.interface import Interface
from projections import interface_grants as grant_rows
from projections import interfaces as rows
from service.commands import api_resources, interface_grants, interface_imports, interfaces
from service.commands.interface_grants import Wanted
from service.commands.interface_imports import Mode, Report
from service.interface_import.imported import ImportedDocument, Operation
from service.interface_import.plan import What
from service.store.log import read_page
from tests.service.commands.given import (
    an_api_resource,
    an_application,
    an_interface,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts

READ = Operation("readOrder", "Read an order", "GET", "/orders/{id}", None)
LIST = Operation("listOrders", "List orders", "GET", "/orders", "All of them")


def document(*operations: Operation, **more: Any) -> ImportedDocument:
    told: dict[str, Any] = {"identifier": "orders", "name": "Orders", "description": None, "uri": None, **more}
    return ImportedDocument(version="OpenAPI 3.0", operations=operations or (READ, LIST), left_out=(), **told)


class Place:
    """An organization, and somebody who imports there."""

    def __init__(self, parts: StoreParts, organization: UUID) -> None:
        self.parts, self.organization = parts, organization
        self.by = backend(organization, "write_api")

    async def imports(self, of: ImportedDocument | None = None, mode: Mode = Mode.NORMAL, **told: Any) -> Report:
        by = told.pop("by", self.by)
        fields = {"organization": self.organization, "document": of or document(), "mode": mode, **told}
        return (await interface_imports.carry_out(self.parts.store, origin(by), by, **fields)).value

    async def overwrite(self, of: ImportedDocument | None = None, **told: Any) -> Report:
        return await self.imports(of, Mode.OVERWRITE, **told)

    async def there(self, resource: str = "orders") -> dict[str, Any]:
        """Return the interfaces of a resource by their identifiers."""
        row = await rows.resource_by_identifier(self.parts.pool, self.organization, resource)
        assert row is not None
        return {one["identifier"]: one for one in await rows.of_resource(self.parts.pool, row["id"])}

    async def granted(self, *of: UUID) -> list[UUID]:
        """Let a new application be granted interfaces; return the grants."""
        application = (await an_application(self.parts, self.organization)).id
        requester = backend(self.organization, "write_app")
        asked = await interface_grants.request(
            self.parts.store, origin(requester), requester, application=application,
            interfaces=[Wanted(one) for one in of],
        )  # fmt: skip
        approver = backend(self.organization, "approve_grant")
        for grant in asked.value.grants:
            await interface_grants.approve(self.parts.store, origin(approver), approver, grant=grant.id)
        return [grant.id for grant in asked.value.grants]


@pytest.fixture
async def place(parts: StoreParts) -> Place:
    return Place(parts, (await an_organization(parts)).id)


async def test_a_resource_and_its_interfaces_are_made_in_one_append(place: Place) -> None:
    before = await head(place.parts)
    report = await place.imports(document(name="Order service", description="All", uri="https://orders.test/"))
    entries = await read_page(place.parts.pool, after=before, until=2**62, limit=9)
    assert [entry.topic for entry in entries] == ["api_resource.created", "interface.created", "interface.created"]
    assert len({entry.causation for entry in entries}) == 1
    assert (report.resource.created, report.count(What.ADDED), report.grants_kept) == (True, 2, 0)
    row = await rows.resource(place.parts.pool, report.resource.id)
    assert row is not None
    assert (row["name"], row["description"], row["uri"], row["audience"]) == (
        "Order service", "All", "https://orders.test/", None,
    )  # fmt: skip
    made = (await place.there())["listOrders"]
    assert [made[name] for name in ("frequency", "test_frequency", "submit_limited", "scope")] == [
        120, 60, False, "authorized",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", Mode)
async def test_an_import_that_is_repeated_leaves_no_event(place: Place, mode: Mode) -> None:
    first = await place.imports(mode=mode)
    before = await head(place.parts)
    again = await place.imports(mode=mode)
    assert await head(place.parts) == before
    assert (again.resource.id, again.resource.created) == (first.resource.id, False)
    assert again.count(What.UNCHANGED if mode is Mode.OVERWRITE else What.SKIPPED) == 2


async def test_normal_mode_touches_nothing_that_is_there(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization, "orders", name="By hand")
    mine = await an_interface(place.parts, resource.id, "readOrder", path="/mine", frequency=7)
    before = await head(place.parts)
    report = await place.imports()
    assert await topics(place.parts, after=before) == ["interface.created"]
    assert (report.count(What.ADDED), report.count(What.SKIPPED)) == (1, 1)
    there = await place.there()
    assert (there["readOrder"]["id"], there["readOrder"]["path"], there["readOrder"]["frequency"]) == (
        mine.id,
        "/mine",
        7,
    )
    row = await rows.resource(place.parts.pool, resource.id)
    assert row is not None
    assert row["name"] == "By hand"


async def test_overwrite_mode_makes_everything_what_the_document_says(place: Place) -> None:
    resource = await an_api_resource(
        place.parts, place.organization, "orders", name="By hand", audience="https://orders.test/api"
    )
    kept = await an_interface(place.parts, resource.id, "readOrder", path="/x", frequency=7, submit_limited=True)
    gone = await an_interface(place.parts, resource.id, "mine")
    before = await head(place.parts)
    report = await place.overwrite()
    assert await topics(place.parts, after=before) == [
        "api_resource.changed", "interface.deleted", "interface.changed", "interface.created",
    ]  # fmt: skip
    there = await place.there()
    assert set(there) == {"readOrder", "listOrders"}
    assert there["readOrder"]["id"] == kept.id
    assert [there["readOrder"][name] for name in ("path", "frequency", "submit_limited")] == [
        "/orders/{id}",
        120,
        False,
    ]
    assert await rows.one(place.parts.pool, gone.id) is None
    row = await rows.resource(place.parts.pool, resource.id)
    assert row is not None
    assert (row["name"], row["audience"]) == ("Orders", "https://orders.test/api")  # which tokens may come is kept
    assert report.resource.changed == ("name",)
    assert {entry.outcome: entry.changed for entry in report.interfaces} == {
        What.REPLACED: ("name", "path", "frequency", "submit_limited"), What.ADDED: (), What.DELETED: (),
    }  # fmt: skip


async def test_grants_stay_with_their_identifier_and_end_with_their_interface(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    kept = await an_interface(place.parts, resource.id, "READORDER", path="/x")
    gone = await an_interface(place.parts, resource.id, "mine")
    grants = [await place.granted(kept.id, gone.id), await place.granted(kept.id, gone.id)]
    foretold = await place.overwrite(dry_run=True)
    before = await head(place.parts)
    report = await place.overwrite()
    assert (report.grants_kept, report.grants_withdrawn) == (foretold.grants_kept, foretold.grants_withdrawn) == (2, 2)
    assert [entry.grants for entry in report.interfaces] == [2, 0, 2]
    assert (await topics(place.parts, after=before)).count("interface_grant.withdrawn") == 2
    present = await grant_rows.of_interfaces(place.parts.pool, [kept.id, gone.id], limit=9)
    assert sorted(present) == sorted(pair[0] for pair in grants)


async def test_what_has_another_identifier_now_is_another_interface(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    former = await an_interface(place.parts, resource.id, "old", method="GET", path="/orders/{number}")
    await place.granted(former.id)
    report = await place.overwrite()
    assert (report.count(What.DELETED), report.count(What.ADDED), report.grants_withdrawn) == (1, 2, 1)
    assert set(await place.there()) == {"readOrder", "listOrders"}


async def test_interfaces_may_change_places(place: Place) -> None:
    await place.imports()
    one, other = await place.there(), document(
        Operation("readOrder", "x", "GET", "/orders", None), Operation("listOrders", "x", "GET", "/orders/{id}", None)
    )  # fmt: skip
    await place.overwrite(other)
    there = await place.there()
    assert {name: row["id"] for name, row in there.items()} == {name: row["id"] for name, row in one.items()}
    assert {name: row["path"] for name, row in there.items()} == {"readOrder": "/orders", "listOrders": "/orders/{id}"}
    for path in ("/orders", "/orders/{x}"):
        with pytest.raises(refusals.AddressTaken):
            await an_interface(place.parts, there["readOrder"]["resource"], "third", path=path)


async def test_names_that_an_import_gives_back_are_free(place: Place) -> None:
    await place.imports()
    resource = (await place.there())["readOrder"]["resource"]
    await place.overwrite(document(LIST))
    await an_interface(place.parts, resource, "readOrder", path="/orders/{x}")


@pytest.mark.parametrize("mode", Mode)
async def test_a_dry_run_tells_all_and_writes_nothing(place: Place, mode: Mode) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    await an_interface(place.parts, resource.id, "readOrder", path="/x")
    await an_interface(place.parts, resource.id, "mine")
    before = await head(place.parts)
    foretold = await place.imports(mode=mode, dry_run=True)
    assert await head(place.parts) == before
    report = await place.imports(mode=mode, expected=foretold.digest)
    assert foretold.interfaces == report.interfaces
    assert foretold.resource == report.resource
    assert (foretold.digest, foretold.dry_run, report.dry_run) == (report.digest, True, False)


async def test_a_dry_run_names_no_resource_that_it_would_make(place: Place) -> None:
    foretold = await place.imports(dry_run=True)
    assert (foretold.resource.id, foretold.resource.created) == (None, True)
    assert await rows.resource_by_identifier(place.parts.pool, place.organization, "orders") is None
    assert (await place.imports(expected=foretold.digest)).digest == foretold.digest


async def test_what_would_do_anything_else_than_expected_is_not_done(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    kept = await an_interface(place.parts, resource.id, "readOrder", path="/x")
    gone = await an_interface(place.parts, resource.id, "mine")

    async def rename() -> None:
        await api_resources.change(place.parts.store, origin(), SYSTEM, resource=resource.id, name="Other")

    happenings: list[Callable[[], Awaitable[object]]] = [
        lambda: place.granted(gone.id),
        lambda: place.granted(kept.id),
        lambda: an_interface(place.parts, resource.id, "another"),
        rename,
    ]
    for happen in happenings:
        foretold = await place.overwrite(dry_run=True)
        await happen()
        before = await head(place.parts)
        with pytest.raises(refusals.ImportChanged):
            await place.overwrite(expected=foretold.digest)
        assert await head(place.parts) == before
    foretold = await place.overwrite(dry_run=True)
    with pytest.raises(refusals.ImportChanged):
        await place.imports(expected=foretold.digest)
    with pytest.raises(refusals.ImportChanged):
        await place.overwrite(document(READ), expected=foretold.digest)


async def test_an_import_is_planned_anew_when_an_interface_comes_in_between(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    with meanwhile(place.parts, lambda: an_interface(place.parts, resource.id, "mine")) as decided:
        report = await place.overwrite()
    assert len(decided) == 2
    assert report.count(What.DELETED) == 1
    assert set(await place.there()) == {"readOrder", "listOrders"}


async def test_an_import_is_planned_anew_when_its_resource_comes_in_between(place: Place) -> None:
    with meanwhile(place.parts, lambda: an_api_resource(place.parts, place.organization, "ORDERS")) as decided:
        report = await place.imports()
    assert len(decided) == 2
    assert (report.resource.created, report.resource.identifier) == (False, "ORDERS")


async def test_a_grant_that_comes_in_between_ends_too(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    gone = await an_interface(place.parts, resource.id, "mine")
    with meanwhile(place.parts, lambda: place.granted(gone.id)) as decided:
        report = await place.overwrite()
    assert len(decided) > 1
    assert report.grants_withdrawn == 1
    assert await grant_rows.of_interfaces(place.parts.pool, [gone.id], limit=9) == []


async def test_what_was_expected_is_not_done_when_the_ground_moves_in_between(place: Place) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    foretold = await place.overwrite(dry_run=True)
    with (
        meanwhile(place.parts, lambda: an_interface(place.parts, resource.id, "mine")),
        pytest.raises(refusals.ImportChanged),
    ):
        await place.overwrite(expected=foretold.digest)
    assert set(await place.there()) == {"mine"}


async def test_of_imports_at_once_the_first_adds_and_the_others_find_it_done(
    place: Place, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    elsewhere = Place(await open_parts(), place.organization)
    reports = await asyncio.gather(*(each.imports() for each in (place, elsewhere) for _ in range(3)))
    assert sorted(report.count(What.ADDED) for report in reports) == [0, 0, 0, 0, 0, 2]
    assert len(await place.there()) == 2


async def test_what_is_not_in_the_document_is_not_touched(place: Place) -> None:
    other = await an_api_resource(place.parts, place.organization, "invoices")
    await an_interface(place.parts, other.id, "readOrder", path="/orders/{id}")
    neighbour = Place(place.parts, (await an_organization(place.parts)).id)
    await neighbour.imports()
    before = await head(place.parts)
    await place.overwrite()
    entries = await read_page(place.parts.pool, after=before, until=2**62, limit=9)
    assert {entry.organization for entry in entries} == {place.organization}
    assert set(await place.there("invoices")) == {"readOrder"}
    assert set(await neighbour.there()) == {"readOrder", "listOrders"}


async def test_an_identifier_given_goes_before_the_documents_own(place: Place) -> None:
    report = await place.imports(resource="invoices")
    assert report.resource.identifier == "invoices"
    with pytest.raises(refusals.IdentifierNeeded) as needed:
        await place.imports(document(identifier=None))
    assert needed.value.field == "resource"
    assert (await place.imports(document(identifier=None), resource="given")).resource.created
    with pytest.raises(refusals.InvalidApiIdentifier) as invalid:
        await place.imports(resource="9")
    assert invalid.value.field == "resource"


@pytest.mark.parametrize("dry_run", [True, False])
async def test_only_what_the_caller_sees_is_imported_into(place: Place, *, dry_run: bool) -> None:
    stranger = backend(uuid4(), "all")
    before = await head(place.parts)
    with pytest.raises(refusals.UnknownAccount):
        await place.imports(by=stranger, dry_run=dry_run)
    assert await head(place.parts) == before


async def test_a_resource_that_was_deleted_is_made_anew(place: Place) -> None:
    first = await place.imports()
    assert first.resource.id is not None
    by = Caller(uuid4(), place.organization, frozenset({"all"}))
    await api_resources.delete(place.parts.store, origin(by), by, resource=first.resource.id, cascade=True)
    again = await place.overwrite()
    assert again.resource.created
    assert again.resource.id != first.resource.id


@pytest.mark.parametrize("dry_run", [True, False])
async def test_limits_hold_for_what_there_is_together(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    resource = await an_api_resource(place.parts, place.organization)
    await an_interface(place.parts, resource.id, "mine")
    monkeypatch.setattr(interface_imports, "INTERFACE_LIMIT", 2)
    before = await head(place.parts)
    with pytest.raises(refusals.TooManyInterfaces):
        await place.imports(dry_run=dry_run)
    assert await head(place.parts) == before
    assert (await place.overwrite(dry_run=dry_run)).count(What.ADDED) == 2


@pytest.mark.parametrize("dry_run", [True, False])
async def test_limits_hold_for_all_resources_of_an_organization(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    other = await an_api_resource(place.parts, place.organization, "other")
    await an_interface(place.parts, other.id, "mine")
    await place.imports()
    monkeypatch.setattr(interface_imports, "ORGANIZATION_LIMIT", 3)
    assert (await place.overwrite(dry_run=dry_run)).count(What.ADDED) == 0  # what is as it was takes no more room
    before = await head(place.parts)
    with pytest.raises(refusals.TooManyInterfaces):
        await place.imports(dry_run=dry_run, resource="another")
    assert await head(place.parts) == before


async def test_there_are_not_more_resources_than_an_organization_may_have(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.imports()
    monkeypatch.setattr(api_resources, "RESOURCE_LIMIT", 1)
    with pytest.raises(refusals.TooManyApiResources):
        await place.imports(resource="invoices")
    assert (await place.overwrite()).count(What.UNCHANGED) == 2


async def test_an_import_decides_what_its_aggregates_say(place: Place) -> None:
    report = await place.imports()
    resource = report.resource.id
    assert resource is not None

    async def loaded(decision: Any) -> tuple[ApiResource | None, list[Interface]]:
        there = [row["id"] for row in (await place.there()).values()]
        return await decision.peek(ApiResource, resource), await decision.load_many(Interface, there)

    found, within = (await place.parts.store.decide(loaded, origin())).value
    assert found is not None
    assert found.created_by == place.by.actor
    assert {one.identifier: (one.resource, one.address) for one in within} == {
        "readOrder": (resource, "GET /orders/{}"), "listOrders": (resource, "GET /orders"),
    }  # fmt: skip
    await interfaces.delete(place.parts.store, origin(place.by), place.by, interface=within[0].id)
    assert len(await place.there()) == 1
