"""What must not work, and what must work once, tried on every operation of every document: none can be forgotten."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.permissions import PERMISSIONS
from tests.app_fixture import AUDIENCE
from tests.service.doors.examples import Things, body_of, send, things
from tests.service.openapi.operations import every

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://elsewhere.test"
GUARDED = {name: operation for name, operation in every().items() if operation.scopes is not None}
GUARDED_PATHS = [
    name for name, operation in GUARDED.items() if "{" in operation.path and "root" not in operation.scopes
]
BODIES = [name for name, operation in GUARDED.items() if "requestBody" in operation.declared]
CHANGES = [name for name, operation in GUARDED.items() if operation.changes]
# What is carried out after the answer, and refused while something is under way.
LATER = frozenset(
    name for name in CHANGES if "202" in GUARDED[name].declared["responses"] and "/oauth2/revoke" not in name
)
# What cannot succeed before people sign in, or before something is under way.
UNREACHABLE = LATER | {
    "DELETE /api/v1/users/{auth_id}/passkeys/{passkey_id}",
    "DELETE /api/v1/users/{auth_id}/active-sessions/{session_id}",
    "POST /api/v1/users/{auth_id}/impersonation/{app_id}",
    "POST /api/users/{user_id}/identities",  # asks a provider, and there is none here
    "POST /api/connectors/{connector_id}/test",  # sends a message, and there is nobody here who takes one
}
# What succeeds and leaves no event: it only looks.
SILENT = frozenset({
    "POST /api/users/{user_id}/password/verify",
    "POST /api/connectors/{connector_id}/authorization-uri",
})  # fmt: skip
BY_CLIENT = [name for name, operation in every().items() if {"client": []} in operation.declared["security"]]
BY_PERSON = [
    name for name, operation in every().items() if any("person" in one for one in operation.declared["security"])
]
BY_GATEWAY = [name for name, operation in every().items() if {"gateway": []} in operation.declared["security"]]
OPEN = [name for name, operation in every().items() if not operation.declared["security"]]
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LARGE = b'{"name": "' + b"x" * 70_000 + b'"}'


@dataclass
class World:
    """Two organizations with one of each thing, the first with another to be used up, and tokens of its back ends."""

    app: Running
    own: Things
    others: Things
    spare: Things
    manager: str
    elsewhere: str
    short_of: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(app) -> World:
    own = await things(app, await app.organization("Own"), servers=True)
    others = await things(app, await app.organization("Others"), servers=True)
    machine = await app.application(organization=own.organization, permissions=["all"], audiences=[AUDIENCE, ELSEWHERE])
    client = machine["client_id"], machine["secrets"][0]["secret"]
    short_of = {}
    for needed in sorted({scope for operation in GUARDED.values() for scope in operation.scopes}):
        rest = [name for name in PERMISSIONS if name not in (needed, "all", "root")]
        short_of[needed] = await app.manager(own.organization, *rest)
    elsewhere = await app.token(*client, audience=ELSEWHERE)
    spare = await things(app, own.organization, servers=True)
    return World(app, own, others, spare, await app.token(*client), elsewhere, short_of)


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def fresh(world, name) -> Things:
    return await things(world.app, world.own.organization, servers="/v1/" in name, connectors="connector" in name)


async def test_every_operation_is_tried():
    assert set(GUARDED) | set(BY_CLIENT) | set(BY_PERSON) | set(BY_GATEWAY) | set(OPEN) == set(every())


@pytest.mark.parametrize("name", GUARDED)
async def test_nobody_comes_in_without_a_token(world, name):
    before = await head(world.app)
    reply = await send(world.app, name, world.own, {}, token="")
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
    assert await head(world.app) == before


@pytest.mark.parametrize("name", GUARDED)
async def test_a_token_for_another_audience_opens_nothing(world, name):
    before = await head(world.app)
    reply = await send(world.app, name, world.own, {}, token=world.elsewhere)
    assert reply.status == 401
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]
    assert await head(world.app) == before


@pytest.mark.parametrize("name", [name for name, operation in GUARDED.items() if operation.scopes])
async def test_every_permission_that_is_named_is_needed(world, name):
    before = await head(world.app)
    for scope in GUARDED[name].scopes:
        reply = await send(world.app, name, world.own, {}, token=world.short_of[scope])
        assert reply.status == GUARDED[name].status_of("insufficient_scope"), reply.text
        assert scope in reply.headers["WWW-Authenticate"]
    assert await head(world.app) == before


@pytest.mark.parametrize("name", GUARDED_PATHS)
async def test_what_belongs_to_another_organization_does_not_exist(world, name):
    body = await body_of(world.app, name, world.own)
    before = len(await world.app.events(organization=world.others.organization, limit=200))
    theirs = await send(world.app, name, world.others, body, token=world.manager)
    nowhere = Things("", None, dict.fromkeys(world.others.ids, str(uuid4())))
    nothing = await send(world.app, name, nowhere, body, token=world.manager)
    assert (theirs.status, theirs.text) == (nothing.status, nothing.text)
    assert theirs.status in {204, 404}  # one dialect's deletions may be repeated: what is not there is gone already
    assert len(await world.app.events(organization=world.others.organization, limit=200)) == before


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_none_is_refused(world, name):
    before = await head(world.app)
    for raw in (
        b'{"name"',
        b"name=x",
        b'["x"]',
        b"null",
        b'{"name": "\xff"}',
        b"[" * 60_000,
        b"{}{}",
        b'{"a":1,"a":2}',
    ):
        reply = await send(world.app, name, world.own, None, data=raw, headers=JSON)
        assert reply.status == GUARDED[name].status_of("invalid_body") == 400, raw[:20]
    reply = await send(world.app, name, world.own, None, data=b'{"a": "b"}', headers={"Content-Type": "text/plain"})
    assert reply.status == (415 if "415" in GUARDED[name].declared["responses"] else 400)
    assert await head(world.app) == before


@pytest.mark.parametrize("name", BODIES)
async def test_an_oversized_body_is_refused(world, name):
    before = await head(world.app)
    assert (await send(world.app, name, world.own, None, data=LARGE, headers=JSON)).status == 413
    assert await head(world.app) == before


@pytest.mark.parametrize("name", CHANGES)
async def test_the_same_request_twice_at_once_never_fails(world, name):
    made = await fresh(world, name) if name.startswith("DELETE ") else world.spare
    body = await body_of(world.app, name, made)
    replies = await asyncio.gather(*(send(world.app, name, made, body) for _ in range(2)))
    assert {reply.status for reply in replies} <= {200, 201, 202, 204, 400, 401, 403, 404, 409, 422}


@pytest.mark.parametrize("name", CHANGES)
async def test_the_same_request_twice_at_once_under_one_key_happens_once(world, name):
    made = await fresh(world, name)
    body = await body_of(world.app, name, made)
    headers = {"Idempotency-Key": str(uuid4())}
    replies = await asyncio.gather(*(send(world.app, name, made, body, headers=headers) for _ in range(3)))
    assert name in UNREACHABLE or replies[0].status < 300, replies[0].text
    assert name in LATER or len({(reply.status, reply.text) for reply in replies}) == 1
    reached = {reply.headers["X-Request-Id"] for reply in replies}
    recorded = {event["request_id"] for one in reached for event in await world.app.events(request_id=one)}
    assert len(recorded) == (0 if name in UNREACHABLE | SILENT else 1)


async def spoken(app, name: str, *, raw: bytes, **headers: str):
    method, path = name.split(" ")
    return await app.call(method, path, "", data=raw, headers=headers)


@pytest.mark.parametrize("name", BY_CLIENT)
async def test_a_client_that_proves_nothing_gets_nothing(world, name):
    before = await head(world.app)
    raw = b"grant_type=client_credentials&scope=all&audience=a&token=t"
    assert (await spoken(world.app, name, raw=raw, **FORM)).status == 401
    wrong = {**FORM, "Authorization": "Basic cm9vdDp3cm9uZw=="}
    reply = await spoken(world.app, name, raw=raw, **wrong)
    assert (reply.status, reply.json.get("error") or reply.json["ErrorCode"]) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    assert await head(world.app) == before


@pytest.mark.parametrize("name", BY_CLIENT)
async def test_a_request_of_a_client_that_is_malformed_or_oversized_is_refused(world, name):
    before = await head(world.app)
    for raw in (b"a=%ff", b"a=1&a=2", b"&".join(b"%d=1" % number for number in range(200))):
        assert (await spoken(world.app, name, raw=raw, **FORM)).status == 400, raw[:20]
    assert (await spoken(world.app, name, raw=b"a=" + b"x" * 70_000, **FORM)).status == 413
    assert (await spoken(world.app, name, raw=b"a", **{"Content-Type": "text/plain"})).status == 415
    if "application/json" in every()[name].declared["requestBody"]["content"]:
        for raw in (b"[]", b"{", b'{"a": 1}', json.dumps({"token": None}).encode()):
            assert (await spoken(world.app, name, raw=raw, **JSON)).status == 400, raw
    assert await head(world.app) == before


@pytest.mark.parametrize("name", BY_PERSON)
async def test_nobody_is_told_of_a_person_without_a_token_of_theirs(world, name):
    method, path = name.split(" ")
    for token, status in (("", 401), ("nonsense", 401), (world.manager, 403)):
        reply = await world.app.call(method, path, token)
        assert reply.status == status
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("name", BY_GATEWAY)
async def test_a_gateway_that_proves_nothing_gets_no_answer_about_a_call(world, name):
    before = await head(world.app)
    path = name.split(" ")[1].replace("{api_resource_id}", world.own.ids["api_resource_id"]).replace("{path}", "x")
    resource = {} if path != name.split(" ")[1] else {"resource": world.own.ids["api_resource_id"]}
    headers = {"X-Original-Method": "GET", "X-Original-URI": "/x"}
    for wrong in ({}, {"Muniment-Gateway": "Basic cm9vdDp3cm9uZw=="}, {"Muniment-Gateway": f"Bearer {world.manager}"}):
        reply = await world.app.call("GET", path, world.manager, params=resource, headers=headers | wrong)
        assert reply.status == 400  # 401 and 403 would speak of the call
        assert "WWW-Authenticate" not in reply.headers
    assert await head(world.app) == before


@pytest.mark.parametrize("name", OPEN)
async def test_what_is_open_to_everybody_answers_everybody_alike(world, name):
    named = name.replace("{asset}", "swagger-ui.css")
    for id, value in world.own.ids.items():
        named = named.replace(f"{{{id}}}", value)
    method, path = named.split(" ")
    tokens = ("", "nonsense", world.manager)
    replies = [await world.app.call(method, path, token, allow_redirects=False) for token in tokens]
    [status] = {reply.status for reply in replies}
    declared = every()[name].declared
    # Pages that somebody is led to ask for more than their address, and no two of them are quite the same.
    page = declared["tags"] == ["pages"] or "303" in declared["responses"]
    assert status in ((200, 303, 400, 403, 404, 415) if page else (200,))
    if path != "/metrics" and not page:
        assert len({reply.text for reply in replies}) == 1
