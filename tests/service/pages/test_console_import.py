"""Imports at the console: what a document would do is shown first, and then exactly that is done, or nothing."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.interface_import import documents
from service.interface_import.documents import LIMIT
from service.pages.console import interface_report
from tests.app_fixture import SETTINGS, copied, running
from tests.service.interface_import.given import openapi, operation, swagger
from tests.service.pages.console import CONFIRM, IMPORT
from tests.service.pages.forms import ELSEWHERE, FORM_TYPE, refused, unchanged
from tests.service.pages.grants import approved, state
from tests.service.pages.people import a_firm
from tests.service.pages.visitor import Visitor, parts_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running
    from tests.service.pages.people import Firm
    from tests.service.pages.visitor import Answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = {"/orders": {"get": operation("listOrders", summary="List orders"), "post": operation("createOrder")}}
MORE = {**ORDERS, "/orders/mine": {"get": operation("myOrders")}}


class Machine:
    """Another machine, which has documents at addresses."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        application = web.Application()
        application.router.add_get("/{name}", self._answer)
        self.server = TestServer(application)

    def url(self, document: Any) -> str:
        """Return the address where a document is from now on."""
        name = uuid4().hex
        self.documents[name] = document
        return str(self.server.make_url(f"/{name}"))

    def instead(self, url: str, document: Any) -> None:
        """Let another document be at an address."""
        self.documents[url.rpartition("/")[2]] = document

    async def _answer(self, request: web.Request) -> web.Response:
        return web.json_response(self.documents[request.match_info["name"]])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine() -> AsyncIterator[Machine]:
    made = Machine()
    async with made.server:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str, machine: Machine) -> AsyncIterator[Running]:
    """A service that may call the other machine."""
    allowed = frozenset({("127.0.0.1", machine.server.port or 0)})
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, replace(SETTINGS, outbound_allow=allowed)) as service:
            yield service


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def visitor(firm):
    return await firm.signed_in(await firm.administrator("read_api", "write_api"))


def titled(paths: dict[str, Any] = ORDERS, **more: Any) -> Any:
    """Return a document of an API resource that no other test has."""
    return openapi(paths, title=f"Orders {uuid4().hex}", **more)


def text_of(document: Any) -> bytes:
    return json.dumps(document).encode()


async def previewed(visitor: Visitor, **fields: str | bytes) -> Answer:
    """Fill the form in and send it; a file comes as bytes."""
    return await visitor.submit((await visitor.open(IMPORT)).form, **fields)


def rows_of(page: Answer) -> list[tuple[str, str]]:
    """Return the outcomes that a page tells, each with the identifier that it is about."""
    rows = page.text.split('<tr role="row">')[2:]
    return [
        (row.partition('"tag ')[2].partition('"')[0], row.partition("<code>")[2].partition("</code>")[0])
        for row in rows
    ]


async def resource_of(firm: Firm, document: Any) -> Any:
    """Return the API resource of a document, None when there is none."""
    found = await firm.app.call("GET", "/api/api-resources", firm.token, params={"search": document["info"]["title"]})
    return next(iter(found.json["items"]), None)


async def rows_in(firm: Firm, document: Any) -> list[Any]:
    """Return the interfaces that the API resource of a document has."""
    resource = await resource_of(firm, document)
    if resource is None:
        return []
    return (await firm.app.call("GET", "/api/interfaces", firm.token, params={"resource": resource["id"]})).json[
        "items"
    ]


async def interfaces_of(firm: Firm, document: Any) -> list[str]:
    """Return the identifiers of the interfaces that the API resource of a document has."""
    return [one["identifier"] for one in await rows_in(firm, document)]


