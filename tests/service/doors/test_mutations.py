"""What holds for every route that changes something: its event, its position, its Idempotency-Key."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.doors.examples import MUTATIONS, ROUTES, Things, body_of, send, things

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVERY_MUTATION = pytest.mark.parametrize("route", MUTATIONS)


@pytest_asyncio.fixture(loop_scope="module")
async def made(app):
    return await things(app, await app.organization())


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


@EVERY_MUTATION
async def test_every_mutation_leaves_an_event_with_actor_client_and_request_id(app, made, route):
    body = await body_of(app, route, made)
    before = await head(app)
    reply = await send(app, route, made, body, headers={"User-Agent": "the tests"})
    assert reply.status == ROUTES[route].status, reply.text
    assert reply.position == await head(app) > before

    root = (await app.call("GET", "/api/applications", params={"limit": 1})).json["items"][0]
    assert root["client_id"] == "root"
    recorded = await app.events(request_id=reply.headers["X-Request-Id"])
    assert recorded
    for event in recorded:
        assert event["position"] > before
        assert (event["actor"], event["client"]) == (root["id"], root["id"])
        assert event["recorded_at"].endswith("Z")


@EVERY_MUTATION
async def test_a_repeated_request_is_answered_alike_and_carried_out_once(app, made, route):
    body = await body_of(app, route, made)
    headers = {"Idempotency-Key": str(uuid4())}
    first = await send(app, route, made, body, headers=headers)
    assert first.status == ROUTES[route].status, first.text
    reached = await head(app)
    again = await send(app, route, made, body, headers=headers)
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers.get("Content-Type") == first.headers.get("Content-Type")
    assert again.headers["Cache-Control"] == "no-store"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.position == first.position == reached == await head(app)


@EVERY_MUTATION
async def test_a_key_serves_one_request_only(app, made, route):
    body = await body_of(app, route, made)
    headers = {"Idempotency-Key": str(uuid4())}
    first = await send(app, route, made, body, headers=headers)
    assert first.status < 300, first.text
    reached = await head(app)
    if body is not None:  # a space more is another body already
        raw, typed = json.dumps(body) + " ", {"Content-Type": "application/json"}
        other = await send(app, route, made, None, data=raw, headers=headers | typed)
    else:
        elsewhere = Things(made.organization, None, dict.fromkeys(made.ids, str(uuid4())))
        other = await send(app, route, elsewhere, None, headers=headers)
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    assert await head(app) == reached


async def test_a_key_is_visible_ascii_and_given_once(app):
    for key in ("", " ", "x" * 256, "a b", "ü"):
        reply = await app.call("POST", "/api/roles", json={"name": "r"}, headers={"Idempotency-Key": key})
        assert (reply.status, reply.json["code"]) == (400, "invalid_idempotency_key"), key
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Authorization", f"Bearer {app.root}")]
    async with app.client.post("/api/roles", json={"name": "r"}, headers=headers) as response:
        assert (await response.json())["code"] == "invalid_idempotency_key"


async def test_a_key_belongs_to_its_client_and_route(app):
    organization = await app.organization()
    one, other = await app.manager(organization), await app.manager(organization)
    headers = {"Idempotency-Key": "the-same"}
    roles = [await app.call("POST", "/api/roles", token, json={"name": "same"}, headers=headers)
             for token in (one, other)]  # fmt: skip
    assert [role.status for role in roles] == [201, 409]
    made = await app.call("POST", "/api/applications", one, json={"name": "a", "kind": "web"}, headers=headers)
    assert made.status == 201


async def test_a_refused_request_may_be_tried_again_under_its_key(app):
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"name": "once-more"}
    role = await app.made("/api/roles", body)
    assert (await app.call("POST", "/api/roles", json=body, headers=headers)).status == 409
    await app.call("DELETE", f"/api/roles/{role['id']}")
    assert (await app.call("POST", "/api/roles", json=body, headers=headers)).status == 201


async def test_a_command_that_changes_nothing_answers_the_head(app):
    role = await app.made("/api/roles", {"name": "still"})
    reply = await app.call("PATCH", f"/api/roles/{role['id']}", json={"name": "still"})
    assert reply.status == 200
    assert reply.position == await head(app)
    assert await app.events(request_id=reply.headers["X-Request-Id"]) == []
