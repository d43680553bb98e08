"""What is read of a valid document: the API resource that it names, and an interface for each operation."""

from __future__ import annotations

from typing import Any

import pytest

from service.interface_import import judging, reading
from service.interface_import.faults import Unusable
from service.interface_import.imported import ImportedDocument, LeftOut, Operation
from tests.service.interface_import.given import PATHS, openapi, operation, parameters, swagger


def read(document: Any) -> ImportedDocument:
    standard = judging.version(document)
    judging.judge(document, standard)
    return reading.document(document, standard)


def refused(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(Unusable) as unusable:
        read(document)
    return [tuple(fault) for fault in unusable.value.faults]


def test_each_operation_becomes_an_interface() -> None:
    assert read(openapi()).operations == (
        Operation("listOrders", "List orders", "GET", "/orders", None),
        Operation("createOrder", "createOrder", "POST", "/orders", None),
        Operation("readOrder", "readOrder", "GET", "/orders/{id}", None),
    )


def test_the_document_names_the_resource() -> None:
    info = {"title": "Order Service", "version": "1", "description": "Orders\n  and more"}
    found = read({**openapi(servers=[{"url": "https://orders.test/v1"}]), "info": info})
    assert (found.identifier, found.name, found.description) == ("order-service", "Order Service", "Orders and more")
    assert (found.uri, found.version) == ("https://orders.test/v1", "OpenAPI 3.0")


def test_an_app_key_goes_before_the_title() -> None:
    assert read(openapi(**{"x-app-key": "ibps-business-provider"})).identifier == "ibps-business-provider"
    info = {"title": "订单服务", "version": "1", "x-app-key": "orders"}
    assert (read({**swagger(), "info": info}).identifier, read({**swagger(), "info": info}).name) == (
        "orders",
        "订单服务",
    )
    for key in ("", "9", "a b", 7, "x" * 129):
        assert refused(openapi(**{"x-app-key": key}))[0][0] == "x-app-key"


def test_a_title_in_other_letters_makes_no_identifier() -> None:
    assert read(openapi(title="订单服务")).identifier is None


def test_addresses_begin_with_the_base_path() -> None:
    def paths(document: Any) -> list[str]:
        return [one.path for one in read(document).operations]

    assert paths(swagger(basePath="/v2/", host="orders.test")) == ["/v2/orders"]
    assert paths(openapi(servers=[{"url": "https://orders.test/api/"}]))[0] == "/api/orders"
    nearer = {"/a": {"servers": [{"url": "/x"}], "get": operation(), "post": operation(servers=[{"url": "/y"}])}}
    assert paths(openapi(nearer, servers=[{"url": "/z"}])) == ["/x/a", "/y/a"]


def test_what_can_be_no_interface_is_left_out_and_told_of() -> None:
    found = read(
        openapi(
            {
                "/a": {"get": operation("a"), "trace": operation("t")},
                "/a.{format}": {"get": operation("f", parameters=parameters("format"))},
            }
        )
    )
    assert [one.identifier for one in found.operations] == ["a"]
    assert found.left_out == (LeftOut("t", "TRACE", "/a", "method"), LeftOut("f", "GET", "/a.{format}", "path"))


def test_a_path_item_may_stand_elsewhere_in_the_document() -> None:
    shared = {"get": operation("shared"), "parameters": parameters("id")}
    document = openapi(
        {"/a/{id}": {"$ref": "#/components/pathItems/a"}},
        version="3.1.0",
        components={"pathItems": {"a": {"$ref": "#/x-kept/in~1here~0/1"}}},
        **{"x-kept": {"in/here~": [{}, shared]}},
    )
    assert [(one.identifier, one.path) for one in read(document).operations] == [("shared", "/a/{id}")]


@pytest.mark.parametrize("reference", ["#/components/pathItems/a", "#/info/title", "#/nowhere"])
def test_a_path_item_that_leads_nowhere_is_refused(reference: str) -> None:
    items = {"pathItems": {"a": {"$ref": "#/components/pathItems/a"}}}
    assert refused(openapi({"/a": {"$ref": reference}}, version="3.1.0", components=items))


def test_extensions_among_the_paths_are_no_paths() -> None:
    assert len(read(openapi({**PATHS, "x-internal": {"get": "anything"}})).operations) == 3


def test_texts_are_brought_to_one_line_and_to_their_limits() -> None:
    told = operation("a", summary="Many\twords\x00\u202e" + "x" * 200, description=" \n" + "é" * 2000)
    [one] = read(openapi({"/a": {"get": told}})).operations
    assert one.name.startswith("Many words xxx")
    assert len(one.name) == 128
    assert one.description is not None
    assert (len(one.description), one.description[0], one.description[-1]) == (1000, "é", "…")
    [other] = read(openapi({"/a": {"get": operation(summary=" ", description=" ")}})).operations
    assert (other.name, other.description) == ("GET /a", None)


def test_operations_that_would_be_one_interface_are_refused_both_named() -> None:
    same = openapi({"/a": {"get": operation("read")}, "/b": {"get": operation("READ")}})
    assert refused(same) == [("paths./b.get", "It would be READ, as GET /a would")]
    alike = openapi(
        {
            "/a/{x}": {"get": operation(parameters=parameters("x"))},
            "/a/{y}": {"get": operation(parameters=parameters("y"))},
        }
    )
    assert refused(alike) == [("paths./a/{y}.get", "It answers the same calls as GET /a/{x}")]
    unnamed = openapi({"/a/b": {"get": operation()}, "/a/{b}": {"get": operation(parameters=parameters("b"))}})
    assert refused(unnamed) == [("paths./a/{b}.get", "It would be get_a_b, as GET /a/b would")]


def test_a_document_without_operations_would_delete_everything_and_is_refused() -> None:
    for paths in ({"/a": {}}, {"/a": {"trace": operation()}}):
        assert refused(openapi(paths)) == [("paths", "There are no operations that can be imported")]
    empty = openapi(version="3.1.0", components={})
    del empty["paths"]
    assert refused(empty)[0][0] == "paths"


def test_there_are_not_more_operations_than_a_resource_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "OPERATION_LIMIT", 3)
    assert len(read(openapi()).operations) == 3
    monkeypatch.setattr(reading, "OPERATION_LIMIT", 2)
    assert refused(openapi()) == [("paths", "There are more than 2 operations")]


def test_documents_that_are_imported_alike_have_one_digest() -> None:
    one = read(openapi())
    reordered = {name: openapi()[name] for name in reversed(openapi())}
    assert read({**reordered, "tags": [{"name": "orders"}]}).digest == one.digest
    assert read(openapi(servers=[{"url": "/v1"}])).digest != one.digest
