"""Row F17 of spec/iform.md, and section 1.2: services with interfaces are added, edited, deleted and found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/api/api-resources"


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app: Running) -> str:
    return await app.organization()


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app: Running, organization: str) -> str:
    return await app.manager(organization, "read_api", "write_api")


async def create(app: Running, token: str | None = None, **body: Any) -> Reply:
    return await app.call("POST", PATH, token, json={"identifier": "orders", "name": "Orders", **body})


async def shown(app: Running, resource: Any, token: str | None = None) -> Reply:
    return await app.call("GET", f"{PATH}/{resource['id']}", token)


async def found(app: Running, token: str, **query: str) -> list[str]:
    reply = await app.call("GET", PATH, token, params=query)
    assert reply.status == 200, reply.text
    return [item["identifier"] for item in reply.json["items"]]


async def head(app: Running) -> int:
    position: int = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    return position


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


async def test_f17_an_application_is_added_edited_and_deleted(app: Running, organization: str, manager: str) -> None:
    body = {"uri": "https://orders.test/", "audience": "https://orders.test/api", "description": "Takes orders"}
    reply = await create(app, manager, **body)
    assert reply.status == 201, reply.text
    made = reply.json
    assert {name: made[name] for name in body} == body
    assert (made["identifier"], made["name"], made["organization"]) == ("orders", "Orders", organization)
    assert (await shown(app, made, manager)).json == made
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["actor"]) == ("api_resource.created", made["created_by"])

    path = f"{PATH}/{made['id']}"
    edited = await app.call("PATCH", path, manager, json={"name": "Sales", "description": None})
    assert (edited.status, edited.json) == (
        200, made | {"name": "Sales", "description": None, "updated_at": edited.json["updated_at"]},
    )  # fmt: skip
    assert edited.position > reply.position
    assert (await shown(app, made, manager)).json == edited.json

    deleted = await app.call("DELETE", path, manager)
    assert (deleted.status, deleted.text) == (204, "")
    assert refused(await shown(app, made, manager)) == (404, "unknown_api_resource")
    again = await create(app, manager)
    assert again.status == 201
    assert again.json["id"] != made["id"]


async def test_f17_an_identifier_never_changes(app: Running, manager: str) -> None:
    made = (await create(app, manager)).json
    for name in ("identifier", "organization", "id"):
        reply = await app.call("PATCH", f"{PATH}/{made['id']}", manager, json={name: "other"})
        assert refused(reply) == (400, "invalid_body")
    assert (await shown(app, made, manager)).json == made


async def test_f17_identifiers_are_told_apart_without_regard_to_letter_case(app: Running, manager: str) -> None:
    await create(app, manager)
    reply = await create(app, manager, identifier="ORDERS")
    assert refused(reply) == (409, "identifier_taken")
    assert reply.json["errors"] == [{"field": "identifier", "message": "The identifier is taken"}]
    assert (await create(app, await app.manager(await app.organization()))).status == 201


async def test_f17_of_two_at_once_one_gets_the_identifier(app: Running, manager: str) -> None:
    replies = await asyncio.gather(*(create(app, manager, identifier=name) for name in ("stock", "Stock")))
    assert sorted(reply.status for reply in replies) == [201, 409]


async def test_f17_one_with_interfaces_is_deleted_when_that_is_meant(app: Running, manager: str) -> None:
    made = (await create(app, manager)).json
    interface = await app.interface(made, manager)
    before = await head(app)
    path = f"{PATH}/{made['id']}"
    assert refused(await app.call("DELETE", path, manager)) == (409, "api_resource_in_use")
    for query in ({"cascade": "yes"}, {"cascade": ""}, {"force": "true"}):
        assert refused(await app.call("DELETE", path, manager, params=query)) == (400, "invalid_query")
    assert await head(app) == before
    reply = await app.call("DELETE", path, manager, params={"cascade": "true"})
    assert reply.status == 204
    assert refused(await app.call("GET", f"/api/interfaces/{interface['id']}", manager)) == (404, "unknown_interface")
    events = await app.events(request_id=reply.headers["X-Request-Id"])
    assert [event["topic"] for event in events] == ["api_resource.deleted", "interface.deleted"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"identifier": "1a"}, "invalid_api_identifier"),
        ({"identifier": "a b"}, "invalid_api_identifier"),
        ({"identifier": "a" * 129}, "invalid_api_identifier"),
        ({"name": " "}, "invalid_name"),
        ({"uri": "javascript:alert(1)"}, "invalid_uri"),
        ({"uri": "https://ada:secret@orders.test/"}, "invalid_uri"),
        ({"audience": "a b"}, "invalid_audience"),
        ({"description": "x" * 1001}, "invalid_description"),
        ({"identifier": None}, "invalid_body"),
        ({"name": 7}, "invalid_body"),
        ({"created_by": str(uuid4())}, "invalid_body"),
        ({"organization": "7"}, "invalid_body"),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_nothing_is_written(
    app: Running, manager: str, body: dict[str, Any], code: str
) -> None:
    made, before = (await create(app, manager, identifier="kept")).json, await head(app)
    reply = await create(app, manager, **body)
    assert refused(reply) == (400, code)
    assert reply.json["errors"][0]["field"] == next(iter(body))
    if not body.keys() & {"identifier", "created_by", "organization"}:
        assert refused(await app.call("PATCH", f"{PATH}/{made['id']}", manager, json=body)) == (400, code)
    assert await head(app) == before


async def test_resources_are_found_by_parts_of_identifier_and_name(
    app: Running, organization: str, manager: str
) -> None:
    for identifier, name in (("orders", "Orders"), ("Stock.V2", "100%_here"), ("pay", "Zahlung Caf\u00e9")):
        await create(app, manager, identifier=identifier, name=name)
    everything = ["orders", "Stock.V2", "pay"]
    assert await found(app, manager) == everything
    assert await found(app, manager, organization=organization) == everything
    assert await found(app, manager, search="") == everything
    assert await found(app, manager, search=" stock.v ") == ["Stock.V2"]
    assert await found(app, manager, search="%_HERE") == ["Stock.V2"]
    assert await found(app, manager, search="CAFE\u0301") == ["pay"]
    assert await found(app, manager, search="o%s") == []
    assert await found(app, app.root, organization=organization, search="orders") == ["orders"]
    first = (await app.call("GET", PATH, manager, params={"limit": 2})).json
    assert [item["identifier"] for item in first["items"]] == everything[:2]
    assert await found(app, manager, after=first["next"]) == everything[2:]


async def test_another_organizations_resource_is_as_unknown_as_none(app: Running, manager: str) -> None:
    others = await app.organization("Others")
    theirs, before = await app.api_resource(others), await head(app)
    for id in (theirs["id"], str(uuid4()), "7"):
        path = f"{PATH}/{id}"
        for reply in (
            await app.call("GET", path, manager),
            await app.call("PATCH", path, manager, json={"name": "Mine"}),
            await app.call("DELETE", path, manager, params={"cascade": "true"}),
        ):
            assert refused(reply) == (404, "unknown_api_resource")
    assert refused(await create(app, manager, organization=others)) == (404, "unknown_account")
    assert refused(await app.call("GET", PATH, manager, params={"organization": others})) == (404, "unknown_account")
    assert theirs["identifier"] not in await found(app, manager)
    assert await head(app) == before
    assert (await shown(app, theirs)).status == 200


async def test_reading_and_writing_are_permissions_of_their_own(app: Running, organization: str) -> None:
    reader, writer = await app.manager(organization, "read_api"), await app.manager(organization, "write_api")
    assert refused(await create(app, reader)) == (403, "insufficient_scope")
    made = (await create(app, writer)).json
    assert (await shown(app, made, reader)).json == made
    assert refused(await shown(app, made, writer)) == (403, "insufficient_scope")
    assert refused(await app.call("GET", PATH, writer)) == (403, "insufficient_scope")
    for method in ("PATCH", "DELETE"):
        assert refused(await app.call(method, f"{PATH}/{made['id']}", reader)) == (403, "insufficient_scope")


async def test_no_resource_is_made_in_a_suspended_organization(app: Running, organization: str) -> None:
    suspended = await app.call("PATCH", f"/api/accounts/{organization}", json={"status": "suspended"})
    assert suspended.status == 200, suspended.text
    assert refused(await create(app, organization=organization)) == (409, "account_not_active")


async def test_a_token_may_stand_in_the_header_of_the_dialect(app: Running, organization: str, manager: str) -> None:
    headers = {"X-Authorization-access_token": manager, "X-Authorization-systemid": organization}
    made = await app.call("POST", PATH, "", json={"identifier": "orders", "name": "Orders"}, headers=headers)
    assert made.status == 201, made.text
    both = await app.call("GET", PATH, manager, headers=headers)
    assert refused(both) == (400, "invalid_request")
