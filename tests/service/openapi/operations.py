"""Every operation of the API documents, and what its document says of an answer: what generated tests draw on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from service.doors import DOORS
from service.http.app import document
from service.openapi import documents
from service.openapi.operations import path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.openapi.documents import Contents

ISSUER = "https://muniment.test"
SCHEMA = re.compile(r'"#/components/schemas/([^"]+)"')
ROUTES = {(route.method, path_of(route.path)): route for door in DOORS for route in door.routes}
DOOR_OF = {(route.method, path_of(route.path)): door for door in DOORS for route in door.routes}


@cache
def told(contents: Contents) -> dict[str, Any]:
    """Return a document as the tests' service serves it."""
    return json.loads(json.dumps(document(contents, ISSUER)))


@dataclass(frozen=True)
class Operation:
    """One operation, as its document declares it."""

    method: str
    path: str
    declared: Any
    components: Any

    def __hash__(self) -> int:
        return hash((self.method, self.path))

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scopes(self) -> list[str] | None:
        """The permissions that a token needs; None where no token is asked for."""
        return next((one["token"] for one in self.declared["security"] if "token" in one), None)

    @property
    def changes(self) -> bool:
        route = ROUTES.get((self.method, self.path))
        return self.scopes is not None and self.method != "GET" and not (route is not None and route.asks)

    def status_of(self, code: str) -> int:
        """Return the status that comes with a code, whatever the operation's door calls it. Raises LookupError."""
        code = DOOR_OF[self.method, self.path].word(code)
        for status, response in self.declared["responses"].items():
            if f"`{code}`" in response["description"]:
                return int(status)
        raise LookupError(code)

    def fault(self, status: int, headers: Mapping[str, str], body: str) -> str | None:
        """Return how an answer differs from what is declared, None when it does not."""
        declared = self.declared["responses"].get(str(status))
        if declared is None:
            return f"{self.name}: {status} is not declared: {body[:300]}"
        for name, place in declared["headers"].items():
            header = self._at(place)
            if name not in headers:
                if header["required"]:
                    return f"{self.name}: {status} has no {name}"
            elif not jsonschema_rs.is_valid(header["schema"], headers[name], validate_formats=True):
                return f"{self.name}: {status} has {name}: {headers[name]}"
        return self._body_fault(status, headers, body, declared.get("content"))

    def _body_fault(self, status: int, headers: Mapping[str, str], body: str, content: Any) -> str | None:
        if content is None:
            return f"{self.name}: {status} has a body: {body[:300]}" if body else None
        kind = headers.get("Content-Type", "").split(";")[0]
        if kind not in {one.split(";")[0] for one in content} and "*/*" not in content:
            return f"{self.name}: {status} is {kind}"
        if kind not in ("application/json", "application/problem+json"):
            return None
        errors = [error.message for error in _validator(self, status, kind).iter_errors(json.loads(body))]
        return f"{self.name}: {status}: {errors[0][:300]}" if errors else None

    def schema(self, status: int, kind: str) -> dict[str, Any]:
        """Return the schema of a body, with all that it refers to and nothing else."""
        schema = self.declared["responses"][str(status)]["content"][kind]["schema"]
        needed: dict[str, Any] = {}
        waiting = [schema]
        while waiting:
            for name in SCHEMA.findall(json.dumps(waiting.pop())):
                if name not in needed:
                    needed[name] = self.components["schemas"][name]
                    waiting.append(needed[name])
        return {**schema, "components": {"schemas": dict(sorted(needed.items()))}}

    def _at(self, place: Mapping[str, str]) -> Any:
        _, _, kind, name = place["$ref"].split("/")
        return self.components[kind][name]


@cache
def _validator(operation: Operation, status: int, kind: str) -> Any:
    return _compiled(json.dumps(operation.schema(status, kind), sort_keys=True))


@cache
def _compiled(schema: str) -> Any:
    """Return what judges by a schema; most operations refuse in one and the same shape."""
    return jsonschema_rs.Draft202012Validator(json.loads(schema), validate_formats=True)


def _of(contents: Contents) -> dict[str, Operation]:
    components = told(contents)["components"]
    found = [
        Operation(method.upper(), path, declared, components)
        for path, item in told(contents)["paths"].items()
        for method, declared in item.items()
    ]
    return {operation.name: operation for operation in found}


@cache
def every() -> dict[str, Operation]:
    """Return the operations of all documents, by name."""
    return {name: one for contents in documents.CONTENTS for name, one in _of(contents).items()}


@cache
def _patterns() -> list[tuple[re.Pattern[str], Operation]]:
    found = [
        (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name))), operation) for name, operation in every().items()
    ]
    # What is spelled out comes before what a parameter stands for, as in the router.
    return sorted(found, key=lambda one: one[1].path.count("{"))


def of_request(method: str, path: str) -> Operation | None:
    """Return the operation that a request meets, None when it meets none."""
    called = f"{method} {path.partition('?')[0]}"
    return next((operation for pattern, operation in _patterns() if pattern.fullmatch(called)), None)


def fault(method: str, path: str, status: int, headers: Mapping[str, str], body: str) -> str | None:
    """Return how the answer to a request differs from what its document declares, None when it does not."""
    operation = of_request(method, path)
    if operation is None or "X-Request-Id" not in headers:  # what is not HTTP is no request
        return None
    found = operation.fault(status, headers, body)
    route = ROUTES.get((operation.method, operation.path))
    if found is None and route is not None and route.answer is not None and status in (route.status, route.also):
        # The document lets answers grow; we do not, unless the declaration does.
        route.answer.model_validate_json(body, extra="forbid")
    return found