@pytest.mark.parametrize("way", ["address", "file", "text"])
async def test_f23_what_an_import_would_do_is_shown_and_then_it_is_done(firm, visitor, machine, way):
    document = titled()
    given: dict[str, Any] = {
        "address": {"url": f" {machine.url(document)} "},
        "file": {"file": text_of(document)},
        "text": {"text": json.dumps(document, indent=1)},
    }[way]
    async with unchanged(firm.app):
        page = await previewed(visitor, **given)
    assert page.title == f"Import into {document['info']['title']}?"
    assert rows_of(page) == [("added", "listOrders"), ("added", "createOrder")]
    for said in ("It is new", "OpenAPI 3.0", "Normal", "/orders"):
        assert said in page.text, said
    assert await interfaces_of(firm, document) == []
    page = await visitor.submit(page.form)
    assert (page.status, page.title) == (200, f"Imported into {document['info']['title']}")
    assert rows_of(page) == [("added", "listOrders"), ("added", "createOrder")]
    assert page.page.forms == []
    look = next(tag["href"] for tag in page.page.all("a") if tag["href"].startswith("/console/api-resources/"))
    assert "List orders" in (await visitor.open(look)).text
    assert await interfaces_of(firm, document) == ["listOrders", "createOrder"]


async def test_swagger_in_yaml_is_taken_too(firm, visitor):
    document = swagger(title=f"Orders {uuid4().hex}")
    page = await previewed(visitor, text=f"# YAML is a superset of JSON\n{json.dumps(document)}")
    assert "Swagger 2.0" in page.text
    assert (await visitor.submit(page.form)).status == 200
    assert await interfaces_of(firm, document) == ["listOrders"]


async def test_f24_the_normal_mode_adds_what_is_new_and_says_why_it_skips_the_rest(firm, visitor):
    document = titled()
    await visitor.submit((await previewed(visitor, text=json.dumps(document))).form)
    again = await previewed(visitor, text=json.dumps(document))
    assert "There is nothing to import" in again.text
    assert rows_of(again) == [("skipped", "listOrders"), ("skipped", "createOrder")]
    assert again.page.forms == [], "nothing to confirm"
    renamed = {"/orders": {"get": operation("allOrders")}, "/orders/mine": {"get": operation("myOrders")}}
    page = await previewed(visitor, text=json.dumps({**document, "paths": renamed}))
    assert rows_of(page) == [("added", "myOrders"), ("skipped", "allOrders")]
    assert "listOrders has this method and path" in page.text
    await visitor.submit(page.form)
    assert await interfaces_of(firm, document) == ["listOrders", "createOrder", "myOrders"]


async def test_f25_the_overwrite_mode_tells_what_it_deletes_before_it_does(firm, visitor):
    document = titled(MORE)
    await visitor.submit((await previewed(visitor, text=json.dumps(document))).form)
    paths = {"/orders": {"get": operation("listOrders", summary="All orders")}, "/new": {"get": operation("added")}}
    changed = json.dumps({**document, "paths": paths})
    async with unchanged(firm.app):
        page = await previewed(visitor, text=changed, mode="overwrite")
    assert rows_of(page) == [
        ("deleted", "createOrder"), ("deleted", "myOrders"), ("replaced", "listOrders"), ("added", "added"),
    ]  # fmt: skip
    assert "Interfaces to be deleted: 2. Grants to be withdrawn: 0." in page.text
    assert page.page.one("button", **{"class": "danger"})
    assert (await visitor.submit(page.form)).status == 200
    assert await interfaces_of(firm, document) == ["listOrders", "added"]


async def test_f25_grants_of_what_stays_are_kept_and_of_what_goes_are_withdrawn_as_the_preview_said(firm, visitor):
    document = titled()
    await visitor.submit((await previewed(visitor, text=json.dumps(document))).form)
    stays, goes = await rows_in(firm, document)
    [kept, lost] = await approved(firm, stays, goes)
    paths = {"/orders": {"get": operation("listOrders", summary="All orders")}}
    page = await previewed(visitor, text=json.dumps({**document, "paths": paths}), mode="overwrite")
    assert "Interfaces to be deleted: 1. Grants to be withdrawn: 1." in page.text
    for said in ("Grants withdrawn: 1", "Grants that stay: 1"):
        assert said in page.text
    assert [(await state(firm, grant))["status"] for grant in (kept, lost)] == ["effective", "effective"]
    assert (await visitor.submit(page.form)).status == 200
    assert (await state(firm, kept))["status"] == "effective"
    assert (await firm.app.call("GET", f"/api/interface-grants/{lost['id']}", firm.token)).status == 404


