"""The givens of import tests: documents of each standard, as small as they can be."""

from __future__ import annotations

from typing import Any

RESPONSES = {"200": {"description": "done"}}


def operation(operation_id: str | None = None, **more: Any) -> dict[str, Any]:
    named = {} if operation_id is None else {"operationId": operation_id}
    return {**named, "responses": RESPONSES, **more}


def parameters(*names: str, schema: bool = True) -> list[dict[str, Any]]:
    kind = {"schema": {"type": "string"}} if schema else {"type": "string"}
    return [{"name": name, "in": "path", "required": True, **kind} for name in names]


PATHS: dict[str, Any] = {
    "/orders": {"get": operation("listOrders", summary="List orders"), "post": operation("createOrder")},
    "/orders/{id}": {"get": operation("readOrder", parameters=parameters("id"))},
}


def openapi(paths: dict[str, Any] | None = None, *, title: str = "Orders", version: str = "3.0.3", **more: Any) -> Any:
    """Return an OpenAPI document; with these three operations unless there are others."""
    return {"openapi": version, "info": {"title": title, "version": "1"}, "paths": paths or PATHS, **more}


def swagger(paths: dict[str, Any] | None = None, *, title: str = "Orders", **more: Any) -> Any:
    """Return a Swagger 2.0 document, with an operation unless there are others."""
    found = paths or {"/orders": {"get": operation("listOrders")}}
    return {"swagger": "2.0", "info": {"title": title, "version": "1"}, "paths": found, **more}
