"""An interface grant is decided on as things are at that moment, on whichever process; there is never a second one."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from projections import interface_grants as rows
from service.commands import api_resources, applications, interface_grant_batches, interface_grants, interfaces
from service.commands.interface_grants import Wanted
from service.store.log import read_page
from tests.service.commands.given import (
    ROOT,
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
    from uuid import UUID

    from domain.interface_grant import InterfaceGrant
    from service.commands.interface_grants import Requested
    from tests.store_fixture import StoreParts

HOUR = timedelta(hours=1)


class Place:
    """An organization with an application and some interfaces, and somebody who asks for it."""

    def __init__(self, organization: UUID, application: UUID, resource: UUID, made: list[UUID]) -> None:
        self.organization, self.application, self.resource, self.interfaces = organization, application, resource, made
        self.requester = backend(organization, "write_app")
        self.approver = backend(organization, "approve_grant")

    async def request(self, parts: StoreParts, *of: UUID, by: Caller | None = None, **told: Any) -> Requested:
        by = by or self.requester
        asked = {"application": self.application, "interfaces": [Wanted(one) for one in of or self.interfaces], **told}
        return (await interface_grants.request(parts.store, origin(by), by, **asked)).value

    async def approve(self, parts: StoreParts, grant: InterfaceGrant, **told: Any) -> InterfaceGrant:
        by = told.pop("by", self.approver)
        return (await interface_grants.approve(parts.store, origin(by), by, grant=grant.id, **told)).value

    async def approve_all(self, parts: StoreParts, **told: Any) -> tuple[int, int]:
        by = told.pop("by", self.approver)
        fields = {"organization": self.organization, **told}
        return (await interface_grant_batches.approve_all(parts.store, origin(by), by, **fields)).value

    async def request_all(self, parts: StoreParts, **told: Any) -> int:
        by, asked = self.requester, {"application": self.application, **told}
        return (await interface_grant_batches.request_all(parts.store, origin(by), by, **asked)).value


async def a_place(parts: StoreParts, count: int = 2) -> Place:
    organization = (await an_organization(parts)).id
    application = (await an_application(parts, organization)).id
    resource = (await an_api_resource(parts, organization)).id
    made = [(await an_interface(parts, resource, f"interface_{n}")).id for n in range(count)]
    return Place(organization, application, resource, made)


async def statuses(parts: StoreParts) -> Counter[str]:
    found = await parts.pool.fetch("SELECT status FROM models.interface_grants")
    return Counter(row["status"] for row in found)


async def test_several_interfaces_are_asked_for_in_one_append(parts: StoreParts) -> None:
    place = await a_place(parts)
    before = await head(parts)
    done = await place.request(parts)
    assert ([grant.interface for grant in done.grants], done.skipped) == (place.interfaces, [])
    entries = await read_page(parts.pool, after=before, until=2**62, limit=9)
    assert [entry.topic for entry in entries] == ["interface_grant.requested"] * 2
    assert len({entry.causation for entry in entries}) == 1
    assert {entry.organization for entry in entries} == {place.organization}


async def test_an_interface_that_nobody_knows_spoils_the_whole_request(parts: StoreParts) -> None:
    place = await a_place(parts)
    theirs = (await a_place(parts)).interfaces[0]
    before = await head(parts)
    for wrong in (uuid4(), theirs, place.application):
        with pytest.raises(refusals.UnknownInterface):
            await place.request(parts, place.interfaces[0], wrong)
        with pytest.raises(refusals.UnknownInterface):
            await place.request(parts, place.interfaces[0], wrong, by=ROOT)
    assert await head(parts) == before


async def test_what_waits_or_is_in_force_is_skipped_and_the_rest_asked_for(parts: StoreParts) -> None:
    place = await a_place(parts, 4)
    waiting, granted, denied, new = place.interfaces
    first = await place.request(parts, waiting, granted, denied)
    await place.approve(parts, first.grants[1], expires_at=parts.clock.now() + HOUR)
    await interface_grants.reject(parts.store, origin(), SYSTEM, grant=first.grants[2].id, reason="No")
    before = await head(parts)
    done = await place.request(parts)
    assert done.skipped == [waiting, granted]
    assert [grant.interface for grant in done.grants] == [denied, new]
    assert done.grants[0].id == first.grants[2].id, "what was rejected is asked for anew on its own stream"
    assert await topics(parts, after=before) == ["interface_grant.requested_again", "interface_grant.requested"]
    parts.clock.move(HOUR)
    again = await place.request(parts)
    assert [grant.id for grant in again.grants] == [first.grants[1].id]
    assert await statuses(parts) == {"pending": 4}


async def test_one_that_is_named_twice_is_asked_for_once_as_it_was_named_first(parts: StoreParts) -> None:
    place = await a_place(parts, 1)
    wanted = [Wanted(place.interfaces[0], 7, 3), Wanted(place.interfaces[0], 9999)]
    done = await place.request(parts, interfaces=wanted)
    assert [(grant.frequency, grant.test_frequency) for grant in done.grants] == [(7, 3)]


async def test_of_requests_at_once_on_two_processes_one_is_recorded_and_none_refused(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    place = await a_place(parts)
    before = await head(parts)
    processes = [parts, await open_parts()]
    done = await asyncio.gather(*(place.request(each) for each in processes * 4))
    assert sorted(len(one.grants) for one in done) == [0] * 7 + [2]
    assert await topics(parts, after=before) == ["interface_grant.requested"] * 2


async def test_of_approvals_on_two_processes_one_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    place = await a_place(parts, 1)
    [grant] = (await place.request(parts)).grants
    before, processes = await head(parts), [parts, await open_parts()]
    results = await asyncio.gather(*(place.approve(each, grant) for each in processes * 4), return_exceptions=True)
    refused = [type(result) for result in results if isinstance(result, BaseException)]
    assert refused == [refusals.GrantNotPending] * 7
    assert await topics(parts, after=before) == ["interface_grant.approved"]


async def test_an_interface_that_ends_at_the_last_moment_is_neither_asked_for_nor_granted(parts: StoreParts) -> None:
    place = await a_place(parts, 3)
    first, second, third = place.interfaces
    [grant] = (await place.request(parts, first)).grants

    def ending(interface: UUID) -> Awaitable[object]:
        return interfaces.delete(parts.store, origin(), SYSTEM, interface=interface)

    with meanwhile(parts, lambda: ending(first)), pytest.raises(refusals.UnknownInterfaceGrant):
        await place.approve(parts, grant)
    with meanwhile(parts, lambda: ending(second)), pytest.raises(refusals.UnknownInterface):
        await place.request(parts, second)
    with meanwhile(parts, lambda: ending(third)):
        assert await place.request_all(parts) == 0
    assert await statuses(parts) == {}


async def test_what_is_asked_for_while_its_interface_ends_ends_too(parts: StoreParts) -> None:
    place = await a_place(parts, 1)
    with meanwhile(parts, lambda: place.request(parts)):
        await interfaces.delete(parts.store, origin(), SYSTEM, interface=place.interfaces[0])
    assert (await topics(parts))[-3:] == [
        "interface_grant.requested",
        "interface_grant.withdrawn",
        "interface.deleted",
    ]
    assert await statuses(parts) == {}


async def test_an_application_that_ends_at_the_last_moment_is_granted_nothing(parts: StoreParts) -> None:
    place, other, third = [await a_place(parts) for _ in range(3)]
    [grant] = (await place.request(parts, place.interfaces[0])).grants

    def ending(of: Place) -> Awaitable[object]:
        return applications.delete(parts.store, origin(), SYSTEM, application=of.application)

    with meanwhile(parts, lambda: ending(place)), pytest.raises(refusals.UnknownApplication):
        await place.approve(parts, grant)
    with meanwhile(parts, lambda: ending(other)), pytest.raises(refusals.UnknownApplication):
        await other.request(parts)
    with meanwhile(parts, lambda: ending(third)), pytest.raises(refusals.UnknownApplication):
        await third.request_all(parts)
    assert await place.approve_all(parts) == (0, 0)


async def test_what_is_asked_for_again_at_the_last_moment_is_not_what_was_approved(parts: StoreParts) -> None:
    place = await a_place(parts, 1)
    [grant] = (await place.request(parts)).grants
    looked_at = grant.requested_at

    async def anew() -> None:
        await interface_grants.reject(parts.store, origin(), SYSTEM, grant=grant.id, reason="No")
        parts.clock.move(HOUR)
        await place.request(parts, interfaces=[Wanted(grant.interface, 2**31 - 1)])

    with meanwhile(parts, anew), pytest.raises(refusals.RequestedAgain):
        await place.approve(parts, grant, requested_at=looked_at)
    assert await statuses(parts) == {"pending": 1}


async def test_a_deleted_grant_may_be_asked_for_as_a_new_one(parts: StoreParts) -> None:
    place = await a_place(parts, 1)
    [grant] = (await place.request(parts)).grants
    await place.approve(parts, grant)
    await interface_grants.delete(parts.store, origin(), place.requester, grant=grant.id)
    for gone in (interface_grants.delete, interface_grants.approve):
        with pytest.raises(refusals.UnknownInterfaceGrant):
            await gone(parts.store, origin(), place.approver, grant=grant.id)
    [again] = (await place.request(parts)).grants
    assert again.id != grant.id
    assert await statuses(parts) == {"pending": 1}


async def test_all_is_every_interface_that_nothing_waits_for_in_as_many_appends_as_it_takes(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface_grant_batches, "CHUNK", 2)
    place = await a_place(parts, 6)
    await place.request(parts, place.interfaces[3])
    before = await head(parts)
    assert await place.request_all(parts) == 5
    entries = await read_page(parts.pool, after=before, until=2**62, limit=99)
    assert sorted(Counter(entry.causation for entry in entries).values()) == [1, 2, 2]
    assert await place.request_all(parts) == 0
    assert await statuses(parts) == {"pending": 6}


async def test_all_may_be_those_of_a_resource_or_those_that_a_search_finds(parts: StoreParts) -> None:
    place = await a_place(parts, 3)
    other = (await an_api_resource(parts, place.organization, "billing")).id
    await an_interface(parts, other, "pay")
    assert await place.request_all(parts, resource=other) == 1
    assert await place.request_all(parts, search="INTERFACE_1") == 1
    assert await place.request_all(parts, search="_") == 2
    assert await statuses(parts) == {"pending": 4}


async def test_approve_all_leaves_out_what_the_caller_may_not_approve_and_revives_nothing(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface_grant_batches, "CHUNK", 2)
    place = await a_place(parts, 7)
    both = backend(place.organization, "write_app", "approve_grant")
    await place.request(parts, *place.interfaces[:2], by=both)
    denied, over = (await place.request(parts, *place.interfaces[2:4])).grants
    await interface_grants.reject(parts.store, origin(), SYSTEM, grant=denied.id, reason="No")
    await place.approve(parts, over, expires_at=parts.clock.now() + HOUR)
    await place.request(parts, *place.interfaces[4:6], expires_at=parts.clock.now() + HOUR)
    await place.request(parts, place.interfaces[6])
    parts.clock.move(HOUR)
    assert await place.approve_all(parts, by=both) == (1, 4)
    assert await statuses(parts) == {"pending": 4, "rejected": 1, "effective": 2}
    assert await place.approve_all(parts, expires_at=parts.clock.now() + HOUR) == (4, 0)
    assert await statuses(parts) == {"rejected": 1, "effective": 6}
    assert await place.approve_all(parts) == (0, 0)


async def test_approve_all_takes_only_what_was_there_to_be_looked_at(parts: StoreParts) -> None:
    place = await a_place(parts, 2)
    await place.request(parts, place.interfaces[0])
    parts.clock.move(HOUR)
    shown = parts.clock.now()
    await place.request(parts, place.interfaces[1])
    assert await place.approve_all(parts, submitted_before=shown) == (1, 0)
    assert await statuses(parts) == {"pending": 1, "effective": 1}


async def test_approve_all_decides_again_on_what_moved_meanwhile(parts: StoreParts) -> None:
    place = await a_place(parts, 3)
    grants = (await place.request(parts)).grants
    rejection = interface_grants.reject(parts.store, origin(ROOT), ROOT, grant=grants[1].id, reason="No")
    with meanwhile(parts, lambda: rejection) as decided:
        assert await place.approve_all(parts) == (2, 0)
    assert len(decided) == 2
    assert await statuses(parts) == {"rejected": 1, "effective": 2}


async def test_approve_all_on_two_processes_approves_each_once(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    place = await a_place(parts, 5)
    await place.request(parts)
    before, processes = await head(parts), [parts, await open_parts()]
    done = await asyncio.gather(*(place.approve_all(each) for each in processes * 2))
    assert sum(approved for approved, _ in done) == 5
    assert await topics(parts, after=before) == ["interface_grant.approved"] * 5


async def test_another_organizations_grants_are_nobodys_to_approve(parts: StoreParts) -> None:
    place = await a_place(parts, 1)
    [grant] = (await place.request(parts)).grants
    stranger, before = backend(uuid4()), await head(parts)
    with pytest.raises(refusals.UnknownAccount):
        await place.approve_all(parts, by=stranger)
    for command, told in (
        (interface_grants.approve, {}),
        (interface_grants.reject, {"reason": "No"}),
        (interface_grants.delete, {}),
    ):
        for by, wanted in ((stranger, grant.id), (ROOT, uuid4()), (ROOT, place.application)):
            with pytest.raises(refusals.UnknownInterfaceGrant):
                await command(parts.store, origin(by), by, grant=wanted, **told)
    assert await head(parts) == before


async def test_a_resource_takes_the_grants_for_its_interfaces_with_it_in_one_append(parts: StoreParts) -> None:
    place = await a_place(parts)
    await place.request(parts)
    before = await head(parts)
    await api_resources.delete(parts.store, origin(), SYSTEM, resource=place.resource, cascade=True)
    entries = await read_page(parts.pool, after=before, until=2**62, limit=9)
    assert Counter(entry.topic for entry in entries) == {
        "interface_grant.withdrawn": 2,
        "interface.deleted": 2,
        "api_resource.deleted": 1,
    }
    assert len({entry.causation for entry in entries}) == 1
    assert await rows.count_of(parts.pool, place.interfaces) == {}


async def test_too_many_grants_do_not_end_at_once(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface_grants, "WITHDRAWN_AT_ONCE", 2)
    place = await a_place(parts, 3)
    await place.request(parts)
    before = await head(parts)
    with pytest.raises(refusals.TooMuchAtOnce):
        await api_resources.delete(parts.store, origin(), SYSTEM, resource=place.resource, cascade=True)
    assert await head(parts) == before
    await interfaces.delete(parts.store, origin(), SYSTEM, interface=place.interfaces[0])
    await api_resources.delete(parts.store, origin(), SYSTEM, resource=place.resource, cascade=True)


async def test_a_batch_is_one_append_in_each_organization(parts: StoreParts) -> None:
    places = [await a_place(parts), await a_place(parts)]
    ids = [str(grant.id) for place in places for grant in (await place.request(parts)).grants]
    before = await head(parts)
    outcome = await interface_grant_batches.approve(parts.store, origin(ROOT), ROOT, ids=ids)
    assert [one.refusal for one in outcome.value] == [None] * 4
    entries = await read_page(parts.pool, after=before, until=2**62, limit=9)
    assert {entry.organization for entry in entries} == {place.organization for place in places}
    assert sorted(Counter(entry.causation for entry in entries).values()) == [2, 2]
