"""What holds behind every door, generated from the routes themselves: a new route is tested by being declared."""

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
from tests.service.doors.examples import READS, ROUTES, WITH_BODY, WITH_IDS, Things, body_of, send, things

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://elsewhere.test"
EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES)


@dataclass
class World:
    """Two organizations with one of each thing, and the tokens of the first one's back ends."""

    app: Running
    own: Things
    others: Things
    manager: str
    elsewhere: str
    public: str
    person: str
    short_of: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(app) -> World:
    own = await things(app, await app.organization("Own"))
    others = await things(app, await app.organization("Others"))
    machine = await app.application(organization=own.organization, permissions=["all"], audiences=[AUDIENCE, ELSEWHERE])
    secret = machine["secrets"][0]["secret"]
    elsewhere = await app.token(machine["client_id"], secret, audience=ELSEWHERE)
    public = await app.application(organization=own.organization, kind="spa", secrets=[])
    scope = " ".join(PERMISSIONS)
    short_of = {}
    for permission in sorted({route.permission for route in ROUTES.values()}):
        rest = [name for name in PERMISSIONS if name not in (permission, "all", "root")]
        short_of[permission] = await app.manager(own.organization, *rest)
    return World(
        app,
        own,
        others,
        manager=await app.token(machine["client_id"], secret),
        elsewhere=elsewhere,
        public=await app.issued(public, scope=scope),
        person=await app.issued(machine, scope=scope, user=own.ids["user_id"]),
        short_of=short_of,
    )


def refused(reply, status: int, code: str) -> None:
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json"), reply.text
    problem = reply.json
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["detail"]
    assert problem.get("error", code) == code
    assert reply.headers["X-Request-Id"]
    assert reply.headers["Cache-Control"] == "no-store"


def nowhere(world) -> Things:
    """Return ids of nothing."""
    return Things("", None, dict.fromkeys(world.others.ids, str(uuid4())))