async def test_a_grant_that_is_asked_for_after_the_preview_is_not_withdrawn_unseen(firm, visitor):
    document = titled()
    await visitor.submit((await previewed(visitor, text=json.dumps(document))).form)
    paths = {"/orders": {"get": operation("listOrders")}}
    page = await previewed(visitor, text=json.dumps({**document, "paths": paths}), mode="overwrite")
    _, goes = await rows_in(firm, document)
    [grant] = await approved(firm, goes)
    async with unchanged(firm.app):
        answer = await visitor.submit(page.form)
    assert answer.status == 409
    assert "Grants to be withdrawn: 1." in answer.text
    assert (await state(firm, grant))["status"] == "effective"


async def test_the_identifier_of_the_resource_can_be_given(firm, visitor):
    document = openapi(ORDERS, title="订单")
    async with unchanged(firm.app):
        answer = await previewed(visitor, text=json.dumps(document))
        assert answer.status == 400
        assert "The document makes no identifier. Give one." in answer.text
        assert json.loads(answer.form.fields["text"]) == document, "it stays to be sent again"
        answer = await previewed(visitor, text=json.dumps(document), resource="9 orders")
        assert answer.status == 400
        assert "a letter first" in answer.text
    identifier = f"orders_{uuid4().hex}"
    page = await visitor.submit(answer.form, resource=f" {identifier} ")
    assert identifier in page.text
    assert (await visitor.submit(page.form)).status == 200
    found = await firm.app.call("GET", "/api/api-resources", firm.token, params={"search": identifier})
    assert [one["name"] for one in found.json["items"]] == ["订单"]
    assert (await visitor.open(IMPORT, resource=identifier)).form.fields["resource"] == identifier


async def test_another_document_at_the_address_is_shown_instead_of_imported(firm, visitor, machine):
    document = titled()
    url = machine.url(document)
    page = await previewed(visitor, url=url, mode="overwrite")
    machine.instead(url, {**document, "paths": MORE})
    async with unchanged(firm.app):
        answer = await visitor.submit(page.form)
    assert answer.status == 409
    assert "The document at the address is another one by now" in answer.text
    assert ("added", "myOrders") in rows_of(answer)
    assert (await visitor.submit(answer.form)).status == 200
    assert "myOrders" in await interfaces_of(firm, document)


async def test_what_would_do_something_else_by_now_is_shown_instead_of_done(firm, visitor):
    document = titled()
    await visitor.submit((await previewed(visitor, text=json.dumps(document))).form)
    page = await previewed(visitor, text=json.dumps({**document, "paths": MORE}), mode="overwrite")
    await firm.app.interface(await resource_of(firm, document), firm.token, identifier="byHand")
    async with unchanged(firm.app):
        answer = await visitor.submit(page.form)
    assert answer.status == 409
    assert "has changed since you looked" in answer.text
    assert rows_of(answer)[0] == ("deleted", "byHand")
    assert (await visitor.submit(answer.form)).status == 200
    assert "byHand" not in await interfaces_of(firm, document)


async def test_of_two_who_confirm_at_once_one_does(firm, visitor):
    document = titled()
    form = (await previewed(visitor, text=json.dumps(document))).form
    answers = await asyncio.gather(visitor.submit(form), visitor.submit(form))
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert await interfaces_of(firm, document) == ["listOrders", "createOrder"]


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("nonsense", "document", "by which standard"),
        ('{"openapi": "3.0.3"', "document", "not valid JSON"),
        (json.dumps({**openapi(), "info": {"version": "1"}}), "info", "title"),
    ],
)
async def test_what_is_wrong_with_a_document_is_told_with_its_place(firm, visitor, text, place, told):
    async with unchanged(firm.app):
        answer = await previewed(visitor, text=text)
    assert answer.status == 400
    assert "The document cannot be imported." in answer.text
    assert f"<code>{place}" in answer.text
    assert told in answer.text
    assert answer.form.fields["text"] == text


