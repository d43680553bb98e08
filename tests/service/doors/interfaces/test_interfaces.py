"""Rows F22, F26 and F27 of spec/iform.md, and section 1.3: interfaces are added, edited, deleted and found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/api/interfaces"
MOST = 2_147_483_647
DEFAULTS = {
    "frequency": 120, "test_frequency": 60, "submit_limited": False, "scope": "authorized", "description": None,
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app: Running) -> str:
    return await app.organization()


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app: Running, organization: str) -> str:
    return await app.manager(organization, "read_api", "write_api")


@pytest_asyncio.fixture(loop_scope="module")
async def resource(app: Running, manager: str) -> str:
    return (await app.api_resource(token=manager))["id"]


async def create(app: Running, resource: str, token: str | None = None, /, **body: Any) -> Reply:
    told = {"identifier": "read_order", "name": "Read an order", "method": "GET", "path": "/orders/{id}"}
    return await app.call("POST", PATH, token, json={"resource": resource, **told, **body})


async def made(app: Running, resource: str, token: str, **body: Any) -> Any:
    reply = await create(app, resource, token, **body)
    assert reply.status == 201, reply.text
    return reply.json


async def shown(app: Running, interface: Any, token: str | None = None) -> Any:
    return (await app.call("GET", f"{PATH}/{interface['id']}", token)).json


async def found(app: Running, token: str, **query: str) -> list[str]:
    reply = await app.call("GET", PATH, token, params=query)
    assert reply.status == 200, reply.text
    return [item["identifier"] for item in reply.json["items"]]


async def head(app: Running) -> int:
    position: int = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    return position


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


async def test_f22_an_interface_is_added_with_every_field_of_the_dialect(
    app: Running, organization: str, manager: str, resource: str
) -> None:
    body = {
        "identifier": "bpm_demo_url_form_save", "name": "Save a form", "description": "Saves", "method": "POST",
        "path": "/bpm/demo/url/form/save", "frequency": 1, "test_frequency": MOST, "submit_limited": True,
        "scope": "anonymous",
    }  # fmt: skip
    reply = await create(app, resource, manager, **body)
    assert reply.status == 201, reply.text
    assert {name: reply.json[name] for name in body} == body
    assert (reply.json["resource"], reply.json["organization"]) == (resource, organization)
    assert await shown(app, reply.json, manager) == reply.json
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert event["topic"] == "interface.created"
    assert {name: event["data"][name] for name in body} == body


async def test_f22_what_is_not_said_is_as_the_dialect_imports_it(app: Running, manager: str, resource: str) -> None:
    interface = await made(app, resource, manager)
    assert {name: interface[name] for name in DEFAULTS} == DEFAULTS


async def test_f22_an_address_is_kept_in_its_one_form(app: Running, manager: str, resource: str) -> None:
    interface = await made(app, resource, manager, path="/caf\u00e9/%7Eada/{id}", method="*")
    assert (interface["path"], interface["method"]) == ("/caf%C3%A9/~ada/{id}", "*")
    taken = await create(app, resource, manager, identifier="other", path="/caf%c3%a9/~ada/{number}", method="*")
    assert refused(taken) == (409, "address_taken")
    assert taken.json["errors"][0]["field"] == "path"
    assert (await create(app, resource, manager, identifier="get", path="/caf\u00e9/~ada/{id}")).status == 201


async def test_f22_an_identifier_is_taken_in_its_resource_alone(app: Running, manager: str, resource: str) -> None:
    await made(app, resource, manager)
    reply = await create(app, resource, manager, identifier="READ_ORDER", path="/other")
    assert refused(reply) == (409, "identifier_taken")
    assert reply.json["errors"][0]["field"] == "identifier"
    await made(app, (await app.api_resource(token=manager))["id"], manager)


async def test_f22_of_two_at_once_one_gets_the_address(app: Running, manager: str, resource: str) -> None:
    replies = await asyncio.gather(*(create(app, resource, manager, identifier=name) for name in ("one", "other")))
    assert sorted(reply.status for reply in replies) == [201, 409]
    assert len(await found(app, manager, resource=resource)) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"identifier": "a/b"}, "invalid_api_identifier"),
        ({"name": ""}, "invalid_name"),
        ({"path": "orders"}, "invalid_path"),
        ({"path": "/orders//1"}, "invalid_path"),
        ({"path": "/orders/../admin"}, "invalid_path"),
        ({"path": "/orders/%2e%2e/admin"}, "invalid_path"),
        ({"path": "/orders?x=1"}, "invalid_path"),
        ({"path": "/orders/x{id}"}, "invalid_path"),
        ({"path": "/" + "x" * 512}, "invalid_path"),
        ({"description": "x" * 1001}, "invalid_description"),
        ({"method": "get"}, "invalid_body"),
        ({"method": "TRACE"}, "invalid_body"),
        ({"frequency": 0}, "invalid_body"),
        ({"frequency": MOST + 1}, "invalid_body"),
        ({"frequency": "120"}, "invalid_body"),
        ({"frequency": 1.5}, "invalid_body"),
        ({"frequency": True}, "invalid_body"),
        ({"frequency": None}, "invalid_body"),
        ({"test_frequency": 0}, "invalid_body"),
        ({"test_frequency": MOST + 1}, "invalid_body"),
        ({"submit_limited": "Y"}, "invalid_body"),
        ({"scope": "public"}, "invalid_body"),
        ({"scope": ["authorized"]}, "invalid_body"),
        ({"resource": "orders"}, "invalid_body"),
        ({"application": "orders"}, "invalid_body"),
    ],
)
async def test_f22_what_breaks_a_rule_is_refused_and_nothing_is_written(
    app: Running, manager: str, resource: str, body: dict[str, Any], code: str
) -> None:
    kept, before = await made(app, resource, manager, identifier="kept", path="/kept"), await head(app)
    reply = await create(app, resource, manager, **body)
    assert refused(reply) == (400, code)
    assert reply.json["errors"][0]["field"] == next(iter(body))
    if not body.keys() & {"identifier", "resource", "application"}:
        assert refused(await app.call("PATCH", f"{PATH}/{kept['id']}", manager, json=body)) == (400, code)
    assert await head(app) == before


async def test_f26_an_interface_is_edited_in_every_field_but_its_identifier(
    app: Running, manager: str, resource: str
) -> None:
    interface = await made(app, resource, manager)
    changes = {
        "name": "Pay", "method": "POST", "path": "/orders/{id}/payments", "frequency": 7, "test_frequency": 8,
        "submit_limited": True, "scope": "anonymous", "description": "Pays",
    }  # fmt: skip
    path, present = f"{PATH}/{interface['id']}", interface
    for name, value in changes.items():
        reply = await app.call("PATCH", path, manager, json={name: value})
        assert reply.status == 200, reply.text
        present = present | {name: value, "updated_at": reply.json["updated_at"]}
        assert reply.json == present
        assert await shown(app, interface, manager) == present
    assert (await app.call("PATCH", path, manager, json={"description": None})).json["description"] is None
    before = await head(app)
    assert (await app.call("PATCH", path, manager, json={"name": "Pay", "frequency": 7})).position == before
    for name in ("identifier", "resource", "organization", "id"):
        assert refused(await app.call("PATCH", path, manager, json={name: interface[name]})) == (400, "invalid_body")
    assert await head(app) == before


async def test_f26_an_address_is_taken_over_once_it_was_given_up(app: Running, manager: str, resource: str) -> None:
    one = await made(app, resource, manager)
    other = await made(app, resource, manager, identifier="other", path="/other")
    path = f"{PATH}/{other['id']}"
    assert refused(await app.call("PATCH", path, manager, json={"path": "/orders/{n}"})) == (409, "address_taken")
    assert (await app.call("PATCH", f"{PATH}/{one['id']}", manager, json={"method": "PUT"})).status == 200
    assert (await app.call("PATCH", path, manager, json={"path": "/orders/{n}"})).status == 200


async def test_f26_two_edits_at_once_both_count(app: Running, manager: str, resource: str) -> None:
    interface = await made(app, resource, manager)
    path = f"{PATH}/{interface['id']}"
    replies = await asyncio.gather(
        app.call("PATCH", path, manager, json={"frequency": 7}), app.call("PATCH", path, manager, json={"name": "Pay"})
    )
    assert [reply.status for reply in replies] == [200, 200]
    left = await shown(app, interface, manager)
    assert (left["frequency"], left["name"]) == (7, "Pay")


async def test_f27_an_interface_is_deleted_for_good(app: Running, manager: str, resource: str) -> None:
    interface = await made(app, resource, manager)
    path = f"{PATH}/{interface['id']}"
    replies = await asyncio.gather(*(app.call("DELETE", path, manager) for _ in range(2)))
    assert min((reply.status, reply.text) for reply in replies) == (204, "")
    assert sorted(reply.status for reply in replies) == [204, 404]
    for method in ("GET", "PATCH", "DELETE"):
        assert refused(await app.call(method, path, manager)) == (404, "unknown_interface")
    assert await found(app, manager, resource=resource) == []
    assert (await made(app, resource, manager))["id"] != interface["id"]


async def test_f27_the_grants_for_an_interface_end_with_it(
    app: Running, organization: str, manager: str, resource: str
) -> None:
    interface = await made(app, resource, manager)
    asker = await app.manager(organization, "write_app", "read_grant")
    application = await app.application(organization=organization)
    body = {"application": application["id"], "interfaces": [{"interface": interface["id"]}]}
    assert (await app.call("POST", "/api/interface-grants", asker, json=body)).status == 201
    reply = await app.call("DELETE", f"{PATH}/{interface['id']}", manager)
    assert reply.status == 204
    events = await app.events(request_id=reply.headers["X-Request-Id"])
    assert [event["topic"] for event in events] == ["interface.deleted", "interface_grant.withdrawn"]
    listed = await app.call("GET", "/api/interface-grants", asker, params={"application": application["id"]})
    assert listed.json["items"] == []


async def test_interfaces_are_found_by_resource_method_scope_and_parts_of_what_they_say(
    app: Running, organization: str, manager: str, resource: str
) -> None:
    other = (await app.api_resource(token=manager))["id"]
    await made(app, resource, manager)
    await made(app, resource, manager, identifier="pay", name="Pay 100%", method="POST", scope="anonymous")
    await made(app, other, manager, identifier="count", name="Z\u00e4hlen", path="/stock", method="*")
    assert await found(app, manager) == ["read_order", "pay", "count"]
    assert await found(app, manager, resource=resource) == ["read_order", "pay"]
    assert await found(app, manager, resource=str(uuid4())) == []
    assert await found(app, manager, method="POST") == ["pay"]
    assert await found(app, manager, method="*") == ["count"]
    assert await found(app, manager, scope="authorized") == ["read_order", "count"]
    assert await found(app, manager, search="ORDERS/{") == ["read_order", "pay"]
    assert await found(app, manager, search="0%") == ["pay"]
    assert await found(app, manager, search="ZA\u0308HLEN") == ["count"]
    assert await found(app, manager, search="coUNt", scope="anonymous") == []
    assert await found(app, app.root, organization=organization, search="stock") == ["count"]
    first = (await app.call("GET", PATH, manager, params={"limit": 1, "resource": resource})).json
    assert await found(app, manager, resource=resource, after=first["next"]) == ["pay"]
    for query in ({"method": "TRACE"}, {"scope": "all"}, {"resource": "7"}, {"name": "Pay"}, {"limit": "0"}):
        assert refused(await app.call("GET", PATH, manager, params=query)) == (400, "invalid_query")


async def test_another_organizations_interface_is_as_unknown_as_none(app: Running, manager: str) -> None:
    others = await app.organization("Others")
    theirs = await app.api_resource(others)
    interface, before = await app.interface(theirs), await head(app)
    for id in (interface["id"], theirs["id"], str(uuid4()), "7"):
        path = f"{PATH}/{id}"
        for reply in (
            await app.call("GET", path, manager),
            await app.call("PATCH", path, manager, json={"name": "Mine"}),
            await app.call("DELETE", path, manager),
        ):
            assert refused(reply) == (404, "unknown_interface")
    for id in (theirs["id"], interface["id"], str(uuid4())):
        assert refused(await create(app, id, manager)) == (404, "unknown_api_resource")
    assert await found(app, manager, resource=theirs["id"]) == []
    assert refused(await app.call("GET", PATH, manager, params={"organization": others})) == (404, "unknown_account")
    assert await head(app) == before


async def test_reading_and_writing_are_permissions_of_their_own(
    app: Running, organization: str, manager: str, resource: str
) -> None:
    reader, writer = await app.manager(organization, "read_api"), await app.manager(organization, "write_api")
    interface = await made(app, resource, writer)
    assert await shown(app, interface, reader) == interface
    path = f"{PATH}/{interface['id']}"
    for method, where, token in (
        ("GET", path, writer), ("GET", PATH, writer), ("POST", PATH, reader), ("PATCH", path, reader),
        ("DELETE", path, reader),
    ):  # fmt: skip
        assert refused(await app.call(method, where, token)) == (403, "insufficient_scope")
