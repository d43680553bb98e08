"""Many third parties at once: each is decided for itself, and what is refused spoils nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.service.doors.third_parties.given import PATH, a_desk, alive, refused

if TYPE_CHECKING:
    from tests.app_fixture import Reply
    from tests.service.doors.third_parties.given import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def send(desk: Desk, what: str, ids: list[Any], token: str | None = None, **more: Any) -> Reply:
    headers = more.pop("headers", {})
    body = {"ids": ids, **more}
    return await desk.app.call("POST", f"{PATH}/{what}", token or desk.approver, json=body, headers=headers)


def outcomes(reply: Reply) -> list[tuple[str, str | None]]:
    assert reply.status == 200, reply.text
    return [(one["outcome"], one["code"]) for one in reply.json["results"]]


DONE = ("done", None)
UNKNOWN = ("refused", "unknown_third_party")


async def test_a_bad_one_spoils_nothing(desk: Desk) -> None:
    good, approved, other = await desk.party(), await (await desk.party()).approved(), await desk.party()
    both = await desk.app.manager(desk.organization, "write_app", "approve_grant")
    mine = await desk.party(token=both)
    strangers = await (await a_desk(desk.app)).party()
    ids = [good.id, approved.id, str(uuid4()), "no id", mine.id, strangers.id, other.id, ""]
    reply = await send(desk, "approve", ids, both)
    assert outcomes(reply) == [
        DONE,
        ("refused", "third_party_not_pending"),
        UNKNOWN,
        UNKNOWN,
        ("refused", "self_approval"),
        UNKNOWN,
        DONE,
        UNKNOWN,
    ]
    assert [one["id"] for one in reply.json["results"]] == ids
    assert all(bool(one["detail"]) is (one["outcome"] == "refused") for one in reply.json["results"])
    shown = [(await party.present())["status"] for party in (good, approved, mine, strangers, other)]
    assert shown == ["effective", "effective", "pending", "pending", "effective"]


async def test_all_are_approved_until_the_same_moment(desk: Desk) -> None:
    parties = [await desk.party() for _ in range(3)]
    reply = await send(
        desk, "approve", [party.id for party in parties], expires_at="2031-01-01T00:00:00Z", trusted=True
    )
    assert outcomes(reply) == [DONE] * 3
    for party in parties:
        shown = await party.present()
        assert (shown["expires_at"], shown["trusted"]) == ("2031-01-01T00:00:00Z", True)


async def test_all_are_rejected_for_the_same_reason_and_their_tokens_end(desk: Desk) -> None:
    parties = [await (await desk.party()).approved() for _ in range(2)] + [await desk.party()]
    tokens = [await party.machine_token() for party in parties[:2]]
    assert outcomes(await send(desk, "reject", [party.id for party in parties], reason="停用")) == [DONE] * 3
    assert {(await party.present())["cause"] for party in parties} == {"停用"}
    assert [await alive(desk.app, token) for token in tokens] == [False, False]


async def test_those_in_effect_are_deleted_by_force(desk: Desk) -> None:
    waiting, effective = await desk.party(), await (await desk.party()).approved()
    ids = [waiting.id, effective.id]
    reply = await send(desk, "delete", ids, desk.creator)
    assert outcomes(reply) == [DONE, ("refused", "third_party_effective")]
    assert outcomes(await send(desk, "delete", ids, desk.creator, force=True)) == [UNKNOWN, DONE]


async def test_one_that_is_named_twice_is_decided_once(desk: Desk) -> None:
    party = await desk.party()
    reply = await send(desk, "approve", [party.id, party.id, party.id.upper()])
    assert [one["id"] for one in reply.json["results"]] == [party.id, party.id.upper()]
    assert outcomes(reply) == [DONE, ("refused", "third_party_not_pending")]


@pytest.mark.parametrize("ids", [[], ["x"] * 101, "x", None, [1], [["x"]], ["x" * 65]])
async def test_what_is_no_list_of_one_to_a_hundred_is_refused(desk: Desk, ids: Any) -> None:
    for what, more in (("approve", {}), ("reject", {"reason": "No"}), ("delete", {})):
        assert refused(await send(desk, what, ids, **more)) == (400, "invalid_body")


async def test_a_hundred_are_decided_at_once(desk: Desk) -> None:
    parties = [await desk.party() for _ in range(3)]
    ids = [party.id for party in parties] + [str(uuid4()) for _ in range(97)]
    assert outcomes(await send(desk, "approve", ids)) == [DONE] * 3 + [UNKNOWN] * 97


async def test_what_is_wrong_for_all_is_refused_as_a_whole(desk: Desk) -> None:
    party = await desk.party()
    past = await send(desk, "approve", [party.id], expires_at="2001-01-01T00:00:00Z")
    assert refused(past) == (400, "invalid_expiry")
    for reason, code in (("", "reason_missing"), ("x" * 501, "invalid_reason")):
        assert refused(await send(desk, "reject", [party.id], reason=reason)) == (400, code)
    assert (await party.present())["status"] == "pending"


async def test_a_batch_takes_the_permission_that_one_takes(desk: Desk) -> None:
    party = await desk.party()
    for what, token, more in (
        ("approve", desk.creator, {}),
        ("reject", desk.creator, {"reason": "No"}),
        ("delete", await desk.app.manager(desk.organization, "approve_grant"), {}),
    ):
        assert refused(await send(desk, what, [party.id], token, **more)) == (403, "insufficient_scope")


async def test_a_batch_repeated_under_its_key_is_answered_alike(desk: Desk) -> None:
    party, key = await desk.party(), {"Idempotency-Key": uuid4().hex}
    ids = [party.id, str(uuid4())]
    first, again = [await send(desk, "approve", ids, headers=key) for _ in range(2)]
    assert outcomes(again) == [DONE, UNKNOWN]
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")
    assert refused(await send(desk, "approve", ids[:1], headers=key)) == (422, "idempotency_mismatch")


async def test_root_decides_in_several_organizations_each_on_its_own_record(desk: Desk) -> None:
    other = await a_desk(desk.app)
    parties = [await desk.party(), await other.party(), await desk.party()]
    key = {"Idempotency-Key": uuid4().hex}
    ids = [party.id for party in parties] + ["nothing"]
    replies = [await send(desk, "approve", ids, desk.app.root, headers=key) for _ in range(2)]
    assert outcomes(replies[0]) == [DONE, DONE, DONE, UNKNOWN]
    assert replies[1].text == replies[0].text
    for party, organization in zip(parties, (desk.organization, other.organization, desk.organization), strict=True):
        events = await desk.app.events(organization=organization, limit=50)
        assert next(event["topic"] for event in events if event["stream"] == party.id) == "application.approved"


async def test_batches_that_overlap_approve_each_once(desk: Desk) -> None:
    ids = [(await desk.party()).id for _ in range(5)]
    other = await desk.app.manager(desk.organization, "approve_grant")
    replies = await asyncio.gather(
        *(send(desk, "approve", ids[n:] + ids[:n], token) for n, token in enumerate((desk.approver, other) * 2))
    )
    done = [one["id"] for reply in replies for one in reply.json["results"] if one["outcome"] == "done"]
    assert sorted(done) == sorted(ids)


async def test_what_a_batch_refuses_is_on_record(desk: Desk) -> None:
    missing, approver = str(uuid4()), await desk.app.manager(desk.organization, "approve_grant")
    reply = await send(desk, "approve", [missing], approver)
    [refusal] = [one for one in await desk.app.refusals(limit=50) if missing in (one["detail"] or "")]
    assert (refusal["status"], refusal["code"]) == (404, "unknown_third_party")
    assert refusal["operation"] == f"POST {PATH}/approve"
    assert refusal["request_id"] == reply.headers["X-Request-Id"]