async def test_a_file_that_is_no_text_is_told_of(firm, visitor):
    async with unchanged(firm.app):
        answer = await previewed(visitor, file=b'{"swagger": "2.0\xff"}')
        assert answer.status == 400
        assert "It is not in UTF-8" in answer.text


async def test_exactly_one_document_is_asked_for(firm, visitor, machine):
    text = json.dumps(openapi())
    async with unchanged(firm.app):
        for given in ({}, {"url": "  ", "text": "\n", "file": b""}):
            answer = await previewed(visitor, **given)
            assert (answer.status, "Give an address, a file or a text." in answer.text) == (400, True)
        url = machine.url(openapi())
        for given in ({"url": url, "text": text}, {"file": text.encode(), "text": text}):
            answer = await previewed(visitor, **given)
            assert (answer.status, "only one of these" in answer.text) == (400, True)
        assert (await previewed(visitor, text=text, mode="x")).status == 400


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://10.0.0.1/openapi.json", "may not be called from here"),
        ("ftp://example.com/openapi.json", "may not be called from here"),
        ("x", "may not be called from here"),
        ("missing", "has the status 500"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_beside_its_field(firm, visitor, machine, url, told):
    url = str(machine.server.make_url("/nothing")) if url == "missing" else url
    async with unchanged(firm.app):
        answer = await previewed(visitor, url=url)
    assert answer.status == 400
    assert "The document could not be fetched." in answer.text
    assert told in answer.text
    assert answer.page.one("input", name="url")["value"] == url


async def test_whoever_has_enough_documents_under_way_is_told_to_wait(firm, visitor, monkeypatch):
    monkeypatch.setattr(documents, "SHARE", 0)
    document = titled()
    answer = await previewed(visitor, text=text_of(document).decode())
    assert answer.status == 429
    assert "Other documents of your organization are being read." in answer.text
    assert await resource_of(firm, document) is None


async def test_a_long_report_is_cut_and_says_so(visitor, monkeypatch):
    monkeypatch.setattr(interface_report, "SHOWN", 1)
    page = await previewed(visitor, text=json.dumps(titled(MORE)))
    assert len(rows_of(page)) == 1
    assert "And 2 more." in page.text


async def test_a_document_may_be_as_large_as_its_limit_and_no_larger(firm, visitor):
    document = titled()
    text = text_of(document)
    form = (await visitor.open(IMPORT)).form
    del form.fields["file"]

    async def sent(size: int) -> Answer:
        data = parts_of(form.fields)
        data.add_field("file", io.BytesIO(text + b" " * (size - len(text))), filename="large.json")
        return await visitor.send("POST", form.action, data=data, headers={"Origin": visitor.issuer})

    assert (await sent(LIMIT)).status == 200
    async with unchanged(firm.app):
        answer = await sent(LIMIT + 1)
        assert (answer.status, "It is larger than 5 MiB" in answer.text) == (400, True)
        answer = await sent(2 * LIMIT)
        assert (answer.status, answer.title) == (413, "We cannot go on from here")


def packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(raw)).decode()


async def test_a_packed_document_that_is_none_of_ours_is_refused(firm, visitor):
    page = await previewed(visitor, text=json.dumps(titled()))
    whole = page.form.fields["document"]
    async with unchanged(firm.app):
        for odd in ("", "x", "é", whole[:-8], packed(b" " * (LIMIT + 1)), packed(b" " * 300 * 1024 * 1024)):
            answer = await visitor.submit(page.form, document=odd)
            assert (answer.status, answer.title) == (400, "We cannot go on from here"), odd[:20]
        other = packed(text_of(titled(MORE)))
        assert (await visitor.submit(page.form, document=other)).status == 409
        for name, value in (("digest", ""), ("expected", "x"), ("mode", "overwrite")):
            assert (await visitor.submit(page.form, **{name: value})).status == 409, name
        for name, value in (("mode", "x"), ("resource", "9")):
            assert (await visitor.submit(page.form, **{name: value})).status == 400, name


