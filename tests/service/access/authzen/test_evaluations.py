"""Several evaluations in one request: their order, what they have in common, and where they stop."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from tests.service.access.authzen.given import EVALUATION, EVALUATIONS, a_firm, question, thing, user

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def firm(app):
    return await a_firm(app)


async def evaluated(firm, **body):
    reply = await firm.ask(EVALUATIONS, body)
    assert reply.status == 200, reply.text
    return reply.json


async def codes(firm, **body) -> list[str]:
    told = await evaluated(firm, **body)
    assert list(told) == ["evaluations"]
    return [one["context"]["code"] for one in told["evaluations"]]


async def test_evaluations_are_answered_in_their_order(firm):
    reader, whole = user(await firm.holder("read_user")), thing("organization", firm.organization)
    names = ["write_user", "read_user", "fly", "read_user"]
    asked = [question(reader, name, whole) for name in names]
    expected = ["permission_missing", "allowed", "unknown_action", "allowed"]
    assert await codes(firm, evaluations=asked) == expected
    assert (
        await codes(firm, evaluations=asked, options={"evaluations_semantic": "execute_all", "another": 1}) == expected
    )


async def test_what_an_evaluation_leaves_out_it_has_from_beside_them(firm):
    reader, whole = user(await firm.holder("read_user")), thing("organization", firm.organization)
    shared = {"subject": reader, "resource": whole, "context": {"time": "2024-05-31T15:22-07:00"}}
    asked = [{"action": {"name": "read_user"}}, {"action": {"name": "write_user"}, "context": {}}]
    assert await codes(firm, **shared, evaluations=asked) == ["allowed", "permission_missing"]
    asked = [{}, {"action": {"name": "write_user"}}, {"subject": user(await firm.user())}]
    told = await codes(firm, **shared, action={"name": "read_user"}, evaluations=asked)
    assert told == ["allowed", "permission_missing", "permission_missing"]


async def test_a_part_of_its_own_replaces_the_default_but_for_what_it_has_to_say(firm):
    """Properties are never mixed: by way of which application somebody calls is said anew, or not at all."""
    made, interface, somebody = await firm.application(), await firm.interface(), await firm.user()
    await firm.granted(made["id"], interface["id"])
    shared = {"action": {"name": "call"}, "resource": {"type": "interface"}}
    target = {"id": interface["id"]}
    asked = [
        {"resource": target},
        {"resource": target, "subject": {"id": somebody}},
        {"resource": {"id": interface["id"], "type": "role"}},
    ]
    subject = user(somebody, application=made["id"])
    told = await codes(firm, **shared, subject=subject, evaluations=asked)
    assert told == ["allowed", "application_required", "unknown_action"]


async def test_an_evaluation_that_is_not_complete_is_denied_alone(firm):
    reader, whole = user(await firm.holder("read_user")), thing("organization", firm.organization)
    right = {"resource": whole}
    wrong = [{}, {"resource": "organization"}, {"resource": {"type": "organization"}}, {"resource": {**whole, "id": 1}}]
    body = {"subject": reader, "action": {"name": "read_user"}, "evaluations": [right, *wrong, right]}
    told = (await evaluated(firm, **body))["evaluations"]
    assert [one["decision"] for one in told] == [True, False, False, False, False, True]
    for one in told[1:-1]:
        assert one["context"]["code"] == "invalid_request"
        assert one["context"]["error"]["status"] == 400
        assert one["context"]["error"]["message"].startswith("resource")


async def test_the_first_denial_may_end_them(firm):
    reader, whole = user(await firm.holder("read_user")), thing("organization", firm.organization)
    options = {"evaluations_semantic": "deny_on_first_deny"}
    asked = [{"action": {"name": name}} for name in ("read_user", "write_user", "read_user")]
    shared = {"subject": reader, "resource": whole, "options": options}
    assert await codes(firm, **shared, evaluations=asked) == ["allowed", "permission_missing"]
    assert await codes(firm, **shared, evaluations=asked[:1]) == ["allowed"]
    assert await codes(firm, **shared, evaluations=[{}, *asked]) == ["invalid_request"]


async def test_the_first_permission_may_end_them(firm):
    reader, whole = user(await firm.holder("read_user")), thing("organization", firm.organization)
    options = {"evaluations_semantic": "permit_on_first_permit"}
    asked = [{"action": {"name": name}} for name in ("write_user", "read_user", "read_user")]
    told = await codes(firm, subject=reader, resource=whole, options=options, evaluations=asked)
    assert told == ["permission_missing", "allowed"]


async def test_without_evaluations_it_is_one(firm):
    reader, whole = user(await firm.holder("read_user")), thing("organization", firm.organization)
    single = question(reader, "read_user", whole)
    expected = (await firm.ask(EVALUATION, single)).json
    assert expected["decision"]
    assert await evaluated(firm, **single) == expected
    assert await evaluated(firm, **single, evaluations=[]) == expected
    for incomplete in ({}, {"subject": reader}, {**single, "resource": {"type": "organization"}}):
        reply = await firm.ask(EVALUATIONS, incomplete)
        assert (reply.status, reply.json["code"]) == (400, "invalid_body")
        assert reply.json["errors"][0]["field"] in {"subject", "action", "resource.id"}


async def test_there_are_a_hundred_at_most_and_of_one_semantic(firm):
    single = question(user(await firm.user()), "read_user", thing("organization", firm.organization))
    assert len(await codes(firm, **single, evaluations=[{}] * 100)) == 100
    for body in ({"evaluations": [{}] * 101}, {"evaluations": [1]}, {"evaluations": {}}, {"options": "all"},
                 {"evaluations": [{}], "options": {"evaluations_semantic": "first"}}):  # fmt: skip
        assert (await firm.ask(EVALUATIONS, single | body)).status == 400, body


async def test_they_are_all_of_one_moment(firm):
    """Whatever happens while they are evaluated, all of them tell of the same facts."""
    somebody = await firm.user()
    role = (await firm.role("read_user"))["id"]
    path = f"/api/users/{somebody}/roles/{role}"

    async def changing() -> None:
        for _ in range(10):
            await firm.done("PUT", path)
            await firm.done("DELETE", path)

    changes = asyncio.create_task(changing())
    single = question(user(somebody), "hold", thing("role", role))
    while not changes.done():
        told = await codes(firm, evaluations=[single] * 50)
        assert len(set(told)) == 1
    await changes
