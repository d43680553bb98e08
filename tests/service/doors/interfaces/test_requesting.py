"""Rows F18 to F21 of spec/iform.md: an application's interface authorization, and the selector of interfaces."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import running
from tests.fake_clock import FakeClock
from tests.service.doors.interfaces.granting import PATH, a_counter, nothing, refused
from tests.service.doors.third_parties.given import a_desk

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.doors.interfaces.granting import Counter
    from tests.service.doors.third_parties.given import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTHING = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest_asyncio.fixture(loop_scope="module")
async def counter(app: Running) -> Counter:
    return await a_counter(app)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(counter: Counter) -> Desk:
    """Who registers third parties in the same organization, and who decides about them."""
    made = await a_desk(counter.app)
    creator = await counter.app.manager(counter.organization, "read_app", "write_app", "write_user")
    approver = await counter.app.manager(counter.organization, "read_app", "write_app", "approve_grant")
    return type(made)(counter.app, counter.organization, creator, approver)


async def test_f18_an_application_shows_what_it_may_call_and_what_it_asked_for(counter: Counter) -> None:
    interface = await counter.interface(name="Read an order", identifier="read_order", path="/orders/{id}")
    [asked] = await counter.asked(interface)
    other = counter.of((await counter.app.application(organization=counter.organization))["id"])
    await other.asked(interface)
    shown = await counter.app.call("GET", PATH, counter.requester, params={"application": counter.application})
    [one] = shown.json["items"]
    assert one == await counter.present(asked["id"])
    assert {name: one[name] for name in asked} == asked
    told = ("interface_name", "interface_identifier", "method", "path", "scope", "application_name", "status")
    assert [one[name] for name in told] == [
        "Read an order", "read_order", "GET", "/orders/{id}", "authorized", "Back end", "pending",
    ]  # fmt: skip
    assert (one["frequency"], one["test_frequency"], one["expires_at"], one["decided_by"]) == (120, 60, None, None)


async def test_f18_grants_are_found_by_status_and_by_what_people_know(counter: Counter) -> None:
    name = uuid4().hex
    interface = await counter.interface(name=f"Say {name}", identifier=f"say_{name}", path=f"/say/{name}")
    found = [(await counter.asked(interface))[0]["id"], await counter.effective(), await counter.waiting()]
    rejected = await counter.waiting()
    await counter.decide("reject", rejected, reason="No")
    assert await counter.listed(status="pending") == [found[0], found[2]]
    assert await counter.listed(status="effective") == [found[1]]
    assert await counter.listed(status="rejected") == [rejected]
    assert await counter.listed(status="expired") == []
    for search in (f"SAY {name}", f"Say_{name}", f"/say/{name}"):
        assert await counter.listed(search=search) == found[:1]
    assert await counter.listed(interface=interface) == found[:1]
    assert await counter.listed(search="  ") == await counter.listed(resource=counter.resource) == [*found, rejected]
    assert await counter.listed(resource=nothing()) == []


async def test_f18_grants_are_told_page_by_page(counter: Counter) -> None:
    made = [await counter.waiting() for _ in range(3)]
    first = await counter.app.call("GET", PATH, counter.requester, params={"limit": "2"})
    assert ([one["id"] for one in first.json["items"]], first.json["next"]) == (made[:2], made[1])
    assert await counter.listed(after=made[1]) == made[2:]


async def test_f18_nobody_sees_the_grants_of_another_organization(counter: Counter) -> None:
    grant, stranger = await counter.waiting(), await counter.app.manager(await counter.app.organization())
    reply = await counter.app.call("GET", PATH, stranger)
    assert reply.json == {"items": [], "next": None}
    named = await counter.app.call("GET", PATH, stranger, params={"organization": counter.organization})
    assert refused(named) == (404, "unknown_account")
    one = await counter.app.call("GET", f"{PATH}/{grant}", stranger)
    assert refused(one) == (404, "unknown_interface_grant")
    asked = await counter.app.call("GET", f"{PATH}/available", stranger, params={"application": counter.application})
    assert refused(asked) == (404, "unknown_application")
    root = await counter.app.call("GET", PATH, params={"organization": counter.organization})
    assert [item["id"] for item in root.json["items"]] == [grant]


async def test_f18_a_third_party_asks_once_it_is_in_effect_and_calls_interfaces(counter: Counter, desk: Desk) -> None:
    interface, party = await counter.interface(), await desk.party()
    mine = counter.of(party.id)
    everything = {"application": party.id}
    not_yet = (409, "third_party_not_effective")
    assert refused(await mine.ask(interface)) == refused(await mine.many("all", everything, mine.requester)) == not_yet
    await party.approved()
    assert (await mine.ask(interface)).status == 201
    only = counter.of((await (await desk.party(scope_kinds=["sso"])).approved()).id)
    assert refused(await only.ask(interface)) == (403, "sign_in_only")
    assert refused(await only.many("all", {"application": only.application}, only.requester)) == (403, "sign_in_only")


async def test_f18_what_becomes_of_a_third_party_decides_about_its_grants_too(counter: Counter, desk: Desk) -> None:
    party = await (await desk.party()).approved()
    mine = counter.of(party.id)
    grant, kept = await mine.waiting(), await mine.effective()
    await party.rejected()
    assert refused(await mine.decide("approve", grant)) == (409, "third_party_not_effective")
    edited = await counter.app.call("PUT", party.path, desk.creator, json={"scope_kinds": ["sso"]})
    assert edited.status == 200, edited.text
    await party.approved()
    assert refused(await mine.decide("approve", grant)) == (403, "sign_in_only")
    assert await mine.listed(application=party.id) == [grant, kept]
    assert (await counter.app.call("DELETE", f"{party.path}?force=true", desk.creator)).status == 204
    assert await mine.listed() == []
    for one in (grant, kept):
        reply = await counter.app.call("GET", f"{PATH}/{one}", counter.requester)
        assert refused(reply) == (404, "unknown_interface_grant")
    assert refused(await mine.decide("approve", grant)) == (404, "unknown_application")


@pytest.mark.parametrize("how", ["waiting", "effective"])
async def test_f19_a_grant_is_deleted_and_may_be_asked_for_anew(counter: Counter, how: str) -> None:
    grant = await getattr(counter, how)()
    interface = (await counter.present(grant))["interface"]
    assert (await counter.delete(grant)).status == 204
    assert refused(await counter.delete(grant)) == (404, "unknown_interface_grant")
    assert await counter.listed() == []
    [again] = await counter.asked(interface)
    assert (again["id"] != grant, again["status"]) == (True, "pending")


async def test_f19_whoever_asked_takes_it_back_themselves(counter: Counter) -> None:
    grant, before = await counter.waiting(), await counter.topics()
    assert (await counter.delete(grant)).status == 204
    assert await counter.topics() == ["interface_grant.deleted", *before]


async def test_f19_deleting_is_for_those_who_may_change_applications(counter: Counter) -> None:
    grant = await counter.waiting()
    assert refused(await counter.delete(grant, counter.approver)) == (403, "insufficient_scope")
    stranger = await counter.app.manager(await counter.app.organization())
    assert refused(await counter.delete(grant, stranger)) == (404, "unknown_interface_grant")
    assert await counter.status(grant) == "pending"


async def test_f19_several_are_deleted_at_once_each_for_itself(counter: Counter) -> None:
    grants = [await counter.waiting(), await counter.effective()]
    ids = [grants[0], nothing(), grants[1], "no id"]
    reply = await counter.many("delete", {"ids": ids}, counter.requester)
    told = [(one["id"], one["code"]) for one in reply.json["results"]]
    unknown = "unknown_interface_grant"
    assert told == [(ids[0], None), (ids[1], unknown), (ids[2], None), (ids[3], unknown)]
    assert await counter.listed() == []


async def test_f19_a_grant_goes_with_its_interface(counter: Counter) -> None:
    grant, kept = await counter.effective(), await counter.effective()
    interface = (await counter.present(grant))["interface"]
    manager = await counter.app.manager(counter.organization, "write_api")
    assert (await counter.app.call("DELETE", f"/api/interfaces/{interface}", manager)).status == 204
    assert await counter.listed() == [kept]
    assert (await counter.topics())[0] == "interface_grant.withdrawn"


async def test_f20_the_selector_shows_what_neither_waits_nor_is_in_force(counter: Counter) -> None:
    new, anybody = await counter.interface(), await counter.interface(scope="anonymous")
    grants = [await counter.waiting(), await counter.effective(), await counter.waiting()]
    assert await counter.available() == [new, anybody]
    await counter.decide("reject", grants[2], reason="No")
    assert await counter.available() == [new, anybody, (await counter.present(grants[2]))["interface"]]
    other = counter.of((await counter.app.application(organization=counter.organization))["id"])
    assert len(await other.available()) == 5


async def test_f20_the_selector_tells_what_an_interface_is(counter: Counter) -> None:
    interface = await counter.interface(name="List", identifier="list", path="/orders", frequency=7, test_frequency=3)
    told = {"application": counter.application}
    reply = await counter.app.call("GET", f"{PATH}/available", counter.requester, params=told)
    [one] = reply.json["items"]
    resource = one.pop("resource_identifier")
    assert resource.startswith("orders-")
    assert one == {
        "id": interface, "resource": counter.resource, "resource_name": "Orders", "identifier": "list", "name": "List",
        "method": "GET", "path": "/orders", "scope": "authorized", "frequency": 7, "test_frequency": 3,
    }  # fmt: skip


async def test_f20_the_selector_is_searched_and_the_search_reset(counter: Counter) -> None:
    name = uuid4().hex
    wanted, other = await counter.interface(name=f"Ünder {name}"), await counter.interface()
    elsewhere = await counter.app.api_resource(counter.organization)
    third = (await counter.app.interface(elsewhere))["id"]
    assert await counter.available(search=f"üNDER {name}") == [wanted]
    assert await counter.available(search="%") == await counter.available(search=uuid4().hex) == []
    assert await counter.available(search="") == await counter.available() == [wanted, other, third]
    assert await counter.available(resource=elsewhere["id"]) == [third]


async def test_f20_the_selector_goes_page_by_page(counter: Counter) -> None:
    made = [await counter.interface() for _ in range(3)]
    told = {"application": counter.application, "limit": "2"}
    first = await counter.app.call("GET", f"{PATH}/available", counter.requester, params=told)
    assert ([one["id"] for one in first.json["items"]], first.json["next"]) == (made[:2], made[1])
    assert await counter.available(after=made[1]) == made[2:]


async def test_f20_the_selector_needs_an_application(counter: Counter) -> None:
    reply = await counter.app.call("GET", f"{PATH}/available", counter.requester)
    assert refused(reply) == (400, "invalid_query")
    for wrong in (nothing(), counter.resource):
        reply = await counter.app.call("GET", f"{PATH}/available", counter.requester, params={"application": wrong})
        assert refused(reply) == (404, "unknown_application")


async def test_f20_looking_and_going_away_again_leaves_nothing(counter: Counter) -> None:
    await counter.interface()
    head = "SELECT max(last) FROM muniment.batches"
    before = await counter.app.parts.store.pool.fetchval(head)
    await counter.available(search="list")
    await counter.listed()
    assert await counter.app.parts.store.pool.fetchval(head) == before


async def test_f20_several_are_chosen_each_with_limits_of_its_own(counter: Counter) -> None:
    interfaces = [await counter.interface(frequency=9) for _ in range(3)]
    chosen = [
        {"interface": interfaces[0]},
        {"interface": interfaces[1], "frequency": 1, "test_frequency": 2**31 - 1},
        {"interface": interfaces[2], "frequency": None, "test_frequency": 5},
    ]
    reply = await counter.ask(*chosen, expires_at="2099-01-01T00:00:00Z")
    assert reply.status == 201, reply.text
    grants = reply.json["requested"]
    assert [one["interface"] for one in grants] == interfaces
    assert [(one["frequency"], one["test_frequency"]) for one in grants] == [(9, 60), (1, 2**31 - 1), (9, 5)]
    assert {one["expires_at"] for one in grants} == {"2099-01-01T00:00:00Z"}


async def test_f20_what_waits_or_is_in_force_is_never_doubled(counter: Counter) -> None:
    waiting, granted = await counter.waiting(), await counter.effective()
    known = [(await counter.present(one))["interface"] for one in (waiting, granted)]
    before = await counter.topics()
    again = await counter.ask(*known, known[0])
    assert (again.status, again.json) == (200, {"requested": [], "skipped": known})
    new = await counter.interface()
    mixed = await counter.ask(known[0], new, new)
    assert (mixed.status, mixed.json["skipped"]) == (201, known[:1])
    assert [one["interface"] for one in mixed.json["requested"]] == [new]
    assert await counter.topics() == ["interface_grant.requested", *before]


async def test_f20_of_two_who_choose_the_same_at_once_one_asks_for_it(counter: Counter) -> None:
    interfaces = [await counter.interface() for _ in range(3)]
    other = await counter.app.manager(counter.organization, "write_app")
    asking = (counter.ask(*interfaces, token=token) for token in (counter.requester, other) * 2)
    replies = await asyncio.gather(*asking)
    assert sorted((reply.status, len(reply.json["requested"])) for reply in replies) == [(200, 0)] * 3 + [(201, 3)]
    assert len(await counter.listed()) == 3


async def test_f20_one_that_nobody_knows_spoils_the_choice(counter: Counter) -> None:
    good, theirs = await counter.interface(), await (await a_counter(counter.app)).interface()
    for wrong in (nothing(), theirs, counter.application):
        for token in (counter.requester, counter.app.root):
            assert refused(await counter.ask(good, wrong, token=token)) == (404, "unknown_interface")
    unknown = counter.of(nothing())
    assert refused(await unknown.ask(good)) == (404, "unknown_application")
    assert refused(await unknown.many("all", {"application": nothing()}, counter.requester)) == (
        404, "unknown_application",
    )  # fmt: skip
    stranger = await counter.app.manager(await counter.app.organization())
    assert refused(await counter.ask(good, token=stranger)) == (404, "unknown_application")
    assert await counter.listed() == []


@pytest.mark.parametrize(
    "body",
    [
        {"interfaces": []},
        {"interfaces": [{"interface": NOTHING}] * 101},
        {"interfaces": [NOTHING]},
        {"interfaces": [{"interface": "x"}]},
        {"interfaces": [{}]},
        {"interfaces": None},
        {"application": None},
        {"expires_at": "tomorrow"},
        {"more": 1},
        *({"interfaces": [{"interface": NOTHING, "frequency": wrong}]} for wrong in (0, -1, 2**31, 1.5, "1", True)),
        {"interfaces": [{"interface": NOTHING, "test_frequency": 0}]},
    ],
)
async def test_f20_what_is_no_choice_is_refused(counter: Counter, body: dict[str, Any]) -> None:
    told = {"application": counter.application, "interfaces": [{"interface": await counter.interface()}], **body}
    reply = await counter.app.call("POST", PATH, counter.requester, json=told)
    assert refused(reply) == (400, "invalid_body")


async def test_f20_nobody_asks_for_what_is_over(counter: Counter) -> None:
    reply = await counter.ask(await counter.interface(), expires_at="2001-01-01T00:00:00Z")
    assert refused(reply) == (400, "invalid_expiry")


async def test_f20_all_is_every_interface_that_there_is_nothing_for_yet(counter: Counter) -> None:
    made = [await counter.interface() for _ in range(3)]
    await counter.asked(made[1])
    everything = {"application": counter.application}
    reply = await counter.many("all", everything, counter.requester)
    assert (reply.status, reply.json) == (200, {"requested": 2})
    assert await counter.available() == []
    again = await counter.many("all", everything, counter.requester)
    assert (again.status, again.json) == (200, {"requested": 0})
    assert len(await counter.listed(status="pending")) == 3


async def test_f20_all_may_be_what_a_search_finds_or_those_of_a_resource(counter: Counter) -> None:
    name = uuid4().hex
    found = [await counter.interface(name=f"{name} {n}") for n in range(2)]
    elsewhere = await counter.app.api_resource(counter.organization)
    third, rest = (await counter.app.interface(elsewhere))["id"], await counter.interface()
    told = {"application": counter.application}
    searched = await counter.many("all", {**told, "search": f" {name.upper()}"}, counter.requester)
    assert searched.json == {"requested": 2}
    assert await counter.available() == [third, rest]
    narrowed = await counter.many("all", {**told, "resource": elsewhere["id"]}, counter.requester)
    assert (narrowed.json, await counter.available()) == ({"requested": 1}, [rest])
    asked_for = {(await counter.present(one))["interface"] for one in await counter.listed()}
    assert asked_for == {*found, third}


async def test_f20_all_repeated_under_its_key_is_answered_alike(counter: Counter) -> None:
    await counter.interface()
    told, key = {"application": counter.application}, {"Idempotency-Key": uuid4().hex}
    replies = [await counter.many("all", told, counter.requester, headers=key) for _ in range(2)]
    assert [reply.json for reply in replies] == [{"requested": 1}] * 2
    assert replies[1].headers["Idempotency-Replayed"] == "true"


async def test_f21_what_is_asked_for_waits_until_somebody_decides(counter: Counter) -> None:
    [grant] = await counter.asked(await counter.interface())
    assert (grant["status"], grant["decided_by"]) == ("pending", None)
    assert await counter.listed(status="pending") == [grant["id"]]
    assert await counter.listed(status="effective") == []
    assert refused(await counter.decide("approve", grant["id"], counter.requester)) == (403, "insufficient_scope")
    assert (await counter.decide("approve", grant["id"])).json["status"] == "effective"


async def test_f21_what_was_rejected_or_has_expired_is_asked_for_again(app_database: str) -> None:
    clock = FakeClock()
    async with running(app_database, clock=clock) as service:
        counter = await a_counter(service)
        end = clock.now() + timedelta(seconds=100)
        denied, over = await counter.waiting(), await counter.effective(expires_at=end.isoformat())
        interfaces = [(await counter.present(one))["interface"] for one in (denied, over)]
        await counter.decide("reject", denied, reason="No")
        clock.move(timedelta(seconds=99))
        assert (await counter.available(), await counter.status(over)) == (interfaces[:1], "effective")
        clock.move(timedelta(seconds=1))
        assert (await counter.available(), await counter.status(over)) == (interfaces, "expired")
        assert await counter.listed(status="expired") == [over]
        again = await counter.asked(*interfaces, token=await service.manager(counter.organization, "write_app"))
        assert [one["id"] for one in again] == [denied, over]
        shown = await counter.present(denied)
        assert (shown["status"], shown["reason"], shown["decided_by"]) == ("pending", None, None)
        assert shown["requested_at"] > shown["created_at"]
