"""Approval: who may decide, when, until when, and what becomes of a third party that is edited or deleted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.service.doors.third_parties.given import CALLBACK, PATH, alive, error, refused

if TYPE_CHECKING:
    from tests.fake_clock import FakeClock
    from tests.service.doors.third_parties.given import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def head(desk: Desk) -> int:
    return await desk.app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def test_nobody_decides_about_what_they_registered(desk: Desk) -> None:
    both = await desk.app.manager(desk.organization, "write_app", "approve_grant")
    party = await desk.party(token=both)
    before = await head(desk)
    assert refused(await desk.decide("approve", party, both)) == (403, "self_approval")
    assert refused(await desk.decide("reject", party, both, reason="Mine")) == (403, "self_approval")
    assert await head(desk) == before
    assert (await desk.decide("approve", party)).status == 200


async def test_root_neither(desk: Desk) -> None:
    party = await desk.party(token=desk.app.root, organization=desk.organization)
    assert refused(await desk.decide("approve", party, desk.app.root)) == (403, "self_approval")
    assert (await desk.decide("approve", party)).status == 200


async def test_nor_about_what_they_submitted_again(desk: Desk) -> None:
    party = await (await desk.party()).rejected()
    edited = await desk.app.call("PUT", party.path, json={"description": "By root"})
    assert (edited.status, edited.json["created_by"] != edited.json["submitted_by"]) == (200, True)
    assert refused(await desk.decide("approve", party, desk.app.root)) == (403, "self_approval")
    assert (await desk.decide("approve", party)).status == 200


@pytest.mark.parametrize("what", ["approve", "reject"])
async def test_deciding_takes_a_permission_of_its_own(desk: Desk, what: str) -> None:
    party = await desk.party()
    colleague = await desk.app.manager(desk.organization, "read_app", "write_app")
    body = {"reason": "No"} if what == "reject" else {}
    for token in (desk.creator, colleague):
        assert refused(await desk.decide(what, party, token, **body)) == (403, "insufficient_scope")
    assert (await party.present())["status"] == "pending"


@pytest.mark.parametrize("what", ["approve", "reject"])
async def test_what_belongs_to_others_is_unknown(desk: Desk, what: str) -> None:
    party = await desk.party()
    stranger = await desk.app.manager(await desk.app.organization("Other"))
    body = {"reason": "No"} if what == "reject" else {}
    assert refused(await desk.decide(what, party, stranger, **body)) == (404, "unknown_third_party")
    assert refused(await desk.app.call("GET", party.path, stranger)) == (404, "unknown_third_party")
    assert refused(await desk.app.call("PUT", party.path, stranger, json={})) == (404, "unknown_third_party")


async def test_an_organizations_own_application_is_no_third_party(desk: Desk) -> None:
    own = await desk.app.application(organization=desk.organization, kind="web")
    path = f"{PATH}/{own['id']}"
    for method, at, body in (
        ("GET", path, None),
        ("PUT", path, {}),
        ("DELETE", path, None),
        ("POST", f"{path}/approve", {}),
        ("POST", f"{path}/reject", {"reason": "No"}),
        ("POST", f"{path}/reset-secret", {}),
    ):
        assert refused(await desk.app.call(method, at, json=body)) == (404, "unknown_third_party"), at


async def test_of_two_who_approve_at_once_one_does(desk: Desk) -> None:
    party = await desk.party()
    other = await desk.app.manager(desk.organization, "approve_grant")
    replies = await asyncio.gather(*(desk.decide("approve", party, token) for token in (desk.approver, other) * 4))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    assert {reply.json["code"] for reply in replies if reply.status == 409} == {"third_party_not_pending"}


async def test_of_two_who_decide_differently_at_once_the_last_word_is_no(desk: Desk) -> None:
    for _ in range(5):
        party = await desk.party()
        approval, rejection = await asyncio.gather(
            desk.decide("approve", party), desk.decide("reject", party, reason="No")
        )
        assert rejection.status == 200
        assert approval.status in {200, 409}
        assert (await party.present())["status"] == "rejected"


async def test_an_approval_repeated_under_its_key_is_answered_alike(desk: Desk) -> None:
    party, key = await desk.party(), {"Idempotency-Key": uuid4().hex}
    first, again = [
        await desk.app.call("POST", f"{party.path}/approve", desk.approver, json={}, headers=key) for _ in range(2)
    ]
    assert (again.status, again.text) == (200, first.text)
    assert refused(await desk.decide("approve", party)) == (409, "third_party_not_pending")


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [
        ("2001-01-01T00:00:00Z", "invalid_expiry"),
        ("2001-01-01", "invalid_body"),
        ("2031-01-01T00:00:00", "invalid_body"),
        ("2031-02-30T00:00:00Z", "invalid_body"),
        ("9999-12-31T23:59:59-23:59", "invalid_body"),
        (1_900_000_000, "invalid_body"),
    ],
)
async def test_an_approval_ends_in_the_future_at_a_moment_with_an_offset(
    desk: Desk, expires_at: object, code: str
) -> None:
    party = await desk.party()
    reply = await desk.decide("approve", party, expires_at=expires_at)
    assert refused(reply) == (400, code)
    assert reply.json["errors"][0]["field"] == "expires_at"
    assert (await party.present())["status"] == "pending"


async def test_from_the_end_of_its_approval_on_nothing_works(timed: tuple[Desk, FakeClock]) -> None:
    desk, clock = timed
    end = clock.now() + timedelta(seconds=100)
    party = await (await desk.party()).approved(expires_at=end.isoformat())
    lasting = await desk.party()
    assert await party.machine_token()
    clock.move(timedelta(seconds=99))
    token = await party.machine_token()
    assert (await party.present())["status"] == "effective"
    clock.move(timedelta(seconds=1))
    assert (await party.present())["status"] == "expired"
    assert not await alive(desk.app, token)
    assert error(await party.ask(grant_type="client_credentials")) == (400, "unauthorized_client")
    listed = await desk.app.call("GET", PATH, params={"status": "expired"})
    assert [item["id"] for item in listed.json["items"]] == [party.id]
    assert refused(await desk.decide("approve", party)) == (409, "third_party_not_pending")
    assert refused(await desk.app.call("POST", f"{party.path}/reset-secret")) == (409, "third_party_not_effective")
    again = await desk.app.call("PUT", party.path, desk.creator, json={})
    assert (again.status, again.json["status"], again.json["expires_at"]) == (200, "pending", None)
    await party.approved()
    assert await party.machine_token()
    assert (await lasting.present())["status"] == "pending"


async def test_what_is_in_effect_is_not_edited(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    before = await party.present()
    reply = await desk.app.call("PUT", party.path, desk.creator, json={"name": "Other"})
    assert refused(reply) == (409, "third_party_effective")
    assert await party.present() == before


async def test_only_its_creator_and_root_edit_a_third_party(desk: Desk) -> None:
    party = await desk.party()
    for token in (desk.approver, await desk.app.manager(desk.organization, "write_app")):
        assert refused(await desk.app.call("PUT", party.path, token, json={"name": "Mine"})) == (
            403,
            "creator_required",
        )
    for token in (desk.creator, desk.app.root):
        assert (await desk.app.call("PUT", party.path, token, json={"name": "Ours"})).status == 200


async def test_an_edit_changes_what_it_names_and_keeps_the_rest(desk: Desk) -> None:
    party = await desk.party(description="Old")
    before = await party.present()
    changed = {
        "name": "New",
        "domain": "new.example.com",
        "description": None,
        "scope_kinds": ["sso"],
        "grant_types": ["password"],
        "redirect_uris": [f"{CALLBACK}2"],
    }
    for name, value in changed.items():
        reply = await desk.app.call("PUT", party.path, desk.creator, json={name: value})
        moved = {"submitted_at", "updated_at"}
        assert {key for key, now in reply.json.items() if now != before[key]} <= {name, *moved}, name
        assert reply.json[name] == value
        before = reply.json
    for name, value in {"identifier": "other", "status": "effective", "trusted": True, "name": None}.items():
        assert refused(await desk.app.call("PUT", party.path, desk.creator, json={name: value})) == (
            400,
            "invalid_body",
        )
    for name, value, code in (
        ("name", " ", "invalid_name"),
        ("domain", "", "invalid_domain"),
        ("redirect_uris", ["http://shop.example.com"], "invalid_redirect_uri"),
        ("redirect_uris", [f"{CALLBACK}{n}" for n in range(51)], "too_many"),
    ):
        assert refused(await desk.app.call("PUT", party.path, desk.creator, json={name: value})) == (400, code)
    assert await party.present() == before


async def test_trust_is_given_with_an_approval_and_lost_with_an_edit(desk: Desk) -> None:
    party = await (await desk.party()).approved(trusted=True)
    assert (await party.present())["trusted"]
    await party.rejected()
    assert not (await desk.app.call("PUT", party.path, desk.creator, json={})).json["trusted"]
    assert not (await (await party.approved()).present())["trusted"]


async def test_nothing_else_is_approved_than_was_looked_at(desk: Desk) -> None:
    party = await desk.party()
    looked_at = (await party.present())["submitted_at"]
    edited = await desk.app.call("PUT", party.path, desk.creator, json={"redirect_uris": [f"{CALLBACK}4"]})
    assert refused(await desk.decide("approve", party, submitted_at=looked_at)) == (409, "submitted_again")
    assert (await party.present())["status"] == "pending"
    assert (await desk.decide("approve", party, submitted_at=edited.json["submitted_at"])).status == 200


async def test_its_settings_are_changed_by_those_alone_who_could_approve_it(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    path, change = f"/api/applications/{party.id}", {"redirect_uris": [f"{CALLBACK}3"]}
    assert refused(await desk.app.call("PATCH", path, desk.creator, json=change)) == (403, "missing_permission")
    assert (await desk.app.call("PATCH", path, desk.approver, json=change)).status == 200
    assert (await party.present())["redirect_uris"] == [f"{CALLBACK}3"]


async def test_who_approves_holds_what_the_third_party_was_granted(desk: Desk) -> None:
    party = await desk.party()
    asked = {"application": party.id, "audience": "https://files.test", "scope": ["all"]}
    everything = await desk.app.manager(desk.organization, "all")
    grant = await desk.app.made("/api/grants", asked, everything)
    assert (await desk.app.call("POST", f"/api/grants/{grant['id']}/approve")).status == 200
    assert refused(await desk.decide("approve", party)) == (403, "missing_permission")
    assert (await party.present())["status"] == "pending"
    assert (await desk.decide("approve", party, everything)).status == 200


async def test_a_rejected_one_is_not_approved_before_it_is_submitted_again(desk: Desk) -> None:
    party = await (await desk.party()).rejected("First")
    assert refused(await desk.decide("approve", party)) == (409, "third_party_not_pending")
    assert (await desk.decide("reject", party, reason="Second")).status == 200
    assert (await party.present())["cause"] == "First", "what was decided stays"


async def test_a_disabled_one_is_shown_as_such(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    token = await party.machine_token()
    assert (await desk.app.call("POST", f"/api/applications/{party.id}/disable", desk.approver)).status == 200
    shown = await party.present()
    assert (shown["status"], shown["disabled"]) == ("effective", True)
    assert not await alive(desk.app, token)


async def test_one_that_is_in_effect_is_deleted_by_force_alone(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    token = await party.machine_token()
    for query in ({}, {"force": "false"}):
        reply = await desk.app.call("DELETE", party.path, desk.creator, params=query)
        assert refused(reply) == (409, "third_party_effective")
    assert refused(await desk.app.call("DELETE", party.path, params={"force": "yes"})) == (400, "invalid_query")
    assert await alive(desk.app, token)
    assert (await desk.app.call("DELETE", party.path, desk.creator, params={"force": "true"})).status == 204
    assert not await alive(desk.app, token)
    assert error(await party.ask(grant_type="client_credentials")) == (401, "invalid_client")
    for method, path, body in (("GET", "", None), ("PUT", "", {}), ("DELETE", "", None), ("POST", "/approve", {})):
        reply = await desk.app.call(method, f"{party.path}{path}", json=body)
        assert refused(reply) == (404, "unknown_third_party")


async def test_whatever_else_stands_it_is_deleted_without(desk: Desk) -> None:
    for party in (await desk.party(), await (await desk.party()).rejected()):
        assert (await desk.app.call("DELETE", party.path, desk.creator)).status == 204


async def test_a_third_party_does_not_delete_itself(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    asked = {"application": party.id, "audience": "https://muniment.test/api", "scope": ["write_app"]}
    grant = await desk.app.made("/api/grants", asked, desk.creator)
    assert (await desk.app.call("POST", f"/api/grants/{grant['id']}/approve", desk.approver)).status == 200
    token = await party.machine_token()
    reply = await desk.app.call("DELETE", party.path, token, params={"force": "true"})
    assert refused(reply) == (403, "own_deletion")
    assert refused(await desk.app.call("POST", f"{party.path}/reset-secret", token)) == (403, "creator_required")


async def test_every_decision_is_an_event_that_says_who_and_why(desk: Desk) -> None:
    party = await (await (await desk.party()).approved()).rejected("Gone")
    assert (await desk.app.call("PUT", party.path, desk.creator, json={"name": "Back"})).status == 200
    events = await desk.app.events(organization=desk.organization, limit=200)
    mine = [event for event in reversed(events) if event["stream"] == party.id]
    assert [event["topic"].removeprefix("application.") for event in mine] == [
        "registered", "secret_added", "submitted", "approved", "rejected", "updated", "submitted",
    ]  # fmt: skip
    assert mine[4]["data"]["reason"] == "Gone"
    assert len({event["actor"] for event in mine}) == 2


async def test_what_was_taken_out_of_use_is_not_enabled_by_whoever_registered_it(desk: Desk) -> None:
    party = await (await desk.party()).approved()
    application = f"/api/applications/{party.id}"
    assert (await desk.app.call("POST", f"{application}/disable", desk.approver, json={})).status == 200
    before = await head(desk)
    assert refused(await desk.app.call("POST", f"{application}/enable", desk.creator, json={})) == (
        403, "missing_permission",
    )  # fmt: skip
    both = await desk.app.manager(desk.organization, "write_app", "approve_grant")
    own = await (await desk.party(token=both)).approved()
    assert (await desk.app.call("POST", f"/api/applications/{own.id}/disable", desk.approver, json={})).status == 200
    for method, path, body in (
        ("POST", f"/api/applications/{own.id}/enable", {}),
        ("PUT", f"/api/v1/apps/{own.id}", {"is_active": True}),
    ):
        reply = await desk.app.call(method, path, both, json=body)
        assert reply.status in {400, 401, 403}, reply.text
    assert (await own.ask(grant_type="client_credentials")).status == 401
    assert before < await head(desk)
    assert (await desk.app.call("POST", f"{application}/enable", desk.approver, json={})).status == 200
    assert await party.machine_token()
