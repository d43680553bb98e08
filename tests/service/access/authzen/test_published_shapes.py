"""The requests that the Authorization API 1.0 publishes, sent as they stand there, and the shapes of its answers."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.service.access.authzen.given import EVALUATION, EVALUATIONS, SEARCHES, a_firm, thing, user

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE = {"type": "user", "id": "alice@example.com"}
TIME = {"time": "1985-10-26T01:22-07:00"}
ACCOUNT = {"type": "account", "id": "123"}
READ = {"name": "can_read"}


def document(name: str) -> dict[str, str]:
    return {"type": "document", "id": name}


# Sections 5.1.2, 5.2.2, 5.3.2, 5.4.1, 6.1.1 and 10.1.4.
SINGLE: dict[str, Any] = {
    "a request": {
        "subject": ALICE, "resource": ACCOUNT, "action": {"name": "can_read", "properties": {"method": "GET"}},
        "context": TIME,
    },
    "a request over HTTPS": {
        "subject": ALICE, "resource": {"type": "todo", "id": "1"}, "action": READ, "context": TIME,
    },
    "a subject with a department": {
        "subject": {**ALICE, "properties": {"department": "Sales"}}, "action": READ, "resource": ACCOUNT,
    },
    "a subject with an address and a device": {
        "subject": {**ALICE, "properties": {"ip_address": "172.217.22.14", "device_id": "8:65:ee:17:7e:0b"}},
        "action": READ, "resource": ACCOUNT,
    },
    "a resource with structure": {
        "subject": ALICE, "action": {"name": "extend-loan", "properties": {"period": "2W"}},
        "resource": {
            "type": "book", "id": "123",
            "properties": {"library_record": {"title": "AuthZEN in Action", "isbn": "978-0593383322"}},
        },
    },
    "a context with a schema": {
        "subject": ALICE, "action": READ, "resource": ACCOUNT,
        "context": {**TIME, "schema": "https://schema.example.com/access-request.schema.json"},
    },
    "members that are not known": {
        "subject": {**ALICE, "nickname": "Al"}, "action": {**READ, "verb": 1}, "resource": {**ACCOUNT, "x": []},
        "foo": "bar", "futureField": {"nested": True},
    },
}  # fmt: skip
# Sections 7.1, 7.1.1, 7.1.2 and 10.1.4.
WHEN = {"time": "2024-05-31T15:22-07:00"}
NAMES = ("boxcarring.md", "subject-search.md", "resource-search.md")
SEVERAL: dict[str, Any] = {
    "no defaults": {
        "evaluations": [{"subject": ALICE, "action": READ, "resource": document(n), "context": WHEN} for n in NAMES],
    },
    "one subject and context": {
        "subject": ALICE, "context": WHEN, "evaluations": [{"action": READ, "resource": document(n)} for n in NAMES],
    },
    "an action that the last one replaces": {
        "subject": ALICE, "context": WHEN, "action": READ,
        "evaluations": [
            *({"resource": document(n)} for n in NAMES[:2]),
            {"action": {"name": "can_edit"}, "resource": document(NAMES[2])},
        ],
    },
    "options": {
        "evaluations": [{"resource": {"type": "doc", "id": "1"}, "subject": {"type": "doc", "id": "2"}}],
        "options": {"evaluations_semantic": "execute_all", "another_option": "value"},
    },
}  # fmt: skip
# Sections 8.4.2, 8.5.2, 8.6.2 and 10.1.4.
SEARCHED: dict[str, Any] = {
    "subject": {"subject": {"type": "user"}, "action": READ, "resource": ACCOUNT, "context": WHEN},
    "resource": {"subject": ALICE, "action": READ, "resource": {"type": "account"}},
    "action": {"subject": {"type": "user", "id": "123"}, "resource": ACCOUNT, "context": WHEN},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firm(app):
    return await a_firm(app)


def is_decision(told: Any) -> bool:
    """Say whether something has the shape of section 5.5."""
    return type(told["decision"]) is bool and isinstance(told.get("context", {}), dict)


@pytest.mark.parametrize("request_body", SINGLE.values(), ids=SINGLE)
async def test_a_published_evaluation_is_answered_by_a_decision(firm, request_body):
    """There is no such account or document here: that is a decision as well, and no error."""
    reply = await firm.ask(EVALUATION, request_body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert is_decision(reply.json)
    assert reply.json["decision"] is False


@pytest.mark.parametrize("request_body", SEVERAL.values(), ids=SEVERAL)
async def test_published_evaluations_are_answered_by_as_many_decisions(firm, request_body):
    reply = await firm.ask(EVALUATIONS, request_body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert list(reply.json) == ["evaluations"]
    assert len(reply.json["evaluations"]) == len(request_body["evaluations"])
    assert all(is_decision(one) for one in reply.json["evaluations"])


@pytest.mark.parametrize("semantic", ["execute_all", "deny_on_first_deny", "permit_on_first_permit"])
async def test_the_published_semantics_end_where_the_specification_says(firm, semantic):
    """Section 7.1.2.1: of three decisions true, false, true, all, two and one come back."""
    account = await firm.account()
    member = user(await firm.member(account, "member"))
    body = {
        "subject": member, "options": {"evaluations_semantic": semantic}, "resource": thing("account", account),
        "evaluations": [{"action": {"name": name}} for name in ("member", "owner", "viewer")],
    }  # fmt: skip
    decisions = [one["decision"] for one in (await firm.ask(EVALUATIONS, body)).json["evaluations"]]
    expected = {"execute_all": 3, "deny_on_first_deny": 2, "permit_on_first_permit": 1}
    assert decisions == [True, False, True][: expected[semantic]]


@pytest.mark.parametrize("kind", SEARCHED)
async def test_a_published_search_is_answered_by_a_page_of_results(firm, kind):
    """Section 8.3. Nothing is found of what does not exist."""
    reply = await firm.ask(SEARCHES[kind], SEARCHED[kind])
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json == {"results": [], "page": {"next_token": "", "count": 0}}


async def test_results_have_the_published_shapes(firm):
    account = await firm.account()
    member = await firm.member(account, "owner")
    branch, owner = thing("account", account), {"name": "owner"}
    found = {
        "subject": {"subject": {"type": "user"}, "action": owner, "resource": branch},
        "resource": {"subject": user(member), "action": owner, "resource": {"type": "account"}},
        "action": {"subject": user(member), "resource": branch},
    }
    results = {kind: (await firm.ask(SEARCHES[kind], body)).json["results"] for kind, body in found.items()}
    assert results == {
        "subject": [{"type": "user", "id": member}],
        "resource": [{"type": "account", "id": account}],
        "action": [{"name": "member"}, {"name": "owner"}, {"name": "viewer"}],
    }


async def test_the_published_pages_of_three_results_are_two(firm):
    """Section 8.2.3: two and one, the second for the token alone; the page comes first (section 8.3)."""
    member = await firm.user()
    accounts = sorted([await firm.account() for _ in range(3)])
    for account in accounts:
        await firm.member(account, "viewer", member)
    asked = {"subject": user(member), "action": {"name": "viewer"}, "resource": {"type": "account"}}
    first = (await firm.ask(SEARCHES["resource"], {**asked, "page": {"limit": 2}})).json
    assert list(first) == ["page", "results"]
    assert first["page"] == {"next_token": first["page"]["next_token"], "count": 2}
    rest = (await firm.ask(SEARCHES["resource"], {**asked, "page": {"token": first["page"]["next_token"]}})).json
    assert rest["page"] == {"next_token": "", "count": 1}
    assert sorted(one["id"] for one in first["results"] + rest["results"]) == accounts


async def test_a_denial_has_a_reason_for_administrators_and_one_for_users(firm):
    """Section 5.5.2: by what could be a status, each a text."""
    context = (await firm.ask(EVALUATION, SINGLE["a request"])).json["context"]
    assert sorted(context) == ["code", "positions", "reason_admin", "reason_user"]
    for reason in ("reason_admin", "reason_user"):
        assert list(context[reason]) == ["403"]
        assert isinstance(context[reason]["403"], str)
    account = await firm.account()
    member = user(await firm.member(account, "owner"))
    allowed = await firm.decide(member, "owner", thing("account", account))
    assert sorted(allowed["context"]) == ["code", "positions"]


async def test_a_published_request_identifier_comes_back(firm):
    """Section 10.1.3."""
    name = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"
    reply = await firm.ask(EVALUATION, SINGLE["a request over HTTPS"], headers={"X-Request-ID": name})
    assert reply.headers["X-Request-ID"] == name
