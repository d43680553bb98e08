"""An operation of the API document: from a door's route, or from an endpoint's declaration."""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING

from service.http.call import POSITION
from service.http.consistency import HEADER as AT_LEAST
from service.http.exactly_once import HEADER as IDEMPOTENCY_KEY
from service.http.exactly_once import REPLAYED
from service.http.problems import Problem
from service.http.request import OWN_ID_HEADER, REQUEST_ID_HEADER
from service.openapi import refusals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.http.door import Door
    from service.http.endpoint import Endpoint, Reply
    from service.http.route import Route
    from service.openapi.refusals import Told
    from service.openapi.schemas import Schema, Schemas

TOKEN, APPLICATION, CLIENT, PERSON, GATEWAY = "token", "application", "client", "person", "gateway"
"""The names of the security schemes."""

PARAMETER = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
WORD = re.compile(r"[A-Za-z0-9]+")
DOORS = "service.doors."
CITATION = re.compile(r"\s*\((?:M\d+(?:, M\d+)*|spec/[^)]*)\)")
JSON = "application/json"
PROBLEMS = "problems"
"""The heading of the shapes of refusals."""
ID = {"type": "string", "format": "uuid"}
NAMED = "X-Request-Id-Named"
"""The component that tells of the request's id where callers have names for their requests."""
PERHAPS = "-Perhaps"
"""Ends the names of headers that are not always there, among the document's components."""


def path_of(path: str) -> str:
    """Return a path as the document writes it: parameters without their patterns."""
    return PARAMETER.sub(r"{\1}", path)


def told(subject: object) -> str:
    """Return what the docstring of a module or class tells readers, its citations left out."""
    return CITATION.sub("", inspect.getdoc(subject) or "")


def tag(door: Door) -> str:
    """Return the heading of a door's operations, which is where it stands among the doors."""
    return door.routes[0].handler.__module__.removeprefix(DOORS).replace("_", "-")


def heading(door: Door) -> Schema:
    """Return a heading with what the door's module says."""
    return {"name": tag(door), "description": told(sys.modules[door.routes[0].handler.__module__])}


def name(method: str, path: str) -> str:
    """Return the id of an operation, which lasts as long as its path does."""
    return "_".join([method.lower(), *WORD.findall(path_of(path))])


def of_route(door: Door, route: Route, schemas: Schemas) -> Schema:
    """Return the operation of a route."""
    operation: Schema = {
        "operationId": name(route.method, route.path),
        "tags": [tag(door)],
        "summary": route.summary,
        "description": _needs(route),
        "security": [{TOKEN: list(route.permissions)}, *([{APPLICATION: []}] if door.BASIC else [])],
        "parameters": _parameters(door, route, schemas),
    }
    if route.body is not None:
        required = any(member.is_required() for member in route.body.model_fields.values())
        schema = schemas.of(route.body, tag(door), partial=route.method in ("PATCH", "PUT"))
        operation["requestBody"] = {"required": required, "content": {JSON: {"schema": schema}}}
    always = () if route.method == "GET" else (POSITION,)
    success = _response(_success(route), always, () if route.reads else (REPLAYED,), named=door.NAMED)
    if route.answer is not None:
        success["content"] = {JSON: {"schema": schemas.of(route.answer, tag(door))}}
    responses = {str(status): success for status in (route.status, route.also) if status is not None}
    by_status: dict[int, list[Told]] = {}
    for refusal in refusals.of_route(door, route):
        by_status.setdefault(refusal.status, []).append(refusal)
    for status, several in sorted(by_status.items()):
        responses[str(status)] = _refused(door, several, schemas)
    operation["responses"] = responses
    return operation


