"""Where operations are: the base addresses of both standards, and paths as templates."""

from __future__ import annotations

from typing import Any

import pytest

from domain.api_resource import ApiResource
from service.interface_import import addresses


@pytest.mark.parametrize(
    ("document", "address"),
    [
        ({}, ""),
        ({"basePath": "/v2"}, "/v2"),
        ({"host": "a.test", "basePath": "/v2"}, "https://a.test/v2"),
        ({"host": "a.test:8080", "schemes": ["http"]}, "http://a.test:8080"),
        ({"host": "a.test", "schemes": ["http", "https"]}, "https://a.test"),
    ],
)
def test_a_swagger_document_has_one_base_address(document: dict[str, Any], address: str) -> None:
    assert addresses.of_swagger(document) == address


def test_the_first_server_of_the_innermost_level_counts() -> None:
    outer, inner = {"servers": [{"url": "/outer"}, {"url": "/second"}]}, {"servers": [{"url": "/inner"}]}
    assert addresses.of_servers({}, inner, outer) == "/inner"
    assert addresses.of_servers({}, {"servers": []}, outer) == "/outer"
    assert addresses.of_servers({}, {}) == ""


def test_the_variables_of_a_server_have_their_defaults() -> None:
    variables = {"host": {"default": "a.test"}, "version": {"default": "v1", "enum": ["v1", "v2"]}}
    server = {"url": "https://{host}/{version}/{other}", "variables": variables}
    assert addresses.of_servers({"servers": [server]}) == "https://a.test/v1/"


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("", ""),
        ("/", ""),
        ("/v1/", "/v1"),
        ("v1", "/v1"),
        ("https://a.test", ""),
        ("https://a.test/", ""),
        ("https://a.test/api/v1?x=1#y", "/api/v1"),
        ("//a.test/v1", "/v1"),
        ("https://[::1", ""),
    ],
)
def test_of_a_base_address_the_path_is_taken(address: str, path: str) -> None:
    assert addresses.base_path(address) == path


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/v1",
        "ftp://a.test",
        "https://a.test:0/",
        "https://a.test:65536",
        "https://user@a.test",
        "https://a b",
        "https://",
    ],
)
def test_an_address_that_is_not_plain_is_not_for_people(address: str) -> None:
    assert addresses.for_people(address) is None


@pytest.mark.parametrize("address", ["https://a.test", "http://a.test:65535/v1/", "https://a-b.test/x.y_z~"])
def test_an_address_for_people_is_one_that_a_resource_takes(address: str, clock: Any, by: Any) -> None:
    assert addresses.for_people(address) == address
    made = ApiResource.create(
        id=clock.new_id(), organization=by.organization, identifier="a", name="A", uri=address, by=by, now=clock.now()
    )
    assert made.uri == address


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/orders/{id}", "/orders/{id}"),
        ("/orders/{order id}/x", "/orders/{order_id}/x"),
        ("/orders/{订单}", "/orders/{__}"),
        ("/orders/{2}", "/orders/{_2}"),
        ("/orders/{" + "x" * 100 + "}", "/orders/{" + "x" * 64 + "}"),
        ("/a/", "/a/"),
        ("/a:run", "/a:run"),
        ("/a/{b}.json", None),
        ("/a/{b}-{c}", None),
        ("/a/{}", None),
        ("/a?x=1", None),
        ("/a//b", None),
        ("/a/../b", None),
        ("/" + "x" * 512, None),
    ],
)
def test_a_path_is_a_template_where_each_parameter_is_a_segment(path: str, template: str | None) -> None:
    assert addresses.template(path) == template
