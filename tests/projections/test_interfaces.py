"""API resources and interfaces as rows, and the position at which there was something new about a resource last."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from projections import interfaces
from tests.projections.given import (
    APPROVER,
    NIL,
    ORGANIZATION,
    an_api_resource,
    an_interface,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from domain.api_resource import ApiResource
    from tests.store_fixture import StoreParts

PRESENT = {
    "name": "Read an order", "method": "GET", "path": "/orders/{id}", "frequency": 120, "test_frequency": 60,
    "submit_limited": False, "scope": "authorized", "description": None,
}  # fmt: skip


async def position(parts: StoreParts, resource: ApiResource) -> int:
    row = await interfaces.resource(parts.pool, resource.id)
    assert row is not None
    return int(row["position"])


async def test_a_row_follows_its_resource(parts: StoreParts) -> None:
    made = parts.clock.now()
    resource = an_api_resource(parts, "Orders", uri="https://a.example/", audience="https://a.example/api")
    await save(parts, resource)
    [row] = await rows(parts, "api_resources")
    assert dict(row) == {
        "id": resource.id, "organization": ORGANIZATION, "identifier": "Orders", "name": "Orders",
        "uri": "https://a.example/", "audience": "https://a.example/api", "description": None,
        "created_by": SYSTEM.actor, "created_at": made, "updated_at": made, "position": 1,
    }  # fmt: skip
    parts.clock.move(timedelta(seconds=1))
    resource.change(name="Sales", uri=None, audience=None, description="Sells", by=SYSTEM, now=parts.clock.now())
    await save(parts, resource)
    [row] = await rows(parts, "api_resources")
    assert (row["name"], row["uri"], row["audience"], row["description"]) == ("Sales", None, None, "Sells")
    assert (row["created_at"], row["updated_at"], row["position"]) == (made, parts.clock.now(), 2)
    await same_when_rebuilt(parts, "interfaces")
    resource.delete(SYSTEM, parts.clock.now())
    await save(parts, resource)
    assert await interfaces.resource(parts.pool, resource.id) is None
    await same_when_rebuilt(parts, "interfaces")


async def test_a_row_follows_its_interface(parts: StoreParts) -> None:
    made, resource = parts.clock.now(), an_api_resource(parts)
    interface = an_interface(parts, resource)
    await save(parts, resource, interface)
    [row] = await rows(parts, "interfaces")
    assert dict(row) == {
        "id": interface.id, "organization": ORGANIZATION, "resource": resource.id, "identifier": "read_order",
        **PRESENT, "created_at": made, "updated_at": made, "position": 2,
    }  # fmt: skip
    parts.clock.move(timedelta(seconds=1))
    changed = {
        "name": "Pay", "method": "*", "path": "/pay", "frequency": 2**31 - 1, "test_frequency": 1,
        "submit_limited": True, "scope": "anonymous", "description": "Pays",
    }  # fmt: skip
    interface.change(**changed, by=SYSTEM, now=parts.clock.now())
    await save(parts, interface)
    row = await interfaces.one(parts.pool, interface.id)
    assert row is not None
    assert {name: row[name] for name in changed} == changed
    assert (row["identifier"], row["created_at"], row["updated_at"]) == ("read_order", made, parts.clock.now())
    assert (row["resource_identifier"], row["resource_name"]) == ("orders", "Orders")
    await same_when_rebuilt(parts, "interfaces")
    interface.delete(SYSTEM, parts.clock.now())
    await save(parts, interface)
    assert await interfaces.one(parts.pool, interface.id) is None
    await same_when_rebuilt(parts, "interfaces")


async def test_a_resource_tells_where_there_was_something_new_about_it_or_its_interfaces(parts: StoreParts) -> None:
    resource, other = an_api_resource(parts), an_api_resource(parts, "other")
    await save(parts, resource, other)
    assert [await position(parts, each) for each in (resource, other)] == [1, 2]
    interface = an_interface(parts, resource)
    assert await save(parts, interface) == await position(parts, resource) == 3
    interface.change(**PRESENT | {"name": "Read"}, by=SYSTEM, now=parts.clock.now())
    assert await save(parts, interface) == await position(parts, resource) == 4
    row = await interfaces.resource(parts.pool, resource.id)
    assert row is not None
    assert row["updated_at"] == row["created_at"], "nothing of its own is new"
    interface.delete(SYSTEM, parts.clock.now())
    assert await save(parts, interface) == await position(parts, resource) == 5
    assert await position(parts, other) == 2
    await same_when_rebuilt(parts, "interfaces")


async def test_of_interfaces_that_are_committed_together_the_last_one_tells(parts: StoreParts) -> None:
    resource = an_api_resource(parts)
    await save(parts, resource)
    made = [an_interface(parts, resource, f"read{n}") for n in range(20)]
    reached = await asyncio.gather(*(save(parts, interface) for interface in made))
    assert await position(parts, resource) == max(reached) == 21
    await same_when_rebuilt(parts, "interfaces")
    for interface in made:
        interface.change(**PRESENT | {"name": "Read"}, by=SYSTEM, now=parts.clock.now())
    resource.change(name="Sales", uri=None, audience=None, description=None, by=SYSTEM, now=parts.clock.now())
    reached = await asyncio.gather(*(save(parts, each) for each in (*made[:10], resource, *made[10:])))
    assert await position(parts, resource) == max(reached) == 42
    row = await interfaces.resource(parts.pool, resource.id)
    assert row is not None
    assert row["name"] == "Sales"
    await same_when_rebuilt(parts, "interfaces")


async def test_resources_are_found_by_identifier_and_by_parts_of_what_they_are_called(parts: StoreParts) -> None:
    orders, stock = an_api_resource(parts, "Orders.V2"), an_api_resource(parts, "stock", name="100%_Stock")
    elsewhere = an_api_resource(parts, "orders.v2", organization=APPROVER)
    await save(parts, orders, stock, elsewhere)

    async def found(search: str | None, organization: object = ORGANIZATION) -> list[object]:
        page = await interfaces.resources_page(parts.pool, organization, search=search, after=NIL, limit=9)
        return [row["id"] for row in page]

    assert await found(None) == [orders.id, stock.id]
    assert await found(None, None) == [orders.id, stock.id, elsewhere.id]
    assert await found("ORDERS.v2") == [orders.id]
    assert await found("%_s") == [stock.id]
    assert await found("ordersXv2") == []
    page = await interfaces.resources_page(parts.pool, ORGANIZATION, search=None, after=orders.id, limit=1)
    assert [row["id"] for row in page] == [stock.id]
    for identifier in ("orders.v2", "ORDERS.V2"):
        row = await interfaces.resource_by_identifier(parts.pool, ORGANIZATION, identifier)
        assert row is not None
        assert row["id"] == orders.id
    assert await interfaces.resource_by_identifier(parts.pool, ORGANIZATION, "orders") is None
    assert await interfaces.resource_count(parts.pool, ORGANIZATION) == 2
    assert await interfaces.ids_of_organization(parts.pool, ORGANIZATION, limit=1) == [orders.id]


async def test_interfaces_are_found_by_resource_method_scope_and_parts_of_what_they_say(parts: StoreParts) -> None:
    orders, stock = an_api_resource(parts), an_api_resource(parts, "stock")
    elsewhere = an_api_resource(parts, organization=APPROVER)
    read = an_interface(parts, orders)
    pay = an_interface(parts, orders, "pay", name="Pay 100%", method="POST", path="/orders/{id}/caf\u00e9")
    count = an_interface(parts, stock, "Count", name="Count", path="/stock", scope="anonymous")
    theirs = an_interface(parts, elsewhere)
    await save(parts, orders, stock, elsewhere, read, pay, count, theirs)

    async def found(organization: object = ORGANIZATION, limit: int = 9, **wanted: object) -> list[object]:
        return [row["id"] for row in await interfaces.page(parts.pool, organization, after=NIL, limit=limit, **wanted)]

    assert await found() == [read.id, pay.id, count.id]
    assert await found(None) == [read.id, pay.id, count.id, theirs.id]
    assert await found(resource=orders.id) == [read.id, pay.id]
    assert await found(resource=elsewhere.id) == []
    assert await found(method="POST") == [pay.id]
    assert await found(scope="anonymous") == [count.id]
    assert await found(search="ORDERS/{ID}") == [read.id, pay.id]
    assert await found(search="0%") == [pay.id]
    assert await found(search="/caf\u00e9") == await found(search="caf%c3%a9") == [pay.id]
    assert await found(search="count") == [count.id]
    assert await found(search="count", resource=orders.id) == []
    page = await interfaces.page(parts.pool, ORGANIZATION, after=read.id, limit=1)
    assert [(row["id"], row["resource_identifier"]) for row in page] == [(pay.id, "orders")]
    wanted = {"resource": orders.id, "search": "orders"}
    assert await found(**wanted) == [read.id, pay.id]
    assert await found(**wanted, limit=1) == [read.id]
    assert await found(APPROVER, resource=None, search=None) == [theirs.id]
    assert [row["id"] for row in await interfaces.of_resource(parts.pool, orders.id)] == [read.id, pay.id]
    row = await interfaces.by_identifier(parts.pool, stock.id, "COUNT")
    assert row is not None
    assert row["id"] == count.id
    assert await interfaces.by_identifier(parts.pool, orders.id, "count") is None
    assert await interfaces.count(parts.pool, orders.id) == 2
    assert await interfaces.ids_of_resources(parts.pool, [orders.id, stock.id], limit=9) == [read.id, pay.id, count.id]
    assert await interfaces.ids_of_resources(parts.pool, [orders.id, stock.id], limit=2) == [read.id, pay.id]
