"""Interface grants as they are, with who asked, who decided and why, for as long as both ends are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from domain.interface_grant import InterfaceGrant
from projections import interface_grant_pages as pages
from projections import interface_grants
from tests.projections.given import (
    APPROVER,
    HOUR,
    NIL,
    ORGANIZATION,
    an_api_resource,
    an_application,
    an_approver,
    an_interface,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.application import Application
    from domain.interface import Interface
    from tests.store_fixture import StoreParts


def asked(parts: StoreParts, application: Application, interface: Interface, **told: Any) -> InterfaceGrant:
    fields = {"frequency": None, "test_frequency": None, "expires_at": None, "by": SYSTEM, **told}
    return InterfaceGrant.request(
        id=parts.clock.new_id(), application=application, interface=interface, now=parts.clock.now(), **fields
    )


def approve(
    parts: StoreParts, grant: InterfaceGrant, application: Application, interface: Interface, until: datetime
) -> None:
    grant.approve(
        application=application, interface=interface, by=an_approver(), now=parts.clock.now(), otherwise=until
    )


@pytest_asyncio.fixture
async def ends(parts: StoreParts) -> tuple[Application, Interface, Interface]:
    """An application, and two interfaces of a resource."""
    application, resource = an_application(parts, "shop"), an_api_resource(parts)
    interface = an_interface(parts, resource)
    other = an_interface(parts, resource, "list_orders", name="List orders", path="/orders")
    await save(parts, application, resource, interface, other)
    return application, interface, other


async def test_a_row_follows_its_grant(parts: StoreParts, ends: tuple[Application, Interface, Interface]) -> None:
    application, interface, _ = ends
    grant, until = asked(parts, application, interface, frequency=3), parts.clock.now() + HOUR
    await save(parts, grant)
    [row] = await rows(parts, "interface_grants")
    asked_for = {
        "id": grant.id, "organization": ORGANIZATION, "application": application.id, "resource": interface.resource,
        "interface": interface.id, "status": "pending", "frequency": 3, "test_frequency": 60, "expires_at": None,
        "requested_by": NIL, "requested_at": parts.clock.now(), "decided_by": None, "decided_at": None, "reason": None,
        "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 5,
    }  # fmt: skip
    assert dict(row) == asked_for
    approve(parts, grant, application, interface, until)
    await save(parts, grant)
    [row] = await rows(parts, "interface_grants")
    decided = {"decided_by": APPROVER, "decided_at": parts.clock.now()}
    assert dict(row) == asked_for | decided | {"status": "effective", "expires_at": until, "position": 6}
    grant.reject(an_approver(), "Misused", parts.clock.now())
    await save(parts, grant)
    [row] = await rows(parts, "interface_grants")
    assert dict(row) == asked_for | decided | {"status": "rejected", "reason": "Misused", "position": 7}
    parts.clock.move(HOUR)
    grant.request_again(
        application=application, interface=interface, frequency=9, test_frequency=8, expires_at=until + HOUR,
        by=an_approver(), now=parts.clock.now(),
    )  # fmt: skip
    await save(parts, grant)
    [row] = await rows(parts, "interface_grants")
    now = parts.clock.now()
    assert dict(row) == asked_for | {
        "frequency": 9, "test_frequency": 8, "expires_at": until + HOUR, "requested_by": APPROVER,
        "requested_at": now, "updated_at": now, "position": 8,
    }  # fmt: skip
    await same_when_rebuilt(parts, "interface_grants")


@pytest.mark.parametrize("how", ["deleted", "withdrawn"])
async def test_a_grant_that_is_gone_has_no_row_and_leaves_room_for_another(
    parts: StoreParts, ends: tuple[Application, Interface, Interface], how: str
) -> None:
    application, interface, other = ends
    grant, kept = asked(parts, application, interface), asked(parts, application, other)
    await save(parts, grant, kept)
    if how == "deleted":
        grant.delete(SYSTEM, parts.clock.now())
    else:
        grant.withdraw(SYSTEM, "Gone", parts.clock.now())
    again = asked(parts, application, interface)
    await save(parts, grant, again)
    assert [row["id"] for row in await rows(parts, "interface_grants")] == [kept.id, again.id]
    await same_when_rebuilt(parts, "interface_grants")


async def test_who_looks_for_grants_finds_those_of_what_is_there(
    parts: StoreParts, ends: tuple[Application, Interface, Interface]
) -> None:
    application, interface, other = ends
    second = an_application(parts, "till")
    made = [asked(parts, application, interface), asked(parts, application, other), asked(parts, second, interface)]
    await save(parts, second, *made)
    both = [interface.id, other.id]
    assert await interface_grants.of_application(parts.pool, application.id, both) == {
        interface.id: made[0].id,
        other.id: made[1].id,
    }
    assert await interface_grants.of_application(parts.pool, second.id, [other.id]) == {}
    assert await interface_grants.of_interfaces(parts.pool, both, limit=9) == [grant.id for grant in made]
    assert await interface_grants.of_interfaces(parts.pool, both, limit=2) == [grant.id for grant in made[:2]]
    assert await interface_grants.count_of(parts.pool, both) == {interface.id: 2, other.id: 1}
    assert await interface_grants.organizations_of(parts.pool, [made[0].id, NIL]) == {made[0].id: ORGANIZATION}
    second.delete(SYSTEM, parts.clock.now())
    await save(parts, second)
    assert await interface_grants.count_of(parts.pool, both) == {interface.id: 1, other.id: 1}
    assert await interface_grants.of_interfaces(parts.pool, both, limit=9) == [grant.id for grant in made[:2]]


async def test_a_grant_is_told_with_what_people_call_its_ends_until_one_of_them_is_gone(
    parts: StoreParts, ends: tuple[Application, Interface, Interface]
) -> None:
    application, interface, other = ends
    made = [asked(parts, application, interface), asked(parts, application, other)]
    await save(parts, *made)
    row = await pages.one(parts.pool, made[0].id, parts.clock.now())
    assert row is not None
    told = ("application_name", "client_id", "interface_identifier", "method", "path", "resource_identifier")
    assert [row[name] for name in told] == ["Billing", "shop", "read_order", "GET", "/orders/{id}", "orders"]
    interface.delete(SYSTEM, parts.clock.now())
    await save(parts, interface)
    assert await pages.one(parts.pool, made[0].id, parts.clock.now()) is None
    assert await pages.one(parts.pool, made[1].id, parts.clock.now()) is not None
    application.delete(SYSTEM, parts.clock.now())
    await save(parts, application)
    assert await pages.one(parts.pool, made[1].id, parts.clock.now()) is None


async def test_pages_go_by_id_and_can_be_narrowed(
    parts: StoreParts, ends: tuple[Application, Interface, Interface]
) -> None:
    application, interface, other = ends
    second, elsewhere = an_application(parts, "till"), an_application(parts, "far", organization=APPROVER)
    theirs = an_api_resource(parts, organization=APPROVER)
    far = an_interface(parts, theirs)
    made = [asked(parts, application, interface), asked(parts, application, other), asked(parts, second, interface)]
    made.append(asked(parts, elsewhere, far))
    approve(parts, made[1], application, other, parts.clock.now() + HOUR)
    made[2].reject(an_approver(), "No", parts.clock.now())
    await save(parts, second, elsewhere, theirs, far, *made)
    ids = [grant.id for grant in made]

    async def page(organization: UUID | None = None, **narrowed: Any) -> list[UUID]:
        told: dict[str, Any] = dict.fromkeys(("application", "resource", "interface", "status", "search"))
        told |= {"after": NIL, "limit": 10, "now": parts.clock.now(), **narrowed}
        return [row["id"] for row in await pages.page(parts.pool, organization, **told)]

    assert await page(limit=2) == ids[:2]
    assert await page(after=ids[1]) == ids[2:]
    assert await page(ORGANIZATION) == ids[:3]
    assert await page(application=application.id) == ids[:2]
    assert await page(resource=theirs.id) == ids[3:]
    assert await page(interface=interface.id) == [ids[0], ids[2]]
    assert await page(status="rejected") == [ids[2]]
    assert await page(status="effective") == [ids[1]]
    assert await page(status="expired") == []
    over = parts.clock.now() + HOUR
    assert (await page(status="effective", now=over), await page(status="expired", now=over)) == ([], [ids[1]])
    for search, found in (("LIST_", ids[1:2]), ("/ORDERS/{", [ids[0], *ids[2:]]), ("Till", ids[2:3]), ("%", [])):
        assert await page(search=search) == found, search


async def test_what_waits_is_found_by_when_it_was_asked_for(
    parts: StoreParts, ends: tuple[Application, Interface, Interface]
) -> None:
    application, interface, other = ends
    first, began = asked(parts, application, interface), parts.clock.now()
    await save(parts, first)
    parts.clock.move(HOUR)
    second, later = asked(parts, application, other), parts.clock.now()
    await save(parts, second)
    told: dict[str, Any] = dict.fromkeys(("application", "resource", "search", "submitted_before"))

    async def pending(**narrowed: Any) -> list[UUID]:
        asked_for = {**told, "after": NIL, "limit": 9, **narrowed}
        return [row["id"] for row in await pages.pending(parts.pool, ORGANIZATION, **asked_for)]

    assert await pending() == [first.id, second.id]
    assert await pending(submitted_before=began) == []
    assert await pending(submitted_before=later) == [first.id]
    assert await pending(search="list") == await pending(after=first.id) == [second.id]
    assert await pending(resource=NIL) == await pending(application=NIL) == []
    assert await pages.pending_count(parts.pool, ORGANIZATION, **told, most=9) == 2
    assert await pages.pending_count(parts.pool, ORGANIZATION, **told, most=1) == 1
    first.reject(an_approver(), "No", later)
    await save(parts, first)
    assert await pending() == [second.id]


async def test_available_is_what_neither_waits_nor_is_in_force(
    parts: StoreParts, ends: tuple[Application, Interface, Interface]
) -> None:
    application, interface, other = ends
    far = an_api_resource(parts, organization=APPROVER)
    await save(parts, far, an_interface(parts, far))
    narrowed: dict[str, Any] = {"resource": None, "search": None}

    async def available(**told: Any) -> list[UUID]:
        asked_for = {**narrowed, "after": NIL, "limit": 9, "now": parts.clock.now(), **told}
        return [row["id"] for row in await pages.available(parts.pool, application.id, **asked_for)]

    both = [interface.id, other.id]
    assert await available() == both
    assert await available(search="LIST") == await available(after=interface.id) == [other.id]
    assert await available(resource=interface.resource) == both
    assert await available(resource=far.id) == []
    grant = asked(parts, application, interface)
    await save(parts, grant)
    assert await available() == [other.id]
    until = parts.clock.now() + HOUR
    approve(parts, grant, application, interface, until)
    await save(parts, grant)
    assert await available() == [other.id]
    assert await available(now=until) == both
    assert await pages.available_count(parts.pool, application.id, **narrowed, most=9, now=until) == 2
    grant.reject(an_approver(), "No", parts.clock.now())
    await save(parts, grant)
    assert await available() == both
