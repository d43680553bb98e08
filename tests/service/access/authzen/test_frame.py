"""Who may ask for decisions, and what is no question at all: alike at every endpoint."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.permissions import PERMISSIONS
from service.doors import authzen
from tests.app_fixture import AUDIENCE
from tests.service.access.authzen.given import EVALUATION, EVALUATIONS, FILES, SEARCHES, a_firm, thing, user

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOMEBODY, WHOLE = user("alice"), thing("organization", "acme")
READ = {"name": "read_user"}
BODIES: dict[str, Any] = {
    EVALUATION: {"subject": SOMEBODY, "action": READ, "resource": WHOLE},
    EVALUATIONS: {"subject": SOMEBODY, "action": READ, "resource": WHOLE},
    SEARCHES["subject"]: {"subject": {"type": "user"}, "action": READ, "resource": WHOLE},
    SEARCHES["resource"]: {"subject": SOMEBODY, "action": READ, "resource": {"type": "organization"}},
    SEARCHES["action"]: {"subject": SOMEBODY, "resource": WHOLE},
}
everywhere = pytest.mark.parametrize("path", BODIES)
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firm(app):
    return await a_firm(app)


def refused(reply, status: int, code: str) -> None:
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json"), reply.text
    assert reply.json["code"] == code
    assert reply.json["detail"]
    assert reply.headers["Cache-Control"] == "no-store"


async def test_all_endpoints_are_tested():
    assert sorted(BODIES) == sorted(route.path for route in authzen.DOOR.routes)


@everywhere
async def test_nobody_asks_without_a_token(firm, path):
    reply = await firm.ask(path, BODIES[path], "")
    refused(reply, 401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="muniment"'
    refused(await firm.ask(path, BODIES[path], "mun_at_" + "x" * 49), 401, "invalid_token")


@everywhere
async def test_a_token_for_another_audience_asks_nothing(firm, path):
    made = await firm.application(permissions=["decide"], audiences=[AUDIENCE, FILES])
    elsewhere = await firm.app.token(made["client_id"], made["secrets"][0]["secret"], audience=FILES)
    refused(await firm.ask(path, BODIES[path], elsewhere), 401, "invalid_token")


@everywhere
async def test_it_takes_the_permission_to_ask(firm, path):
    rest = [name for name in PERMISSIONS if name not in {"decide", "all", "root"}]
    short = await firm.app.manager(firm.organization, *rest)
    reply = await firm.ask(path, BODIES[path], short)
    refused(reply, 403, "insufficient_scope")
    assert 'scope="decide"' in reply.headers["WWW-Authenticate"]
    for enough in (firm.token, firm.manager, firm.app.root):
        assert (await firm.ask(path, BODIES[path], enough)).status == 200


@everywhere
async def test_a_token_that_was_revoked_asks_nothing(firm, path):
    made = await firm.application(permissions=["decide"])
    token = await firm.app.token(made["client_id"], made["secrets"][0]["secret"])
    assert (await firm.ask(path, BODIES[path], token)).status == 200
    await firm.done("POST", f"/api/applications/{made['id']}/disable", json={})
    refused(await firm.ask(path, BODIES[path], token), 401, "invalid_token")


@everywhere
async def test_what_is_not_json_is_a_bad_request(firm, path):
    raw = json.dumps(BODIES[path]).encode()
    malformed = [
        b"", b"{", b"[]", b"null", b'"x"', b"{}{}", b'{"a": NaN}', b'{"subject": 1, "subject": 2}', b"[" * 60_000,
        raw.replace(b"user", b"us\\u0000er"), raw.replace(b"user", b"us\\ud800er"), raw + b"\xff",
    ]  # fmt: skip
    for body in malformed:
        reply = await firm.app.call("POST", path, firm.token, data=body, headers=JSON)
        refused(reply, 400, "invalid_body")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        reply = await firm.app.call("POST", path, firm.token, data=raw, headers={"Content-Type": kind})
        refused(reply, 400, "invalid_body")


@everywhere
async def test_a_body_has_its_limits(firm, path):
    reply = await firm.ask(path, {**BODIES[path], "context": {"more": "x" * 70_000}})
    refused(reply, 413, "invalid_body")
    deep: Any = {}
    for _ in range(40):
        deep = {"a": deep}
    refused(await firm.ask(path, {**BODIES[path], "context": deep}), 400, "invalid_body")
    subject = {**BODIES[path]["subject"], "type": "x" * 1025}
    refused(await firm.ask(path, {**BODIES[path], "subject": subject}), 400, "invalid_body")


@everywhere
async def test_what_has_to_be_said_is_said_and_of_the_right_type(firm, path):
    whole = BODIES[path]
    wrong = [{name: value for name, value in whole.items() if name != left_out} for left_out in whole]
    for part, named in whole.items():
        wrong += [{**whole, part: {k: v for k, v in named.items() if k != left_out}} for left_out in named]
        wrong += [{**whole, part: value} for value in ("alice", 1, [], None)]
        wrong += [{**whole, part: {**named, name: value}} for name in named for value in (1, None, [], {})]
        wrong += [{**whole, part: {**named, "properties": value}} for value in ("x", 1, [])]
    wrong += [{**whole, "context": value} for value in ("x", 1, [])]
    for body in wrong:
        reply = await firm.ask(path, body)
        refused(reply, 400, "invalid_body")
        assert reply.json["errors"], body


@pytest.mark.parametrize("path", SEARCHES.values())
async def test_a_page_is_told_by_a_token_and_a_limit(firm, path):
    for page in ({"limit": -1}, {"limit": "2"}, {"limit": 1.5}, {"token": 1}, {"properties": []}, 1, []):
        refused(await firm.ask(path, {**BODIES[path], "page": page}), 400, "invalid_body")
    for page in ({}, {"token": ""}, {"token": None}, {"limit": 5, "properties": {"sort": "id"}, "x": 1}):
        assert (await firm.ask(path, {**BODIES[path], "page": page})).status == 200


@everywhere
async def test_members_that_are_not_known_are_ignored(firm, path):
    body = {part: {**named, "unknown": {}} for part, named in BODIES[path].items()}
    assert (await firm.ask(path, {**body, "foo": "bar", "futureField": {"nested": True}})).status == 200


@everywhere
async def test_nothing_is_read_from_the_query(firm, path):
    refused(await firm.ask(path, BODIES[path], params={"subject": "alice"}), 400, "invalid_query")


@everywhere
async def test_callers_are_told_how_they_call_their_requests(firm, path):
    for name in ("bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "order 7, retry #2", "äöü", "x" * 255):
        for token in (firm.token, ""):
            reply = await firm.ask(path, BODIES[path], token, headers={"X-Request-ID": name})
            assert reply.headers["X-Request-ID"] == name
            assert UUID(reply.headers["Muniment-Request-Id"]).version == 7
    reply = await firm.ask(path, BODIES[path])
    assert UUID(reply.headers["X-Request-ID"]).version == 7
    assert "Muniment-Request-Id" not in reply.headers


@everywhere
async def test_a_name_that_cannot_be_told_back_is_a_bad_request(firm, path):
    for headers in (
        {"X-Request-ID": "x" * 256},
        {"X-Request-ID": "a\tb"},
        [("X-Request-ID", "a"), ("X-Request-ID", "b")],
    ):
        pairs = [
            *(headers.items() if isinstance(headers, dict) else headers),
            ("Authorization", f"Bearer {firm.token}"),
        ]
        async with firm.app.client.post(path, json=BODIES[path], headers=pairs) as response:
            assert response.status == 400
            assert (await response.json())["code"] == "invalid_request"
            assert UUID(response.headers["X-Request-ID"]).version == 7


@everywhere
async def test_an_answer_is_for_nobody_to_keep(firm, path):
    assert (await firm.ask(path, BODIES[path])).headers["Cache-Control"] == "no-store"


@everywhere
async def test_asking_again_is_answered_alike_and_leaves_nothing(firm, path):
    before = await firm.app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    replies = await asyncio.gather(*(firm.ask(path, BODIES[path]) for _ in range(10)))
    assert {reply.text for reply in replies} == {replies[0].text}
    assert await firm.app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches") == before


async def test_refusals_are_on_record_by_the_id_that_we_gave(firm):
    rest = await firm.app.manager(firm.organization, "read_user")
    reply = await firm.ask(EVALUATION, BODIES[EVALUATION], rest, headers={"X-Request-ID": "mine"})
    [refusal] = await firm.app.refusals(organization=firm.organization, limit=1)
    assert refusal["operation"] == f"POST {EVALUATION}"
    assert refusal["request_id"] == reply.headers["Muniment-Request-Id"]


async def test_two_organizations_that_ask_at_once_are_told_each_of_its_own(app, firm):
    other = await a_firm(app, "Other")
    firms = [firm, other] * 5
    users = {each.organization: await each.holder("read_user") for each in (firm, other)}
    asked = [
        each.code(user(users[one.organization]), "read_user", thing("organization", one.organization))
        for each, one in zip(firms, [firm] * 10, strict=True)
    ]
    assert await asyncio.gather(*asked) == ["allowed", "unknown_subject"] * 5


async def test_a_person_may_ask_by_a_token_where_their_roles_let_them(firm):
    made, asking, another = (
        await firm.application(permissions=["decide"]),
        await firm.holder("decide"),
        await firm.user(),
    )
    for person, status in ((asking, 200), (another, 403)):
        token = await firm.app.issued(made, scope="decide", user=person)
        assert (await firm.ask(EVALUATION, BODIES[EVALUATION], token)).status == status


async def test_the_endpoints_take_posts_alone(firm):
    for path in BODIES:
        for method in ("GET", "PUT", "DELETE"):
            assert (await firm.app.call(method, path, firm.token)).status == 405
    assert (await firm.app.call("POST", f"{EVALUATION}/{uuid4()}", firm.token)).status == 404
