from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.service.doors.examples import ROUTES, Things, send

PARAMETERS = {name for route in ROUTES for name in re.findall(r"\{(\w+)\}", route)}
NOWHERE = Things("", None, {name: str(uuid4()) for name in PARAMETERS})


@pytest.mark.parametrize("part", [0, 1, 2], ids=["first", "second", "third"])  # so many a minute are told in full
async def test_every_refusal_of_every_route_leaves_a_record(fresh_app, part):
    organization = await fresh_app.organization()
    machine = await fresh_app.application(organization=organization, permissions=["something_else"])
    token = await fresh_app.token(machine["client_id"], machine["secrets"][0]["secret"])
    asked = {route: await send(fresh_app, route, NOWHERE, {}, token=token) for route in list(ROUTES)[part::3]}
    assert {reply.status for reply in asked.values()} == {403}
    recorded = {one["request_id"]: one for one in await fresh_app.refusals(limit=200, organization=organization)}
    for route, reply in asked.items():
        one = recorded[reply.headers["X-Request-Id"]]
        assert (one["operation"], one["status"], one["code"]) == (route, 403, "insufficient_scope")
        assert (one["actor"], one["client"], one["count"]) == (machine["id"], machine["client_id"], 1)
        assert one["at"].endswith("Z")


async def test_refusals_of_nobody_known_are_roots_to_see(fresh_app):
    reply = await fresh_app.call("GET", "/api/roles", token="", headers={"User-Agent": "the tests"})
    await asyncio.sleep(0.4)  # the journal is written a little later
    found = [one for one in await fresh_app.refusals() if one["request_id"] == reply.headers["X-Request-Id"]]
    assert [(one["organization"], one["actor"], one["client"], one["code"], one["address"], one["user_agent"])
            for one in found] == [(None, None, None, "unauthenticated", "127.0.0.1", "the tests")]  # fmt: skip
    auditor = await fresh_app.manager(await fresh_app.organization(), "read_audit")
    assert (await fresh_app.call("GET", "/api/refusals", auditor)).json == {"items": [], "next": None}


async def test_domain_refusals_are_recorded_with_their_code(fresh_app):
    await fresh_app.call("POST", "/api/roles", json={"name": "super_admin"})
    await fresh_app.call("GET", f"/api/users/{uuid4()}")
    await fresh_app.call("POST", "/api/roles", json={})
    codes = [(one["operation"], one["status"], one["code"]) for one in await fresh_app.refusals()]
    assert ("POST /api/roles", 403, "built_in_role") in codes
    assert ("GET /api/users/{user_id}", 404, "unknown_user") in codes
    assert ("POST /api/roles", 400, "invalid_body") in codes


async def test_filters_and_pages_of_refusals(fresh_app):
    organization = await fresh_app.organization()
    machine = await fresh_app.application(organization=organization, permissions=["x"], client_id="turned-away")
    token = await fresh_app.token("turned-away", machine["secrets"][0]["secret"])
    for _ in range(5):
        await fresh_app.call("GET", "/api/roles", token)
    await fresh_app.call("GET", "/api/grants", token)
    mine = await fresh_app.refusals(client="turned-away")
    assert len(mine) == 6
    assert await fresh_app.refusals(organization=organization) == mine
    assert len(await fresh_app.refusals(operation="GET /api/grants", client="turned-away")) == 1
    assert len(await fresh_app.refusals(code="insufficient_scope", client="turned-away")) == 6
    assert await fresh_app.refusals(code="nothing") == []
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert await fresh_app.refusals(client="turned-away", since=(now - hour).isoformat()) == mine
    assert await fresh_app.refusals(client="turned-away", until=(now - hour).isoformat()) == []
    ever = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59.999999Z"}
    assert await fresh_app.refusals(client="turned-away", **ever) == mine

    walked, after = [], {}
    while True:
        query = {"client": "turned-away", "limit": 4, **after}
        page = (await fresh_app.call("GET", "/api/refusals", params=query)).json
        walked += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert walked == mine


@pytest.mark.parametrize(("name", "value"), [("client", "a\nb"), ("code", ""), ("since", "now"), ("after", "x"),
                                             ("operation", "x" * 201), ("client", "ü"), ("limit", "0")])  # fmt: skip
async def test_a_filter_that_means_nothing_is_refused(fresh_app, name, value):
    reply = await fresh_app.call("GET", "/api/refusals", params={name: value})
    assert (reply.status, reply.json["code"]) == (400, "invalid_query")
