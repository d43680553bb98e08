"""How declarations become operations, on doors made for it; and that what differs from a document is noticed."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

import pydantic
import pytest
from aiohttp import web

from domain.refusals import Invalid, NameTaken, UnknownRole
from service.http.document import Document, Output
from service.http.door import Door, Refused
from service.http.group import Group
from service.http.input import Id, Input
from service.http.paging import Listed, Whole
from service.openapi.documents import Contents, made
from service.openapi.refusals import of_route
from service.openapi.schemas import Schemas
from tests.service.openapi.operations import every

ALL = Contents("/all.json", "All", "Everything.", frozenset(Group))
ISSUER = "https://auth.example.com"


class Thing(Output):
    """A thing (spec/README.md 1)."""

    id: Id
    name: str | None
    kind: Literal["a", "b"]


class Body(Input):
    """A new thing."""

    name: str
    note: str | None = None


class Change(Input):
    """What is to be different."""

    name: Annotated[str, pydantic.Field(min_length=1)] = ""


class Query(Input):
    """Which things."""

    after: Id | None = None
    kind: Literal["a", "b"] | None = None
    exact: int = 1


class Plain(Door):
    """A dialect of plain text, where what is forbidden is a bad request and a missing scope no authentication."""

    REFUSAL: ClassVar = None

    def refuse(self, status, code, sentence, *, errors=None, headers=None):
        return web.Response(text=f"no: {sentence}", status=400 if status == 409 else status, headers=headers)

    def permit(self, route, authenticated):
        raise Refused(401, "insufficient_scope", "No", headers={"WWW-Authenticate": "Bearer"})


def declared(door, method="GET", path="/things/{thing_id:[a-z]+}/{word}", **more):
    async def handle(call): ...

    handle.__module__ = __name__
    door.route(method, path, permission="read_role write_role", summary="Do", **more)(handle)
    [operation] = next(iter(made(ALL, [door], [], ISSUER)["paths"].values())).values()
    return operation


def statuses(operation):
    return set(operation["responses"])


def codes(operation, status):
    [content] = operation["responses"][status]["content"].values()
    return content["schema"]["properties"]["code"]["enum"]


def test_a_read_declares_its_parameters_and_nothing_that_only_changes_need():
    operation = declared(Door("d"), query=Query, answer=Listed[Thing], refuses=(UnknownRole,))
    [thing, word, after, kind, exact, position] = operation["parameters"]
    assert (thing["name"], thing["schema"]["format"]) == ("thing_id", "uuid")
    assert (word["name"], word["schema"]) == ("word", {"type": "string"})
    assert after["schema"] == {"type": "string", "format": "uuid"}
    assert kind["schema"] == {"type": "string", "enum": ["a", "b"]}
    assert exact["schema"] == {"type": "integer", "default": 1}
    assert position == {"$ref": "#/components/parameters/Muniment-At-Least"}
    assert operation["operationId"] == "get_things_thing_id_word"
    assert operation["security"] == [{"token": ["read_role", "write_role"]}]
    assert operation["description"] == "Needs `read_role` and `write_role`."
    assert statuses(operation) == {"200", "400", "401", "403", "404", "429", "500", "503"}
    assert codes(operation, "404") == ["unknown_role"]
    assert codes(operation, "403") == ["insufficient_scope"]


def test_a_word_among_the_parameters_is_no_id():
    operation = declared(Door("d"), path="/things/{thing_id}", words=("thing_id",))
    assert operation["parameters"][0]["schema"] == {"type": "string"}


def test_a_change_declares_what_it_is_made_with_and_what_it_can_meet():
    operation = declared(Door("d"), "POST", "/things", body=Body, answer=Thing, status=201, refuses=(NameTaken,))
    assert statuses(operation) == {
        "201", "400", "401", "403", "408", "409", "413", "415", "422", "429", "500", "503",
    }  # fmt: skip
    assert codes(operation, "409") == ["conflict", "name_taken"]
    assert operation["requestBody"]["required"]
    headers = operation["responses"]["201"]["headers"]
    assert headers["Muniment-Position"] == {"$ref": "#/components/headers/Muniment-Position"}
    assert headers["Idempotency-Replayed"] == {"$ref": "#/components/headers/Idempotency-Replayed-Perhaps"}
    assert operation["responses"]["201"]["description"] == "A thing."


def test_a_body_that_requires_nothing_may_be_left_out():
    assert not declared(Door("d"), "POST", "/things", body=Change, status=204)["requestBody"]["required"]


def test_only_private_back_ends_are_told_that_they_alone_may():
    operation = declared(Door("d"), machines_only=True)
    assert operation["description"].endswith("For a private back end's own token.")
    assert codes(operation, "403") == ["insufficient_scope", "wrong_client_kind"]


def test_what_is_left_out_of_a_change_has_no_default():
    schemas = Schemas()
    schemas.of(Change, "things", partial=True)
    assert schemas.collected["things.Change"]["properties"]["name"] == {"type": "string", "minLength": 1}
    schemas.of(Body, "things")
    assert schemas.collected["things.Body"]["properties"]["note"]["default"] is None


def test_two_shapes_of_one_name_under_one_heading_are_refused():
    schemas = Schemas()
    schemas.of(Thing, "things")
    schemas.of(Thing, "things")
    with pytest.raises(TypeError):
        schemas.of(pydantic.create_model("Thing", __base__=Output), "things")


def test_a_list_is_named_after_what_it_lists():
    assert (Listed[Thing].__name__, Whole[Thing].__name__) == ("ListedThing", "WholeThing")


def test_a_door_of_another_dialect_tells_its_own_statuses_and_types():
    door = Plain("d")
    operation = declared(door, "POST", "/things", status=204, refuses=(NameTaken, Invalid))
    assert "409" not in operation["responses"]
    assert "403" not in operation["responses"]
    assert operation["responses"]["400"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert "- `name_taken`: no: The name is taken" in operation["responses"]["400"]["description"]
    told = {refusal.code: refusal for refusal in of_route(door, door.routes[0])}
    assert told["insufficient_scope"].status == 401
    assert told["insufficient_scope"].headers == {"WWW-Authenticate"}
    assert told["too_many_requests"].headers == {"Retry-After"}


def test_a_document_is_written_alike_from_row_and_aggregate():
    class Kept:
        id, title, letters = 1, "t", {"b", "a"}

    class Shown(Output):
        model_config = pydantic.ConfigDict(alias_generator=str.upper)

        id: int
        name: str
        letters: list[str]

    document = Document(Shown, name=("label", "title"), letters=("letters", lambda kept: sorted(kept.letters)))
    shown = {"ID": 1, "NAME": "t", "LETTERS": ["a", "b"]}
    assert document.of(Kept()) == document.of_row({"id": 1, "label": "t", "letters": ["a", "b"]}) == shown


def test_an_answer_that_differs_from_its_document_is_noticed():
    operation = every()["GET /healthz"]
    headers = {"X-Request-Id": "0198c5b8-7f5a-7000-8000-000000000000", "Content-Type": "application/json"}
    right = json.dumps({"status": "ok"})
    assert operation.fault(200, headers, right) is None
    assert "is not declared" in operation.fault(204, headers, "")
    assert "has no X-Request-Id" in operation.fault(200, {}, right)
    assert "has X-Request-Id" in operation.fault(200, headers | {"X-Request-Id": "1"}, right)
    assert "is text/plain" in operation.fault(200, headers | {"Content-Type": "text/plain"}, right)
    assert "is not of type" in operation.fault(200, headers, json.dumps({"status": 1}))
    assert "has a body" in every()["DELETE /api/roles/{role_id}"].fault(
        204, headers | {"Muniment-Position": "1"}, right
    )