async def test_a_document_cannot_speak_for_the_page(visitor):
    paths = {"/orders": {"get": operation("listOrders", summary="<script>alert(1)</script>")}}
    document = titled(paths, **{"x-app-key": f"orders_{uuid4().hex}"})
    document["info"]["title"] = "<script>alert(2)</script>{{7*7}}"
    page = await previewed(visitor, text=json.dumps(document))
    assert page.status == 200
    assert not page.page.all("script")
    assert not (await visitor.submit(page.form)).page.all("script")


async def test_only_forms_that_this_session_was_shown_are_taken(app, firm, visitor):
    text = json.dumps(titled())
    form = (await visitor.open(IMPORT)).form
    form.fields["text"] = text
    forms = [form, (await previewed(visitor, text=text)).form]
    attacker = await firm.signed_in(await firm.administrator("read_api", "write_api"))
    theirs = [(await attacker.open(IMPORT)).form, (await previewed(attacker, text=text)).form]
    for own, other in zip(forms, theirs, strict=True):
        for token in ("", "x", "é", own.fields["csrf"][:-1], other.fields["csrf"]):
            await refused(app, visitor, own, csrf=token)
        for headers in ELSEWHERE:
            await refused(app, visitor, own, headers)
    await refused(app, visitor, forms[0], csrf=forms[1].fields["csrf"])
    await refused(app, visitor, forms[1], csrf=forms[0].fields["csrf"])


async def test_nothing_is_read_of_whoever_may_not_import(app, firm):
    sees = await firm.signed_in(await firm.administrator("read_api"))
    nobody = Visitor(app)
    async with unchanged(app):
        for path in (f"{IMPORT}?organization={firm.organization}", f"{CONFIRM}?organization={firm.organization}"):
            for data in (b"x", b" " * 1000):
                answer = await sees.send("POST", path, data=data)
                assert (answer.status, answer.title) == (403, "This is not for you")
                answer = await nobody.send("POST", path, data=data)
                assert answer.next == f"/login?organization={firm.organization}&console=yes"


async def test_what_cannot_be_read_is_told_by_a_page_and_changes_nothing(app, visitor):
    token = (await visitor.open(IMPORT)).form.fields["csrf"]
    joint = {"Content-Type": "multipart/form-data; boundary=b"}
    async with unchanged(app):
        for path in (IMPORT, CONFIRM):
            for status, more in (
                (415, {"data": f"csrf={token}", "headers": FORM_TYPE}),
                (415, {"json": {"csrf": token}}),
                (415, {"data": b"--b--", "headers": {**joint, "Content-Encoding": "gzip"}}),
                (400, {"data": b"", "headers": joint}),
                (400, {"data": b"--b\r\n", "headers": joint}),
                (400, {"data": b"--b--", "headers": {"Content-Type": "multipart/form-data"}}),
            ):
                answer = await visitor.send("POST", path, **more)
                assert (answer.status, answer.title) == (status, "We cannot go on from here"), more


async def test_imports_stay_within_the_organization(app, firm, visitor):
    document = titled()
    others = await a_firm(app, "Others")
    stranger = await others.signed_in(await others.administrator("read_api", "write_api"))
    for who in (visitor, stranger):
        page = await previewed(who, text=json.dumps(document))
        assert "It is new" in page.text
        assert (await who.submit(page.form)).status == 200
    for each in (firm, others):
        assert await interfaces_of(each, document) == ["listOrders", "createOrder"]


async def test_what_was_imported_is_theirs_in_the_log(app, firm):
    administrator = await firm.administrator("read_api", "write_api")
    visitor = await firm.signed_in(administrator)
    await visitor.submit((await previewed(visitor, text=json.dumps(titled()))).form)
    made = [event for event in await app.events(limit=20) if event["topic"] == "interface.created"][:2]
    assert {(event["actor"], event["client"]) for event in made} == {(administrator.id, None)}
