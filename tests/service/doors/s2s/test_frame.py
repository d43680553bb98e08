"""What holds for every route of the server-to-server door, generated from the routes themselves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.permissions import PERMISSIONS
from service.doors import s2s
from service.doors.s2s import frame
from tests.app_fixture import AUDIENCE
from tests.service.doors.s2s.asking import Server, said, server

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = {f"{route.method} {route.path}": route for door in s2s.DOORS for route in door.routes}
EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES)
SCOPED = [(name, scope) for name, route in ROUTES.items() for scope in route.permissions]
WITH_BODY = [name for name, route in ROUTES.items() if route.body is not None]


@dataclass
class World:
    """A service with a manager, and tokens that open nothing here."""

    app: Running
    manager: Server
    useless: dict[str, str]
    short_of: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(app) -> World:
    manager = await server(app)
    scope = " ".join(PERMISSIONS)
    machine = await app.application(organization=manager.organization, permissions=["all"])
    public = await app.application(organization=manager.organization, kind="spa", secrets=[])
    web = await app.application(organization=manager.organization, kind="web", permissions=["all"])
    disabled = await server(app, organization=manager.organization)
    await app.call("POST", f"/api/applications/{disabled.id}/disable")
    elsewhere = await app.application(
        organization=manager.organization, permissions=["all"], audiences=[AUDIENCE, "https://elsewhere.test"]
    )
    useless = {
        "a token nobody issued": "mun_at_" + "x" * 49,
        "a token of a user": await app.issued(machine, scope=scope, user=await manager.user()),
        "a token of a public client": await app.issued(public, scope=scope),
        "a token of a web application": await app.issued(web, scope=scope),
        "a token of a disabled app": disabled.token,
        "a token for another audience": await app.issued(elsewhere, scope=scope, audience="https://elsewhere.test"),
    }
    short_of = {}
    for needed in sorted({scope for _, scope in SCOPED}):
        rest = [name for name in PERMISSIONS if name not in (needed, "all", "root")]
        short_of[needed] = (await server(app, *rest, organization=manager.organization)).token
    return World(app, manager, useless, short_of)


async def send(world: World, route: str, token: str, **more):
    path = re.sub(r"\{\w+\}", str(uuid4()), ROUTES[route].path)
    return await world.app.call(ROUTES[route].method, path, token, **more)


@EVERY_ROUTE
async def test_nobody_comes_in_without_a_token(world, route):
    reply = await send(world, route, "")
    assert said(reply) == (401, "Unauthorized")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm=""'


@EVERY_ROUTE
async def test_a_malformed_header_is_a_bad_request(world, route):
    for value in ("Bearer", "Bearer ", "Bearer a b"):
        reply = await send(world, route, "", headers={"Authorization": value})
        assert said(reply) == (400, "Bad Request"), value
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_request"'


@EVERY_ROUTE
async def test_what_is_no_token_of_a_server_application_opens_nothing(world, route):
    for what, token in world.useless.items():
        reply = await send(world, route, token)
        assert said(reply) == (401, "Unauthorized"), what
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"', what


@pytest.mark.parametrize(("route", "scope"), SCOPED)
async def test_each_scope_that_a_route_names_is_needed_and_missing_ones_answer_401(world, route, scope):
    reply = await send(world, route, world.short_of[scope])
    assert said(reply) == (401, "Unauthorized")
    named = ROUTES[route].permission
    assert reply.headers["WWW-Authenticate"] == f'Bearer error="invalid_token", scope="{named}"'


@EVERY_ROUTE
async def test_a_query_that_does_not_fit_is_told_as_a_list_of_fields(world, route):
    status, text = said(await send(world, route, world.app.root, params={"surprise": "1"}))
    assert status == 400
    [told] = [each for each in json.loads(text) if each["property"] == "surprise"]
    assert list(told["constraints"]) == ["invalid_query"]


async def test_a_query_holds_no_nul(world):
    reply = await world.app.call("GET", "/api/v1/users", params={"search": "a\0"})
    assert said(reply) == (400, "The parameter search holds a NUL character")


@pytest.mark.parametrize("route", WITH_BODY)
async def test_a_body_that_does_not_fit_is_told_as_a_list_of_fields(world, route):
    status, text = said(await send(world, route, world.app.root, json={"surprise": 1}))
    assert status == 400
    assert {"property": "surprise"}.items() <= json.loads(text)[-1].items()
    raw, typed = b'{"surprise"', {"Content-Type": "application/json"}
    assert said(await send(world, route, world.app.root, data=raw, headers=typed)) == (
        400,
        "The body is not valid JSON",
    )
    form = await send(world, route, world.app.root, data={"a": "b"})
    assert said(form) == (415, "The content type must be application/json")


async def test_refusals_are_recorded_as_they_are_answered(world):
    reply = await send(world, "POST /api/v1/apps", world.short_of["write_app"])
    [recorded] = [each for each in await world.app.refusals() if each["request_id"] == reply.headers["X-Request-Id"]]
    assert (recorded["status"], recorded["code"]) == (401, "insufficient_scope")
    assert recorded["operation"] == "POST /api/v1/apps"


async def test_an_app_that_is_disabled_is_shut_out_at_once_and_let_in_again(world):
    other = await server(world.app, "read_role", organization=world.manager.organization)
    path = f"/api/v1/apps/{other.id}"
    assert (await other.call("GET", "/api/v1/roles")).status == 200
    await world.manager.changed(path, {"isActive": False})
    assert said(await other.call("GET", "/api/v1/roles")) == (401, "Unauthorized")
    await world.manager.changed(path, {"isActive": True})
    assert (await other.call("GET", "/api/v1/roles")).status == 200


async def test_an_app_that_uses_up_its_rate_is_told_when_to_come_again(world):
    limited = await world.app.application(organization=world.manager.organization, permissions=["all"], rate_limit=2)
    token = await world.app.token(limited["client_id"], limited["secrets"][0]["secret"])
    replies = [await world.app.call("GET", "/info", token) for _ in range(3)]
    assert said(replies[-1]) == (429, "Too many requests")
    assert int(replies[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "query", [{"page_size": "2"}, {"page_number": "1"}, {"page_size": "0", "page_number": "1"},
              {"page_size": "2", "page_number": "0"}, {"page_size": "1001", "page_number": "1"},
              {"page_size": "x", "page_number": "1"}, {"page_size": "2", "page_number": "1000001"}]
)  # fmt: skip
async def test_both_parts_of_a_page_are_named_or_neither(world, query):
    status, text = said(await world.manager.call("GET", "/api/v1/users", params=query))
    assert status == 400
    (error,) = json.loads(text)
    if len(query) == 1:
        assert error["constraints"] == {"invalid_query": "page_size and page_number are given together"}


async def test_a_list_that_is_too_long_for_one_answer_has_to_be_paged(world, monkeypatch):
    manager = await server(world.app)
    users = sorted([await manager.user() for _ in range(3)])
    for name in ("a", "b", "c"):
        await manager.made("/api/v1/roles", {"name": name})
    monkeypatch.setattr(frame, "EVERYTHING", 2)
    refused = (400, "There are too many for one answer: name page_size and page_number")
    for path in ("/api/v1/users", "/api/v1/roles"):
        assert said(await manager.call("GET", path)) == refused
    told = await manager.got("/api/v1/users", page_size="2", page_number="2")
    assert ([user["authId"] for user in told["users"]], told["count"]) == (users[2:], 3)
