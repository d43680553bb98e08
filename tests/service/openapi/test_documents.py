"""The documents are valid, whole and true to what is mounted; each tells what it is for and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from domain.permissions import PERMISSIONS
from service.doors import DOORS
from service.http.app import build, document
from service.http.group import Group
from service.http.request import DECISIONS
from service.openapi.documents import ADMINISTRATION, CONTENTS, PUBLIC, SERVER_TO_SERVER
from service.openapi.operations import path_of
from service.openapi.permissions import DESCRIPTIONS
from tests.service.openapi.operations import Operation, every, told

EVERY_DOCUMENT = pytest.mark.parametrize("contents", CONTENTS, ids=lambda contents: contents.path)


def names(contents):
    return [f"{method.upper()} {path}" for path, item in told(contents)["paths"].items() for method in item]


def of_group(group):
    return {f"{route.method} {path_of(route.path)}" for door in DOORS if door.GROUP is group for route in door.routes}


@EVERY_DOCUMENT
def test_a_document_is_valid_openapi(contents):
    assert told(contents)["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(told(contents)).validate()


@EVERY_DOCUMENT
def test_a_document_refers_to_nothing_that_it_does_not_hold_and_holds_nothing_unused(contents):
    text = json.dumps(told(contents))
    referred = {tuple(ref.split("/")) for ref in re.findall(r'"#/components/([^"]+)"', text)}
    for kind, name in referred:
        assert name in told(contents)["components"][kind]
    assert {("schemas", name) for name in told(contents)["components"]["schemas"]} <= referred


@EVERY_DOCUMENT
def test_operations_are_named_once(contents):
    ids = [operation["operationId"] for item in told(contents)["paths"].values() for operation in item.values()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in ids)


def test_one_id_is_one_operation_in_all_documents():
    ids = [operation.declared["operationId"] for operation in every().values()]
    assert len(set(ids)) == len(ids)


def test_everything_that_is_served_is_in_a_document():
    # What answers every method alike is told of as a GET.
    served = {
        f"{route.method.replace('*', 'GET')} {path_of(route.resource.canonical)}"
        for route in build(None).router.routes()
    }
    # Browsers alone ask for OPTIONS (service/http/cors.py), and a GET answers HEAD.
    assert {name for name in served if not name.startswith(("HEAD ", "OPTIONS "))} == set(every())


def test_i3_back_end_administration_is_in_a_document_of_its_own():
    assert set(names(ADMINISTRATION)) == of_group(Group.ADMINISTRATION)
    assert not set(names(ADMINISTRATION)) & set(names(PUBLIC))
    assert set(names(ADMINISTRATION)) | set(names(PUBLIC)) == set(every())


def test_m18_the_server_to_server_door_has_a_document_of_its_own():
    assert SERVER_TO_SERVER.path == "/api/v1/swagger"
    documented = set(names(SERVER_TO_SERVER))
    assert of_group(Group.SERVER_TO_SERVER) <= documented <= set(names(PUBLIC))
    assert "POST /oauth2/v1/token" in documented


def test_m11_every_operation_names_the_scopes_that_it_needs():
    for door in DOORS:
        for route in door.routes:
            operation = every()[f"{route.method} {path_of(route.path)}"]
            assert operation.scopes == route.permission.split()
            for scope in operation.scopes:
                assert f"`{scope}`" in operation.declared["description"]


@EVERY_DOCUMENT
def test_every_scope_is_a_permission_with_a_description(contents):
    schemes = told(contents)["components"]["securitySchemes"]
    scopes = schemes["token"]["flows"]["clientCredentials"]["scopes"]
    assert list(scopes) == list(PERMISSIONS) == list(DESCRIPTIONS)
    for item in told(contents)["paths"].values():
        for operation in item.values():
            for requirement in operation["security"]:
                assert requirement.keys() <= schemes.keys()
                assert set(requirement.get("token", ())) <= set(scopes)


@EVERY_DOCUMENT
def test_the_server_is_the_issuer(contents):
    made = document(contents, "https://auth.example.com/base")
    assert made["servers"] == [{"url": "https://auth.example.com/base"}]
    token = made["components"]["securitySchemes"]["token"]["flows"]["clientCredentials"]["tokenUrl"]
    assert token == "https://auth.example.com/base/oauth2/v1/token"


@pytest.mark.parametrize("operation", every().values(), ids=lambda operation: operation.name)
def test_every_operation_says_what_it_answers_and_refuses(operation: Operation):
    declared = operation.declared
    assert declared["summary"]
    responses = declared["responses"]
    assert [status for status in responses if status.startswith(("2", "303"))]
    for status, response in responses.items():
        assert response["description"], status
        assert "X-Request-Id" in response["headers"]
        assert ("content" in response) or status in {"200", "204", "303", "304"}, status
    if operation.scopes is not None:
        assert {"400", "401", "429", "500", "503"} <= set(responses)
        assert "{" not in operation.path or "404" in responses or operation.method == "DELETE"
        assert "WWW-Authenticate" in responses["401"]["headers"]
        assert "Retry-After" in responses["429"]["headers"]
        parameters = {one.get("$ref", "").rsplit("/", 1)[-1] for one in declared["parameters"]}
        assert "Muniment-At-Least" in parameters
        assert ("Idempotency-Key" in parameters) == operation.changes
        if operation.changes:
            assert "422" in responses
            assert "409" in responses
            success = next(response for status, response in responses.items() if status.startswith("2"))
            assert "Muniment-Position" in success["headers"]
    if "requestBody" in declared:
        assert {"408", "413"} <= set(responses)
        assert "415" in responses or operation.path.startswith(DECISIONS)  # AuthZEN knows no such status


@EVERY_DOCUMENT
def test_a_document_cites_nothing_that_its_readers_do_not_have(contents):
    text = json.dumps(told(contents))
    assert "spec/" not in text
    assert not re.search(r"\(M\d+\b", text)


def test_parameters_of_a_path_are_declared():
    for operation in every().values():
        declared = {one["name"] for one in operation.declared["parameters"] if one.get("in") == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", operation.path))
