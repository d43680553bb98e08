"""Each decision names the positions of the events that caused it."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.service.access.authzen.given import FILES, a_firm, application, thing, user

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def firm(app):
    return await a_firm(app)


async def topics(firm, decided) -> list[str]:
    """Return what happened at the positions of a decision, which come in their order."""
    positions = decided["context"]["positions"]
    assert positions == sorted(set(positions))
    events = {event["position"]: event for event in await firm.app.events(organization=firm.organization, limit=200)}
    return [events[position]["topic"] for position in positions]


async def test_what_roles_give_comes_of_the_user_the_role_and_its_assignment(firm):
    somebody = await firm.user()
    role = await firm.role("read_user")
    assigned = await firm.assign(somebody, role["id"])
    decided = await firm.decide(user(somebody), "read_user", thing("organization", firm.organization))
    assert await topics(firm, decided) == ["account.created", "role.defined", "user.role_assigned"]
    assert decided["context"]["positions"][-1] == assigned
    changed = await firm.done("PATCH", f"/api/roles/{role['id']}", json={"permissions": ["read_app"]})
    decided = await firm.decide(user(somebody), "read_user", thing("organization", firm.organization))
    assert (decided["decision"], decided["context"]["positions"]) == (False, [assigned, changed.position])


async def test_what_decides_nothing_is_not_named(firm):
    somebody, account = await firm.user(), await firm.account()
    await firm.member(account, "viewer", somebody)
    before = await firm.decide(user(somebody), "viewer", thing("account", account))
    await firm.done("PATCH", f"/api/users/{somebody}", json={"name": "Grace"})
    await firm.done("PATCH", f"/api/accounts/{account}", json={"name": "Renamed"})
    assert await firm.decide(user(somebody), "viewer", thing("account", account)) == before
    assert await topics(firm, before) == ["account.created", "user.created", "account.created", "membership.added"]


async def test_a_changed_membership_is_the_cause(firm):
    account = await firm.account()
    somebody = await firm.member(account, "owner")
    [member] = (await firm.done("GET", f"/api/accounts/{account}/members")).json["items"]
    path = f"/api/accounts/{account}/members/{member['id']}"
    changed = await firm.done("PATCH", path, json={"role": "viewer"})
    decided = await firm.decide(user(somebody), "member", thing("account", account))
    assert decided["context"]["positions"] == [changed.position]


async def test_a_right_to_an_interface_comes_of_both_and_of_the_approval(firm):
    made, interface = await firm.application(), await firm.interface()
    grant = await firm.requested(made["id"], interface["id"])
    approved = await firm.done("POST", f"/api/interface-grants/{grant}/approve", json={})
    decided = await firm.decide(application(made), "call", thing("interface", interface["id"]))
    told = await topics(firm, decided)
    assert told[0] == "account.created"
    assert told[-2:] == ["interface.created", "interface_grant.approved"]
    assert decided["context"]["positions"][-1] == approved.position


async def test_a_scope_comes_of_the_grant_that_gives_it(firm):
    made = await firm.application(audiences=[])
    await firm.allowed_at(made["id"], FILES, "read")
    decided = await firm.decide(application(made), "read", thing("audience", FILES))
    assert (await topics(firm, decided))[-1] == "grant.approved"


async def test_what_is_gone_names_the_event_that_ended_it(firm):
    somebody, role, account = await firm.user(), await firm.role(), await firm.account()
    made, interface = await firm.application(), await firm.interface()
    left = await firm.user()
    ended = [
        ((user(somebody), "read_user", thing("organization", firm.organization)), f"/api/users/{somebody}"),
        ((application(made), "read", thing("audience", FILES)), f"/api/applications/{made['id']}"),
        ((user(left), "hold", thing("role", role["id"])), f"/api/roles/{role['id']}"),
        ((user(left), "viewer", thing("account", account)), f"/api/accounts/{account}"),
        ((user(left), "call", thing("interface", interface["id"])), f"/api/interfaces/{interface['id']}"),
    ]
    for question, path in ended:
        await firm.done("DELETE", path)
        decided = await firm.decide(*question)
        assert decided["context"]["code"] in {"unknown_subject", "unknown_resource"}
        [topic] = await topics(firm, decided)
        assert topic.endswith(".deleted"), question


async def test_an_answer_says_at_which_position_it_holds(firm):
    somebody, whole = await firm.user(), thing("organization", firm.organization)
    role = await firm.role("read_user")
    assigned = await firm.assign(somebody, role["id"])
    asked = {"subject": user(somebody), "action": {"name": "read_user"}, "resource": whole}
    reply = await firm.ask("/access/v1/evaluation", asked, headers={"Muniment-At-Least": str(assigned)})
    assert reply.json["decision"]
    assert reply.position >= assigned
