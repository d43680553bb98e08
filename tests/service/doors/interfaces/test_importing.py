"""Rows F23 to F25 of spec/iform.md: interfaces are imported from documents, by address or as they are sent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import SETTINGS, running
from tests.receiver import Answer, receiver
from tests.service.interface_import.given import PATHS, openapi, operation, parameters, swagger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Reply, Running
    from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATH = "/api/interfaces/import"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Desk:
    """An organization, and the token of somebody who imports there."""

    app: Running
    organization: str
    token: str

    async def send(self, token: str | None = None, **body: Any) -> Reply:
        """Send an import, in normal mode unless told."""
        return await self.app.call("POST", PATH, token or self.token, json={"mode": "normal", **body})

    async def imported(self, document: Any = None, **body: Any) -> Any:
        """Return the report of an import that is done."""
        told = body if "url" in body else {"document": openapi() if document is None else document, **body}
        reply = await self.send(**told)
        assert reply.status == 200, reply.text
        return reply.json

    async def interfaces(self, resource: str = "orders") -> dict[str, Any]:
        """Return the interfaces of an API resource, by their identifiers."""
        reply = await self.app.call("GET", "/api/api-resources", self.token, params={"search": resource})
        [found] = [one for one in reply.json["items"] if one["identifier"] == resource]
        query = {"resource": found["id"], "limit": "100"}
        listed = await self.app.call("GET", "/api/interfaces", self.token, params=query)
        assert listed.status == 200, listed.text
        return {one["identifier"]: one for one in listed.json["items"]}

    async def granted(self, interface: str) -> str:
        """Return the grant of a new application for an interface, in force."""
        application = (await self.app.application(organization=self.organization))["id"]
        asked = {"application": application, "interfaces": [{"interface": interface}]}
        made = await self.app.made("/api/interface-grants", asked, self.token)
        grant = made["requested"][0]["id"]
        reply = await self.app.call("POST", f"/api/interface-grants/{grant}/approve", json={})
        assert reply.status == 200, reply.text
        return grant

    async def status(self, grant: str) -> int:
        """Return whether there is still such a grant."""
        return (await self.app.call("GET", f"/api/interface-grants/{grant}", self.token)).status


async def a_desk(app: Running) -> Desk:
    organization = await app.organization()
    return Desk(app, organization, await app.manager(organization, "read_api", "write_api", "write_app", "read_grant"))


@pytest_asyncio.fixture(loop_scope="module")
async def desk(app: Running) -> Desk:
    return await a_desk(app)


@pytest_asyncio.fixture(loop_scope="module")
async def reachable(app_database: str) -> AsyncIterator[tuple[Desk, Receiver]]:
    """A desk of a service that may call one private address, and what listens there."""
    async with receiver() as other:
        allowed = frozenset({(other.host, other.port)})
        async with running(app_database, replace(SETTINGS, outbound_allow=allowed)) as service:
            yield await a_desk(service), other


def counts(report: Any) -> dict[str, int]:
    names = ("added", "replaced", "unchanged", "skipped", "deleted")
    return {name: report[name] for name in names if report[name]}


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["code"]


async def test_f23_a_document_at_an_address_is_imported(reachable: tuple[Desk, Receiver]) -> None:
    desk, other = reachable
    document = swagger(
        {"/bpm/demo/url/form/save": {"post": operation(summary="保存表单")}}, **{"x-app-key": "ibps-business-provider"}
    )
    other.always = Answer(body=json.dumps(document).encode())
    report = await desk.imported(url=f"{other.url}v2/api-docs")
    assert other.requests == [("GET", "/v2/api-docs")]
    assert (report["resource"]["identifier"], report["resource"]["created"], counts(report)) == (
        "ibps-business-provider", True, {"added": 1},
    )  # fmt: skip
    made = (await desk.interfaces("ibps-business-provider"))["post_bpm_demo_url_form_save"]
    told = ("name", "method", "path", "frequency", "test_frequency", "submit_limited", "scope")
    assert [made[name] for name in told] == [
        "保存表单", "POST", "/bpm/demo/url/form/save", 120, 60, False, "authorized",
    ]  # fmt: skip


async def test_f23_a_document_is_imported_as_it_is_sent(desk: Desk) -> None:
    for number, document in enumerate((openapi(), json.dumps(openapi()), f"# YAML\n{json.dumps(openapi())}")):
        report = await desk.imported(document, resource=f"orders-{number}")
        assert counts(report) == {"added": 3}
        assert set(await desk.interfaces(f"orders-{number}")) == {"listOrders", "createOrder", "readOrder"}


async def test_f23_a_dry_run_tells_what_an_import_would_do_and_the_import_does_that(desk: Desk) -> None:
    before = len(await desk.app.events(organization=desk.organization))
    foretold = await desk.imported(dry_run=True)
    assert len(await desk.app.events(organization=desk.organization)) == before
    assert (foretold["dry_run"], foretold["resource"]["id"], counts(foretold)) == (True, None, {"added": 3})
    report = await desk.imported(expected=foretold["digest"])
    assert {**report, "dry_run": True, "resource": {**report["resource"], "id": None}} == foretold
    again = await desk.send(document=openapi(), expected=foretold["digest"])
    assert refused(again) == (409, "import_changed")


async def test_f24_normal_mode_adds_what_is_new_and_leaves_what_is_there(desk: Desk) -> None:
    await desk.imported()
    listed = (await desk.interfaces())["listOrders"]
    changed = {"name": "By hand", "frequency": 7, "scope": "anonymous"}
    assert (await desk.app.call("PATCH", f"/api/interfaces/{listed['id']}", desk.token, json=changed)).status == 200
    newer = {
        **PATHS,
        "/orders": {"get": operation("listOrders", summary="Another name")},
        "/new": {"get": operation("new")},
    }
    before = await desk.interfaces()
    report = await desk.imported(openapi(newer))
    assert counts(report) == {"added": 1, "skipped": 2}
    after = await desk.interfaces()
    assert {name: one for name, one in after.items() if name != "new"} == before


async def test_f24_what_has_the_address_of_an_interface_is_not_imported_beside_it(desk: Desk) -> None:
    await desk.imported()
    renamed = openapi({"/orders/{number}": {"get": operation("getOrder", parameters=parameters("number"))}})
    report = await desk.imported(renamed)
    [entry] = report["interfaces"]
    assert (entry["outcome"], entry["reason"], entry["existing"]) == ("skipped", "address_taken", "readOrder")


async def test_f24_an_import_that_is_repeated_adds_nothing_twice(desk: Desk) -> None:
    await desk.imported()
    before = len(await desk.app.events(organization=desk.organization))
    assert counts(await desk.imported()) == {"skipped": 3}
    assert counts(await desk.imported(mode="overwrite")) == {"unchanged": 3}
    assert len(await desk.app.events(organization=desk.organization)) == before


async def test_f25_overwrite_mode_leaves_what_the_document_says_and_nothing_else(desk: Desk) -> None:
    resource = (await desk.imported())["resource"]["id"]
    listed = (await desk.interfaces())["listOrders"]
    await desk.app.call("PATCH", f"/api/interfaces/{listed['id']}", desk.token, json={"frequency": 7, "path": "/x"})
    await desk.app.interface(resource, desk.token, identifier="byHand")
    newer = {"/orders": PATHS["/orders"], "/new": {"get": operation("new")}}
    report = await desk.imported(openapi(newer, title="Orders"), mode="overwrite")
    assert counts(report) == {"added": 1, "replaced": 1, "unchanged": 1, "deleted": 2}
    there = await desk.interfaces()
    assert set(there) == {"listOrders", "createOrder", "new"}
    assert (there["listOrders"]["id"], there["listOrders"]["path"], there["listOrders"]["frequency"]) == (
        listed["id"], "/orders", 120,
    )  # fmt: skip
    [replaced] = [one for one in report["interfaces"] if one["outcome"] == "replaced"]
    assert replaced["changed"] == ["path", "frequency"]


async def test_f25_grants_stay_with_what_is_still_there_and_end_with_what_goes(desk: Desk) -> None:
    await desk.imported()
    there = await desk.interfaces()
    kept, gone = [await desk.granted(there[name]["id"]) for name in ("listOrders", "readOrder")]
    newer = openapi({"/v2/orders": {"get": operation("listOrders")}})
    foretold = await desk.imported(newer, mode="overwrite", dry_run=True)
    assert (foretold["grants_kept"], foretold["grants_withdrawn"]) == (1, 1)
    assert (await desk.status(kept), await desk.status(gone)) == (200, 200)
    report = await desk.imported(newer, mode="overwrite", expected=foretold["digest"])
    assert {one["identifier"]: one["grants"] for one in report["interfaces"]} == {
        "listOrders": 1, "createOrder": 0, "readOrder": 1,
    }  # fmt: skip
    assert (await desk.status(kept), await desk.status(gone)) == (200, 404)
    topics = [event["topic"] for event in await desk.app.events(organization=desk.organization)]
    assert topics.count("interface_grant.withdrawn") == 1


async def test_f25_applications_that_the_document_does_not_name_are_not_touched(desk: Desk) -> None:
    await desk.imported(resource="invoices")
    await desk.imported()
    await desk.imported(openapi({"/new": {"get": operation("new")}}), mode="overwrite")
    assert len(await desk.interfaces("invoices")) == 3


@pytest.mark.parametrize("document", [
    "openapi: [", {"openapi": "3.0.3"}, openapi({"/a": {"get": {}}}),
    openapi({"/a": {"get": operation("x")}, "/b": {"get": operation("X")}}),
])  # fmt: skip
async def test_f25_a_bad_document_deletes_nothing(desk: Desk, document: Any) -> None:
    await desk.imported()
    before = await desk.interfaces()
    reply = await desk.send(document=document, mode="overwrite", resource="orders")
    assert refused(reply) == (400, "invalid_document")
    assert reply.json["errors"]
    assert all(set(error) == {"field", "message"} for error in reply.json["errors"])
    assert await desk.interfaces() == before


async def test_what_is_not_public_is_not_fetched(desk: Desk) -> None:
    async with receiver() as inside:
        for url in (inside.url, "http://169.254.169.254/", "file:///etc/passwd", "http://user:pw@a.test/"):
            reply = await desk.send(url=url)
            assert refused(reply) == (400, "document_not_fetched")
            assert [error["field"] for error in reply.json["errors"]] == ["url"]
        assert inside.requests == []


async def test_nothing_is_fetched_for_who_may_not_import(reachable: tuple[Desk, Receiver]) -> None:
    desk, other = reachable
    reader = await desk.app.manager(desk.organization, "read_api")
    assert refused(await desk.send(reader, url=other.url)) == (403, "insufficient_scope")
    elsewhere = await desk.app.organization("Elsewhere")
    assert refused(await desk.send(url=other.url, organization=elsewhere)) == (404, "unknown_account")
    assert refused(await desk.send(url=other.url, resource="not one")) == (400, "invalid_api_identifier")
    assert other.requests == []


async def test_another_organization_is_not_imported_into(desk: Desk) -> None:
    for elsewhere in (await desk.app.organization("Elsewhere"), str(uuid4())):
        reply = await desk.send(document=openapi(), organization=elsewhere, mode="overwrite")
        assert refused(reply) == (404, "unknown_account")


async def test_root_imports_into_any_organization(desk: Desk) -> None:
    reply = await desk.send(desk.app.root, document=openapi(), organization=desk.organization)
    assert reply.status == 200, reply.text
    assert len(await desk.interfaces()) == 3


async def test_a_title_that_makes_no_identifier_needs_one(desk: Desk) -> None:
    reply = await desk.send(document=openapi(title="订单服务"))
    assert refused(reply) == (400, "identifier_needed")
    assert reply.json["errors"][0]["field"] == "resource"
    report = await desk.imported(openapi(title="订单服务"), resource="orders")
    assert (report["resource"]["identifier"], report["resource"]["name"]) == ("orders", "订单服务")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"url": None}, {"document": None}, {"document": 1}, {"document": []}, {"document": {}, "surprise": 1},
        {"document": {}, "mode": "cover"}, {"document": {}, "mode": None}, {"document": {}, "dry_run": "yes"},
        {"document": {}, "expected": "x"}, {"document": {}, "url": "http://a.test"}, {"url": ""},
        {"url": "http://a.test/" + "x" * 2048},
    ],
)  # fmt: skip
async def test_a_body_that_does_not_fit_is_refused(desk: Desk, body: Any) -> None:
    assert refused(await desk.send(**body)) == (400, "invalid_body")


async def test_a_large_document_is_taken_and_nothing_else_that_is_large(desk: Desk) -> None:
    async def send(raw: bytes) -> Reply:
        return await desk.app.call("POST", PATH, desk.token, data=BytesIO(raw), headers=JSON)

    large = openapi(**{"x-padding": "x" * 1_000_000})
    for document in (large, json.dumps(large)):
        reply = await send(json.dumps({"mode": "normal", "document": document}).encode())
        assert reply.status == 200, reply.text
    for raw in (
        b'{"mode": "normal", "url": "http://a.test/' + b"x" * 70_000 + b'"}',
        b'{"mode": "' + b"x" * 70_000 + b'", "document": {}}',
        b'{"document": ' + b"1" * 70_000 + b"}",
        b"[" * 70_000,
        b" " * (5 * 1024 * 1024 + 1),
    ):
        assert refused(await send(raw)) == (413, "invalid_body")
    assert "5 MiB" in (await send(b" " * (5 * 1024 * 1024 + 1))).text


async def test_what_stands_twice_in_a_body_is_refused(desk: Desk) -> None:
    document = json.dumps(openapi())
    for raw in (
        f'{{"mode": "normal", "document": {{}}, "document": {document}}}',
        f'{{"mode": "normal", "document": {document}, "mode": "overwrite"}}',
        f'{{"mode": "normal", "document": {document[:-1]}, "openapi": "3.0.3"}}}}',
    ):
        reply = await desk.app.call("POST", PATH, desk.token, data=raw.encode(), headers=JSON)
        assert refused(reply) == (400, "invalid_document"), raw
        assert "stands twice" in reply.text


async def test_of_two_imports_at_once_one_adds_and_the_other_finds_it_done(desk: Desk) -> None:
    reports = await asyncio.gather(*(desk.imported() for _ in range(2)))
    assert sorted(report["added"] for report in reports) == [0, 3]
    assert len(await desk.interfaces()) == 3


async def test_a_repeated_import_is_answered_as_the_first_was(desk: Desk) -> None:
    headers = {**JSON, "Idempotency-Key": str(uuid4())}
    raw = json.dumps({"mode": "normal", "document": openapi()}).encode()
    replies = [await desk.app.call("POST", PATH, desk.token, data=raw, headers=headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].text == replies[1].text
    other = await desk.app.call("POST", PATH, desk.token, data=raw + b" ", headers=headers)
    assert refused(other) == (422, "idempotency_mismatch")


async def test_other_requests_are_answered_while_a_document_is_judged(desk: Desk) -> None:
    large = openapi({f"/orders{number}": {"get": operation(f"list{number}")} for number in range(1500)})
    judged = asyncio.create_task(desk.imported(large))
    slowest = 0.0
    while not judged.done():
        start = asyncio.get_running_loop().time()
        assert (await desk.app.call("GET", "/healthz", "")).status == 200
        slowest = max(slowest, asyncio.get_running_loop().time() - start)
        await asyncio.sleep(0.005)
    assert (await judged)["added"] == 1500
    assert slowest < 2.0  # judging it takes longer