def of_endpoint(endpoint: Endpoint, schemas: Schemas) -> Schema:
    """Return the operation of an endpoint that stands outside the doors."""
    operation: Schema = {
        "operationId": name(endpoint.method, endpoint.path),
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "security": _security(endpoint),
        "parameters": _path_parameters(endpoint.path),
    }
    if endpoint.query is not None:
        operation["parameters"] += schemas.parameters(endpoint.query, endpoint.tag)
    if endpoint.headers is not None:
        operation["parameters"] += schemas.parameters(endpoint.headers, endpoint.tag, place="header")
    if endpoint.gateway:
        operation["description"] = (
            "The gateway is an application that holds `decide`. Every method is answered alike: where the path of the "
            "call follows, its method is the request's own."
        )
    if endpoint.client:
        operation["description"] = (
            "The client proves itself by HTTP Basic, by `client_id` and `client_secret` in the body, or by a signed "
            "assertion: never by two at once."
        )
    if endpoint.body is not None:
        schema = schemas.of(endpoint.body, endpoint.tag)
        content = {kind: {"schema": schema} for kind in endpoint.reads}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {
        str(status): _told(reply, endpoint.tag, endpoint.errors.get(status, ()), schemas)
        for status, reply in endpoint.replies.items()
    }
    return operation


def _security(endpoint: Endpoint) -> list[Schema]:
    if endpoint.person:
        return [{PERSON: list(endpoint.person)}]
    if endpoint.gateway:
        return [{GATEWAY: []}]
    return [{CLIENT: []}, {}] if endpoint.client else []


def _needs(route: Route) -> str:
    names = " and ".join(f"`{name}`" for name in route.permissions)
    needs = f"Needs {names}." if names else "Needs a valid token, with no permission in particular."
    return needs + (" For a private back end's own token." if route.machines_only else "")


def _success(route: Route) -> str:
    if route.answer is None:
        return "Done: there is nothing to tell."
    return " ".join(told(route.answer).split())


def _parameters(door: Door, route: Route, schemas: Schemas) -> list[Schema]:
    parameters = _path_parameters(route.path, route.words)
    if route.query is not None:
        parameters += schemas.parameters(route.query, tag(door))
    shared = [AT_LEAST] if route.reads else [AT_LEAST, IDEMPOTENCY_KEY]
    return parameters + [{"$ref": f"#/components/parameters/{name}"} for name in shared]


def _path_parameters(path: str, words: tuple[str, ...] = ()) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": ID if _is_id(name, words) else {"type": "string"}}
        for name in PARAMETER.findall(path)
    ]


def _is_id(parameter: str, words: tuple[str, ...]) -> bool:
    return parameter.endswith("_id") and parameter not in words


def _refused(door: Door, several: list[Told], schemas: Schemas) -> Schema:
    codes = dict.fromkeys(one.code for one in several)
    lines = dict.fromkeys(f"- `{one.code}`: {one.sentence}" for one in several)  # a code may stand for several things
    response = _response(
        "\n".join(lines),
        always := frozenset.intersection(*(one.headers for one in several)),
        frozenset().union(*(one.headers for one in several)) - always,
        named=door.NAMED,
    )
    schema = schemas.of(door.REFUSAL, PROBLEMS)
    if door.REFUSAL is not None and "code" in door.REFUSAL.model_fields:
        schema = {**schema, "properties": {"code": {"enum": sorted(codes)}}}
    response["content"] = {kind: {"schema": schema} for kind in sorted({one.content_type for one in several})}
    return response


def _told(reply: Reply, tag: str, errors: tuple[str, ...], schemas: Schemas) -> Schema:
    response = _response(reply.told, reply.headers, reply.perhaps)
    if reply.shape is not None:
        schema = schemas.of(reply.shape, PROBLEMS if issubclass(reply.shape, Problem) else tag)
        if errors:
            schema = {**schema, "properties": {"error": {"enum": list(errors)}}}
        response["content"] = {reply.content_type: {"schema": schema}}
    return response


def _response(description: str, always: Iterable[str], perhaps: Iterable[str] = (), *, named: bool = False) -> Schema:
    """Return a response with the headers that are always there and those that depend on how the request was made.

    `named`: it depends on the request, too, whose id it is that comes back.
    """
    if named:
        perhaps = (*perhaps, OWN_ID_HEADER)
    places = {name: name for name in (REQUEST_ID_HEADER, *always)} | {name: f"{name}{PERHAPS}" for name in perhaps}
    if named:
        places[REQUEST_ID_HEADER] = NAMED
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{place}"} for name, place in sorted(places.items())},
    }
