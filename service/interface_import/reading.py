"""Reads a document that was judged to be valid: its API resource, and an interface for each of its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from domain.api_resource import folded_identifier
from domain.interface import Method
from domain.path_template import shape
from domain.text import DESCRIPTION_LIMIT, NAME_LIMIT, as_line
from service.interface_import import addresses, identifiers
from service.interface_import.faults import Unusable
from service.interface_import.imported import ImportedDocument, LeftOut, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATION_LIMIT = 5_000
APP_KEY = "x-app-key"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
KNOWN = frozenset(Method)
PATH_SHOWN = 512


def document(data: dict[str, Any], version: str) -> ImportedDocument:
    """Return what a valid document describes. Raises Unusable: without operations, with too many, or two alike."""
    info = data["info"]
    whole = _base(data)
    operations: list[Operation] = []
    left_out: list[LeftOut] = []
    for path, method, base, operation in _operations(data):
        if len(operations) + len(left_out) == OPERATION_LIMIT:
            raise Unusable(("paths", f"There are more than {OPERATION_LIMIT} operations"))
        identifier = identifiers.of_operation(operation.get("operationId"), method, path)
        written = base + path
        template = addresses.template(written)
        if method not in KNOWN or template is None:
            shown = as_line(written, PATH_SHOWN)
            left_out.append(LeftOut(identifier, method, shown, "path" if template is None else "method"))
            continue
        called = [_line(operation.get(member), NAME_LIMIT) for member in ("summary", "operationId")]
        operations.append(
            Operation(
                identifier=identifier,
                name=next(filter(None, called), None) or as_line(f"{method} {path}", NAME_LIMIT),
                method=method,
                path=template,
                description=_line(operation.get("description"), DESCRIPTION_LIMIT),
            )
        )
    if not operations:
        raise Unusable(("paths", "There are no operations that can be imported"))
    _require_distinct(operations)
    named = _resource_identifier(data, info)
    return ImportedDocument(
        version=version,
        identifier=named,
        name=_line(info.get("title"), NAME_LIMIT) or named or "API",
        description=_line(info.get("description"), DESCRIPTION_LIMIT),
        uri=addresses.for_people(whole),
        operations=tuple(operations),
        left_out=tuple(left_out),
    )


def _operations(data: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield path, method, base path and content of each operation."""
    for path, found in (data.get("paths") or {}).items():
        if not path.startswith("/"):  # an extension
            continue
        item = _pointed(data, found)
        for method in METHODS:
            if method in item:
                operation = item[method]
                yield path, method.upper(), addresses.base_path(_base(data, item, operation)), operation


def _base(data: dict[str, Any], *inner: dict[str, Any]) -> str:
    """Return the base address of a document, or of what stands in it, the innermost last."""
    return addresses.of_swagger(data) if "swagger" in data else addresses.of_servers(*reversed(inner), data)


def _pointed(data: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """Return a path item, or the one in the document that it refers to, with what it says itself (RFC 6901)."""
    seen: list[str] = []
    while "$ref" in item:
        reference = item["$ref"]
        if reference in seen:
            raise Unusable((reference, "It refers to itself"))
        seen.append(reference)
        found: Any = data
        for part in unquote(reference).removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = _member(found, name)
        if not isinstance(found, dict):
            raise Unusable((reference, "It refers to what is no path item"))
        item = {**found, **{name: value for name, value in item.items() if name != "$ref"}}
    return item


def _member(holder: Any, name: str) -> Any:
    if isinstance(holder, list):
        return holder[int(name)] if name.isdecimal() and int(name) < len(holder) else None
    return holder.get(name) if isinstance(holder, dict) else None


def _resource_identifier(data: dict[str, Any], info: dict[str, Any]) -> str | None:
    stated = data.get(APP_KEY, info.get(APP_KEY))
    if stated is None:
        title = info.get("title")
        return identifiers.slug(title) if isinstance(title, str) else None
    if not isinstance(stated, str) or not identifiers.fits(stated):
        raise Unusable((APP_KEY, "It is no identifier: up to 128 letters, digits, dots, hyphens and underscores"))
    return stated


def _require_distinct(operations: list[Operation]) -> None:
    """Refuse operations that would be one interface. Raises Unusable."""
    by_identifier: dict[str, Operation] = {}
    by_address: dict[tuple[str, str], Operation] = {}
    faults = []
    for one in operations:
        place = f"paths.{one.path}.{one.method.lower()}"
        same = by_identifier.setdefault(folded_identifier(one.identifier), one)
        if same is not one:
            faults.append((place, f"It would be {one.identifier}, as {same.method} {same.path} would"))
        same = by_address.setdefault((one.method, shape(one.path)), one)
        if same is not one:
            faults.append((place, f"It answers the same calls as {same.method} {same.path}"))
    if faults:
        raise Unusable(*faults)


def _line(value: Any, limit: int) -> str | None:
    return (as_line(value, limit) or None) if isinstance(value, str) else None
