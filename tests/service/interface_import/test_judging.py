"""Documents are judged by the standard that they name, told what is wrong with them, and never followed elsewhere."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest

from service.interface_import import judging
from service.interface_import.faults import FAULT_LIMIT, Unusable
from tests.service.interface_import.given import PATHS, openapi, operation, parameters, swagger

ELSEWHERE = ["http://127.0.0.1:9/x.json", "https://a.test/x#/y", "file:///etc/passwd", "other.json#/a", "Pet", ""]


def judged(document: Any) -> None:
    judging.judge(document, judging.version(document))


def faults(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(Unusable) as refused:
        judged(document)
    return [tuple(fault) for fault in refused.value.faults]


def with_schema(schema: Any, version: str = "3.0.3") -> Any:
    content = {"application/json": {"schema": schema}}
    return openapi({"/a": {"post": operation("a", requestBody={"content": content})}}, version=version)


@pytest.mark.parametrize(
    ("document", "standard"),
    [
        (swagger(), "Swagger 2.0"),
        (openapi(version="3.0.0"), "OpenAPI 3.0"),
        (openapi(version="3.0.4"), "OpenAPI 3.0"),
        (openapi(version="3.1.0"), "OpenAPI 3.1"),
    ],
)
def test_each_standard_is_judged_by_its_own_rules(document: Any, standard: str) -> None:
    assert judging.version(document) == standard
    judged(document)


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"swagger": "1.2"},
        {"swagger": 2.0},
        {"openapi": "3.2.0"},
        {"openapi": "2.0"},
        {"openapi": 3.1},
        {"openapi": "3.1"},
    ],
)
def test_another_standard_is_refused(stated: dict[str, Any]) -> None:
    rest = {"info": {"title": "a", "version": "1"}, "paths": PATHS}
    [(place, message)] = faults({**stated, **rest})
    assert (place, "swagger" in message, "openapi" in message) == ("document", True, True)


def test_faults_are_told_with_their_places() -> None:
    [(place, message)] = faults(openapi({"/a": {"get": {"responses": {"200": {}}}}}))
    assert place == "paths./a.get.responses.200"
    assert "'description' is a required property" in message
    assert faults(openapi({"/a": {"get": operation(parameters=[{"name": "x", "in": "body"}])}}))[0][0].startswith(
        "paths./a.get.parameters.0"
    )
    assert ("info", "'version' is a required property") in faults({**swagger(), "info": {"title": "a"}})
    assert "was not resolved" in faults(openapi({"/a/{b}": {"get": operation()}}))[0][1]
    twice = openapi({"/a": {"get": operation("same")}, "/b": {"get": operation("same")}})
    assert "is not unique" in faults(twice)[0][1]


def test_not_more_faults_are_told_than_people_read() -> None:
    paths = {f"/{number}": {"get": {"responses": {"200": {}}}} for number in range(100)}
    assert len(faults(openapi(paths))) == FAULT_LIMIT
    assert all(len(message) <= 300 for _, message in faults(openapi({"/a": {"get": "x" * 10_000}})))


@pytest.mark.parametrize("reference", ELSEWHERE)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_reference_to_another_document_is_refused(reference: str, version: str) -> None:
    [(place, message)] = faults(with_schema({"$ref": reference}, version))
    assert place == "paths./a.post.requestBody.content.application/json.schema"
    assert "nothing is fetched" in message


@pytest.mark.parametrize("schema", [
    {"properties": {"default": {"$ref": "http://127.0.0.1:9/x"}}},
    {"properties": {"example": {"$ref": "http://127.0.0.1:9/x"}}},
    {"$id": "http://127.0.0.1:9/x", "allOf": [{"$ref": "#/y"}]},
    {"$id": "http://127.0.0.1:9/x", "$ref": "#/components/schemas/A"},
])  # fmt: skip
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_reference_that_hides_is_not_followed(monkeypatch: pytest.MonkeyPatch, schema: Any, version: str) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *names, **_: asked.append(names))
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    parameter = {"name": "x", "in": "query", "schema": schema}
    document = openapi({"/a": {"get": operation("a", parameters=[parameter])}}, version=version)
    with suppress(Unusable):
        judged({**document, "components": {"schemas": {"A": {"type": "string"}, "B": schema}}})
    assert asked == []


def test_a_reference_in_a_property_that_is_called_as_examples_are_is_refused() -> None:
    schema = {"properties": {"default": {"$ref": "http://127.0.0.1:9/x"}}}
    [(_, message)] = faults({**openapi(), "components": {"schemas": {"A": schema}}})
    assert "http://127.0.0.1:9/x" in message


def test_an_example_may_look_like_a_reference() -> None:
    judged(with_schema({"type": "object", "example": {"$ref": "http://a.test/x"}}))


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/components/schemas/Nothing"}, {"$ref": "#/components/schemas/Self"}, {"$ref": "#/nowhere/at/all"}],
)
def test_a_reference_that_leads_nowhere_is_told_of(schema: Any) -> None:
    components = {"schemas": {"Self": {"$ref": "#/components/schemas/Self"}}}
    [(_, message)] = faults({**with_schema(schema), "components": components})
    assert "reference" in message


def test_what_refers_to_itself_as_trees_do_is_valid() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/T"}}},
    }
    judged({**with_schema({"$ref": "#/components/schemas/T"}), "components": {"schemas": {"T": tree}}})


@pytest.mark.parametrize("document", [
    {**openapi(), "components": {"schemas": {"A": {"type": "string", "pattern": "(", "default": "a"}}}},
    {**openapi(version="3.1.0"), "jsonSchemaDialect": "http://127.0.0.1:9/x", "components": {"schemas": {"A": {}}}},
    openapi({"/a/{": {"get": operation()}}),
    openapi({"/a/{b}": {"get": operation(parameters=[{"$ref": "#/info"}])}}),
    {**openapi(), "tags": [{"name": "a"}, {"name": "a"}]},
])  # fmt: skip
def test_whatever_the_validator_stumbles_over_is_a_fault_of_the_document(document: Any) -> None:
    assert faults(document)


def test_a_path_with_parameters_is_valid_where_they_are_declared() -> None:
    judged(openapi({"/a/{b}": {"parameters": parameters("b"), "get": operation()}}))
    judged(swagger({"/a/{b}": {"parameters": parameters("b", schema=False), "get": operation()}}))