@EVERY_ROUTE
async def test_nobody_comes_in_without_a_token(world, route):
    reply = await send(world.app, route, world.own, {}, token="")
    refused(reply, 401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="muniment"'


@EVERY_ROUTE
async def test_a_token_nobody_issued_opens_nothing(world, route):
    reply = await send(world.app, route, world.own, {}, token="mun_at_" + "x" * 49)
    refused(reply, 401, "invalid_token")
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


@EVERY_ROUTE
async def test_a_token_for_another_audience_opens_nothing(world, route):
    refused(await send(world.app, route, world.own, {}, token=world.elsewhere), 401, "invalid_token")


@EVERY_ROUTE
async def test_two_callers_in_one_request_are_none(world, route):
    headers = [("Authorization", f"Bearer {world.manager}"), ("Authorization", f"Bearer {world.app.root}")]
    async with world.app.client.request(ROUTES[route].method, world.own.path(route), headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["code"] == "invalid_request"


@EVERY_ROUTE
async def test_the_permission_that_a_route_names_is_needed(world, route):
    permission = ROUTES[route].permission
    reply = await send(world.app, route, world.own, {}, token=world.short_of[permission])
    refused(reply, 403, "insufficient_scope")
    assert f'scope="{permission}"' in reply.headers["WWW-Authenticate"]


@EVERY_ROUTE
async def test_back_end_administration_is_closed_to_public_clients_and_users(world, route):
    for token in (world.public, world.person):
        reply = await send(world.app, route, nowhere(world), {}, token=token)
        if ROUTES[route].machines_only:
            refused(reply, 403, "wrong_client_kind")
        else:
            assert reply.status in {200, 201, 204, 400, 403, 404}, reply.text
            assert reply.status < 300 or reply.json["code"] != "wrong_client_kind"


@pytest.mark.parametrize("route", [name for name in WITH_IDS if ROUTES[name].permission != "root"])
async def test_what_belongs_to_others_does_not_exist(world, route):
    before = len(await world.app.events(organization=world.others.organization, limit=200))
    reply = await send(world.app, route, world.others, await body_of(world.app, route, world.own), token=world.manager)
    assert reply.status == 404, reply.text
    assert reply.json["code"].startswith("unknown_")
    body = await body_of(world.app, route, world.own)
    assert (await send(world.app, route, nowhere(world), body, token=world.manager)).json == reply.json
    assert len(await world.app.events(organization=world.others.organization, limit=200)) == before


@pytest.mark.parametrize("route", WITH_IDS)
@pytest.mark.parametrize("text", ["1", "x" * 300, "%00", "..%2f..", "{0}", "0", "urn:uuid:{0}", "%F0%9F%92%A9"])
async def test_what_is_no_id_names_nothing(world, route, text):
    wrong = dict.fromkeys(world.own.ids, text.format(str(uuid4()).replace("-", "")))
    body = await body_of(world.app, route, world.own)
    reply = await send(world.app, route, Things("", None, wrong), body)
    assert reply.status == 404, reply.text


@pytest.mark.parametrize("route", READS)
async def test_root_reads_what_belongs_to_anybody(world, route):
    for made in (world.own, world.others):
        assert (await send(world.app, route, made, None)).status == 200


@pytest.mark.parametrize("route", [name for name, route in ROUTES.items() if route.query is not None])
async def test_an_organization_that_is_not_ones_own_cannot_be_listed(world, route):
    if "organization" not in ROUTES[route].query.model_fields:
        return
    for organization, status in ((world.others.organization, 404), (world.own.organization, 200)):
        query = {"organization": organization}
        reply = await send(world.app, route, world.own, None, token=world.manager, params=query)
        assert reply.status == status, reply.text
        if status == 200:
            assert world.others.organization not in reply.text


MALFORMED = {
    "cut short": b'{"name"',
    "no JSON": b"name=x",
    "not an object": b'["x"]',
    "null": b"null",
    "text that is no UTF-8": b'{"name": "\xff"}',
    "half of a surrogate pair": rb'{"name": "\ud800"}',
    "a NUL": rb'{"name": "a\u0000b"}',
    "nested too deeply": b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}",
    "nested absurdly deeply": b"[" * 60_000,
    "two objects": b"{}{}",
    "NaN": b'{"name": NaN}',
    "a member given twice": b'{"name": "a", "name": "b"}',
}


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_malformed_body_is_refused(world, route):
    for what, raw in MALFORMED.items():
        reply = await send(world.app, route, world.own, None, data=raw, headers={"Content-Type": "application/json"})
        assert (reply.status, reply.json["code"]) == (400, "invalid_body"), (what, reply.text)


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_body_of_the_wrong_type_is_refused(world, route):
    body = json.dumps(await body_of(world.app, route, world.own)).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json-patch+json"):
        reply = await send(world.app, route, world.own, None, data=body, headers={"Content-Type": content_type})
        refused(reply, 415, "invalid_body")


@pytest.mark.parametrize("route", WITH_BODY)
async def test_an_oversized_body_is_refused(world, route):
    raw = b'{"name": "' + b"x" * 70_000 + b'"}'
    reply = await send(world.app, route, world.own, None, data=raw, headers={"Content-Type": "application/json"})
    refused(reply, 413, "invalid_body")

    async def chunks():
        for _ in range(70):
            yield b" " * 1000

    reply = await send(world.app, route, world.own, None, data=chunks(), headers={"Content-Type": "application/json"})
    refused(reply, 413, "invalid_body")


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_field_nobody_knows_is_refused_and_named(world, route):
    body = await body_of(world.app, route, world.own)
    reply = await send(world.app, route, world.own, {**body, "surprise": 1})
    refused(reply, 400, "invalid_body")
    assert {"in": "body", "field": "surprise"}.items() <= reply.json["errors"][-1].items()
    reply = await send(world.app, route, world.own, {f"{n}" * 300: 1 for n in range(1, 100)})
    assert (reply.status, len(reply.json["errors"])) == (400, 20)
    assert max(len(error["field"]) for error in reply.json["errors"]) <= 200


@pytest.mark.parametrize("route", WITH_BODY)
async def test_no_field_takes_another_type(world, route):
    for name in ROUTES[route].body.model_fields:
        for value in ({"a": {"b": 1}}, [[1]], 1.5):
            body = await body_of(world.app, route, world.own)
            reply = await send(world.app, route, world.own, {**body, name: value})
            assert reply.status == 400, (name, value, reply.text)


@EVERY_ROUTE
async def test_a_query_parameter_is_known_and_given_once(world, route):
    body = await body_of(world.app, route, world.own)
    reply = await send(world.app, route, world.own, body, params={"surprise": "1"})
    refused(reply, 400, "invalid_query")
    reply = await send(world.app, route, world.own, body, params=[("limit", "1"), ("limit", "2")])
    refused(reply, 400, "invalid_query")


@EVERY_ROUTE
async def test_a_position_that_is_none_is_refused(world, route):
    body = await body_of(world.app, route, world.own)
    for position in ("soon", "-1", "1.5", "9" * 17, "9" * 40, "\u0661"):
        reply = await send(world.app, route, world.own, body, headers={"Muniment-At-Least": position})
        refused(reply, 400, "invalid_position")


@pytest.mark.parametrize("name", READS)
async def test_two_organizations_that_ask_at_once_see_each_its_own(world, name):
    theirs = await world.app.manager(world.others.organization)
    asked = [(world.own, world.manager), (world.others, theirs)] * 5
    replies = await asyncio.gather(*(send(world.app, name, made, None, token=token) for made, token in asked))
    for (made, _), reply in zip(asked, replies, strict=True):
        assert reply.status == 200
        strange = world.own if made is world.others else world.others
        assert strange.organization not in reply.text


async def test_unknown_paths_and_methods_are_refused_in_the_same_shape(world):
    refused(await world.app.call("GET", "/api/nothing"), 404, "not_found")
    reply = await world.app.call("DELETE", "/api/roles")
    refused(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, POST"
