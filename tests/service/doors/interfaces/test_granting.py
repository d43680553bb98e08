"""Rows F28 to F30 of spec/iform.md: interface grants are approved, rejected, and approved all together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import running
from tests.fake_clock import FakeClock
from tests.service.doors.interfaces.granting import PATH, a_counter, nothing, refused
from tests.service.doors.third_parties.given import Desk

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.doors.interfaces.granting import Counter

pytestmark = pytest.mark.asyncio(loop_scope="module")

LATER = "2099-01-01T00:00:00Z"
DONE, UNKNOWN = ("done", None), ("refused", "unknown_interface_grant")


@pytest_asyncio.fixture(loop_scope="module")
async def counter(app: Running) -> Counter:
    return await a_counter(app)


async def both(counter: Counter) -> str:
    """Return the token of somebody who asks and decides."""
    return await counter.app.manager(counter.organization, "read_grant", "write_app", "approve_grant")


def outcomes(reply: Reply) -> list[tuple[str, str | None]]:
    assert reply.status == 200, reply.text
    return [(one["outcome"], one["code"]) for one in reply.json["results"]]


async def test_f28_an_approved_grant_is_in_force_as_it_was_asked_for(counter: Counter) -> None:
    wanted = {"interface": await counter.interface(), "frequency": 7}
    [asked] = await counter.asked(wanted, expires_at=LATER)
    reply = await counter.decide("approve", asked["id"])
    assert reply.status == 200, reply.text
    shown = await counter.present(asked["id"])
    assert reply.json == {name: shown[name] for name in reply.json}
    told = ("status", "frequency", "test_frequency", "expires_at", "reason")
    assert [shown[name] for name in told] == ["effective", 7, 60, LATER, None]
    assert shown["decided_by"] not in (None, shown["requested_by"])
    assert (await counter.topics())[0] == "interface_grant.approved"


async def test_f28_whoever_approves_sets_until_when_and_how_often(counter: Counter) -> None:
    grant = await counter.waiting(expires_at=LATER)
    until = "2098-01-01T00:00:00Z"
    reply = await counter.decide("approve", grant, expires_at=until, frequency=1, test_frequency=2**31 - 1)
    shown = [reply.json[name] for name in ("expires_at", "frequency", "test_frequency")]
    assert shown == [until, 1, 2**31 - 1]


async def test_f28_where_nobody_said_until_when_it_is_for_a_year(counter: Counter) -> None:
    shown = await counter.present(await counter.effective())
    until, decided = (datetime.fromisoformat(shown[name]) for name in ("expires_at", "decided_at"))
    assert timedelta(days=364) < until - decided < timedelta(days=367)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"expires_at": "2001-01-01T00:00:00Z"}, (400, "invalid_expiry")),
        ({"expires_at": "tomorrow"}, (400, "invalid_body")),
        ({"frequency": 0}, (400, "invalid_body")),
        ({"test_frequency": 2**31}, (400, "invalid_body")),
        ({"frequency": "1"}, (400, "invalid_body")),
        ({"trusted": True}, (400, "invalid_body")),
    ],
)
async def test_f28_nothing_else_is_an_approval(counter: Counter, body: Any, refusal: tuple[int, str]) -> None:
    grant = await counter.waiting()
    assert refused(await counter.decide("approve", grant, **body)) == refusal
    assert await counter.status(grant) == "pending"


async def test_f28_nobody_approves_what_they_asked_for_root_included(counter: Counter) -> None:
    token, interface = await both(counter), await counter.interface()
    [mine] = await counter.asked(interface, token=token)
    assert refused(await counter.decide("approve", mine["id"], token)) == (403, "self_approval")
    [roots] = await counter.asked(token=counter.app.root)
    assert refused(await counter.decide("approve", roots["id"], counter.app.root)) == (403, "self_approval")
    assert await counter.status(mine["id"]) == await counter.status(roots["id"]) == "pending"
    assert (await counter.decide("approve", roots["id"], token)).status == 200


async def test_f28_nor_does_the_application_that_would_profit(counter: Counter) -> None:
    permissions = ["read_grant", "approve_grant"]
    made = await counter.app.application(organization=counter.organization, permissions=permissions)
    token = await counter.app.token(made["client_id"], made["secrets"][0]["secret"])
    own = counter.of(made["id"])
    grant = await own.waiting()
    assert refused(await own.decide("approve", grant, token)) == (403, "self_approval")
    assert outcomes(await own.many("approve", {"ids": [grant]}, token)) == [("refused", "self_approval")]
    assert (await own.many("approve-all", {}, token)).json == {"approved": 0, "left_out": 1}
    assert (await own.decide("approve", grant)).status == 200


async def test_f28_nor_does_whoever_registered_the_third_party(counter: Counter) -> None:
    creator = await both(counter)
    desk = Desk(counter.app, counter.organization, creator, counter.approver)
    party = await (await desk.party()).approved()
    theirs = counter.of(party.id)
    grant = await theirs.waiting()
    assert refused(await theirs.decide("approve", grant, creator)) == (403, "self_approval")
    assert (await theirs.many("approve-all", {}, creator)).json == {"approved": 0, "left_out": 1}
    assert (await theirs.decide("approve", grant)).status == 200


async def test_f28_approving_takes_its_permission_and_the_organization(counter: Counter) -> None:
    grant = await counter.waiting()
    stranger = await counter.app.manager(await counter.app.organization())
    for what, body in (("approve", {}), ("reject", {"reason": "No"})):
        assert refused(await counter.decide(what, grant, counter.requester, **body)) == (403, "insufficient_scope")
        assert refused(await counter.decide(what, grant, stranger, **body)) == (404, "unknown_interface_grant")
        assert refused(await counter.decide(what, nothing(), **body)) == (404, "unknown_interface_grant")
    assert await counter.status(grant) == "pending"


async def test_f28_what_does_not_wait_is_not_approved(counter: Counter) -> None:
    granted, denied = await counter.effective(), await counter.waiting()
    await counter.decide("reject", denied, reason="No")
    for grant in (granted, denied):
        assert refused(await counter.decide("approve", grant)) == (409, "grant_not_pending")


async def test_f28_of_approvals_at_once_one_counts(counter: Counter) -> None:
    grant = await counter.waiting()
    replies = await asyncio.gather(*(counter.decide("approve", grant, frequency=n + 1) for n in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]
    [won] = [reply for reply in replies if reply.status == 200]
    assert (await counter.present(grant))["frequency"] == won.json["frequency"]


async def test_f28_nothing_is_approved_that_was_asked_for_since_it_was_looked_at(counter: Counter) -> None:
    [shown] = await counter.asked()
    grant = shown["id"]
    await counter.decide("reject", grant, reason="No")
    [anew] = await counter.asked({"interface": shown["interface"], "frequency": 2**31 - 1})
    looked_at = {"requested_at": shown["requested_at"]}
    assert refused(await counter.decide("approve", grant, **looked_at)) == (409, "requested_again")
    reply = await counter.decide("approve", grant, requested_at=anew["requested_at"])
    assert (reply.status, reply.json["frequency"]) == (200, 2**31 - 1)


async def test_f28_an_approval_ends_at_the_moment_that_was_set_and_what_was_asked_for_too_late_is_not_approved(
    app_database: str,
) -> None:
    clock = FakeClock()
    async with running(app_database, clock=clock) as service:
        counter = await a_counter(service)
        end = (clock.now() + timedelta(seconds=100)).isoformat()
        granted, waiting = await counter.effective(expires_at=end), await counter.waiting(expires_at=end)
        clock.move(timedelta(seconds=99))
        assert await counter.status(granted) == "effective"
        clock.move(timedelta(seconds=1))
        assert (await counter.status(granted), await counter.status(waiting)) == ("expired", "pending")
        assert refused(await counter.decide("approve", waiting)) == (409, "grant_expired")
        assert refused(await counter.decide("approve", granted)) == (409, "grant_not_pending")
        assert refused(await counter.decide("reject", granted, reason="Late")) == (409, "grant_not_effective")
        assert (await counter.decide("approve", waiting, expires_at=LATER)).status == 200


async def test_f28_several_are_approved_at_once_each_for_itself(counter: Counter) -> None:
    token = await both(counter)
    good, granted = await counter.waiting(), await counter.effective()
    [mine] = await counter.asked(token=token)
    strangers = await (await a_counter(counter.app)).waiting()
    ids = [good, granted, nothing(), "no id", mine["id"], strangers, good.upper()]
    reply = await counter.many("approve", {"ids": ids, "expires_at": LATER}, token)
    not_pending = ("refused", "grant_not_pending")
    assert outcomes(reply) == [
        DONE, not_pending, UNKNOWN, UNKNOWN, ("refused", "self_approval"), UNKNOWN, not_pending,
    ]  # fmt: skip
    assert [one["id"] for one in reply.json["results"]] == ids
    assert (await counter.present(good))["expires_at"] == LATER


async def test_f28_what_a_batch_refuses_is_on_record(counter: Counter) -> None:
    missing = nothing()
    reply = await counter.many("approve", {"ids": [missing]})
    [refusal] = [one for one in await counter.app.refusals(limit=50) if missing in (one["detail"] or "")]
    assert (refusal["status"], refusal["code"]) == (404, "unknown_interface_grant")
    assert refusal["operation"] == f"POST {PATH}/approve"
    assert refusal["request_id"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize("ids", [[], ["x"] * 101, "x", None, [1], ["x" * 65]])
async def test_f28_a_batch_is_of_one_to_a_hundred(counter: Counter, ids: Any) -> None:
    for what, more, token in (
        ("approve", {}, counter.approver),
        ("reject", {"reason": "No"}, counter.approver),
        ("delete", {}, counter.requester),
    ):
        assert refused(await counter.many(what, {"ids": ids, **more}, token)) == (400, "invalid_body")


async def test_f28_what_is_wrong_for_all_of_a_batch_is_refused_as_a_whole(counter: Counter) -> None:
    grant = await counter.waiting()
    past = await counter.many("approve", {"ids": [grant], "expires_at": "2001-01-01T00:00:00Z"})
    assert refused(past) == (400, "invalid_expiry")
    for reason, code in (("", "reason_missing"), ("x" * 501, "invalid_reason")):
        assert refused(await counter.many("reject", {"ids": [grant], "reason": reason})) == (400, code)
    assert await counter.status(grant) == "pending"


async def test_f28_a_batch_repeated_under_its_key_is_answered_alike(counter: Counter) -> None:
    body, key = {"ids": [await counter.waiting(), nothing()]}, {"Idempotency-Key": uuid4().hex}
    first, again = [await counter.many("approve", body, headers=key) for _ in range(2)]
    assert outcomes(again) == [DONE, UNKNOWN]
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")


async def test_f29_a_rejected_grant_is_not_in_force_and_tells_why(counter: Counter) -> None:
    grant = await counter.waiting(expires_at=LATER)
    reply = await counter.decide("reject", grant, reason=" 不需要 ")
    assert reply.status == 200, reply.text
    shown = await counter.present(grant)
    assert [shown[name] for name in ("status", "reason", "expires_at")] == ["rejected", "不需要", None]
    assert shown["decided_by"] is not None
    again = await counter.decide("reject", grant, reason="Again")
    assert (again.status, (await counter.present(grant))["reason"]) == (200, "不需要")


async def test_f29_rejecting_ends_what_is_in_force(counter: Counter) -> None:
    grant = await counter.effective()
    assert (await counter.decide("reject", grant, reason="Misused")).status == 200
    assert await counter.status(grant) == "rejected"
    assert (await counter.present(grant))["interface"] in await counter.available()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"reason": ""}, "reason_missing"),
        ({"reason": "  "}, "reason_missing"),
        ({"reason": "x" * 501}, "invalid_reason"),
        ({"reason": "a\nb"}, "invalid_reason"),
        ({}, "invalid_body"),
        ({"reason": None}, "invalid_body"),
    ],
)
async def test_f29_nobody_is_rejected_without_a_reason(counter: Counter, body: Any, code: str) -> None:
    grant = await counter.waiting()
    assert refused(await counter.decide("reject", grant, **body)) == (400, code)
    assert await counter.status(grant) == "pending"


async def test_f29_several_are_rejected_at_once_for_the_same_reason(counter: Counter) -> None:
    grants = [await counter.waiting(), await counter.effective()]
    reply = await counter.many("reject", {"ids": [*grants, nothing()], "reason": "停用"})
    assert outcomes(reply) == [DONE, DONE, UNKNOWN]
    assert {(await counter.present(grant))["reason"] for grant in grants} == {"停用"}


async def test_f29_of_approval_and_rejection_at_once_the_rejection_stands(counter: Counter) -> None:
    grant = await counter.waiting()
    replies = await asyncio.gather(counter.decide("approve", grant), counter.decide("reject", grant, reason="No"))
    assert replies[1].status == 200
    assert replies[0].status in {200, 409}
    assert await counter.status(grant) == "rejected"


async def test_f30_everything_that_was_submitted_is_approved(counter: Counter) -> None:
    waiting = [await counter.waiting() for _ in range(3)]
    other = counter.of((await counter.app.application(organization=counter.organization))["id"])
    waiting.append(await other.waiting(expires_at=LATER))
    reply = await counter.many("approve-all", {})
    assert (reply.status, reply.json) == (200, {"approved": 4, "left_out": 0})
    assert await counter.listed(status="effective") == waiting
    assert (await counter.present(waiting[3]))["expires_at"] == LATER
    assert (await counter.many("approve-all", {})).json == {"approved": 0, "left_out": 0}


async def test_f30_rejected_ones_stay_rejected(counter: Counter) -> None:
    denied, waiting = await counter.waiting(), await counter.waiting()
    await counter.decide("reject", denied, reason="No")
    assert (await counter.many("approve-all", {"expires_at": LATER})).json == {"approved": 1, "left_out": 0}
    assert (await counter.status(denied), await counter.status(waiting)) == ("rejected", "effective")


async def test_f30_ones_own_are_left_out_and_counted(counter: Counter) -> None:
    token = await both(counter)
    [mine] = await counter.asked(token=token)
    others = await counter.waiting()
    assert (await counter.many("approve-all", {}, token)).json == {"approved": 1, "left_out": 1}
    assert (await counter.status(mine["id"]), await counter.status(others)) == ("pending", "effective")


async def test_f30_what_cannot_be_approved_now_is_left_out(counter: Counter) -> None:
    creator = await both(counter)
    desk = Desk(counter.app, counter.organization, creator, counter.approver)
    party = await (await desk.party()).approved()
    theirs = await counter.of(party.id).waiting()
    await party.rejected()
    assert (await counter.many("approve-all", {})).json == {"approved": 0, "left_out": 1}
    assert await counter.status(theirs) == "pending"


async def test_f30_all_may_be_those_of_an_application_a_resource_or_a_search(counter: Counter) -> None:
    name = uuid4().hex
    [found] = await counter.asked(await counter.interface(name=f"Say {name}"))
    other = counter.of((await counter.app.application(organization=counter.organization))["id"])
    theirs, rest = await other.waiting(), await counter.waiting()
    elsewhere = await counter.app.api_resource(counter.organization)
    [narrow] = await counter.asked((await counter.app.interface(elsewhere))["id"])
    for body, approved in (
        ({"search": name.upper()}, found["id"]),
        ({"application": other.application}, theirs),
        ({"resource": elsewhere["id"]}, narrow["id"]),
    ):
        assert (await counter.many("approve-all", body)).json == {"approved": 1, "left_out": 0}
        assert await counter.status(approved) == "effective"
    assert await counter.listed(status="pending") == [rest]
    for body in ({"search": uuid4().hex}, {"application": nothing()}, {"resource": nothing()}):
        assert (await counter.many("approve-all", body)).json == {"approved": 0, "left_out": 0}


async def test_f30_nothing_is_approved_that_came_after_the_list_was_shown(counter: Counter) -> None:
    shown = await counter.waiting()
    seen_until = datetime.now(UTC).isoformat()
    late = await counter.waiting()
    reply = await counter.many("approve-all", {"submitted_before": seen_until})
    assert reply.json == {"approved": 1, "left_out": 0}
    assert (await counter.status(shown), await counter.status(late)) == ("effective", "pending")


async def test_f30_all_are_those_of_ones_own_organization_and_root_names_one(counter: Counter) -> None:
    other, grant = await a_counter(counter.app), await counter.waiting()
    theirs = await other.waiting()
    named = {"organization": other.organization}
    assert refused(await counter.many("approve-all", named)) == (404, "unknown_account")
    assert (await counter.many("approve-all", {})).json["approved"] == 1
    assert (await counter.status(grant), await other.status(theirs)) == ("effective", "pending")
    assert (await counter.many("approve-all", named, counter.app.root)).json == {"approved": 1, "left_out": 0}
    assert await other.status(theirs) == "effective"


async def test_f30_approving_all_takes_its_permission_and_a_time_to_come(counter: Counter) -> None:
    grant = await counter.waiting()
    assert refused(await counter.many("approve-all", {}, counter.requester)) == (403, "insufficient_scope")
    past = {"expires_at": "2001-01-01T00:00:00Z"}
    assert refused(await counter.many("approve-all", past)) == (400, "invalid_expiry")
    for body in ({"ids": []}, {"submitted_before": "now"}, {"application": "x"}, []):
        assert refused(await counter.many("approve-all", body)) == (400, "invalid_body")
    assert await counter.status(grant) == "pending"


async def test_f30_of_all_approved_twice_at_once_each_is_approved_once(counter: Counter) -> None:
    waiting = [await counter.waiting() for _ in range(5)]
    replies = await asyncio.gather(*(counter.many("approve-all", {}) for _ in range(3)))
    assert sum(reply.json["approved"] for reply in replies) == 5
    assert (await counter.topics())[:5] == ["interface_grant.approved"] * 5
    assert await counter.listed(status="effective") == waiting


async def test_f30_all_repeated_under_its_key_are_answered_alike(counter: Counter) -> None:
    await counter.waiting()
    key = {"Idempotency-Key": uuid4().hex}
    replies = [await counter.many("approve-all", {}, headers=key) for _ in range(2)]
    assert [reply.json["approved"] for reply in replies] == [1, 1]
    assert replies[1].headers["Idempotency-Replayed"] == "true"
