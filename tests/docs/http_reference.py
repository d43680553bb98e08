"""The reference of the doors' routes, from their declarations: permission, input, answer and refusals."""

from __future__ import annotations

import json
import sys
import typing
from typing import TYPE_CHECKING, Any

from domain import refusals as domain_refusals
from domain.refusals import Refusal
from service.doors import DOORS
from service.http import problems
from service.http.document import Output
from service.http.group import Group
from service.http.paging import Listed, Whole
from service.openapi.operations import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pydantic

    from service.http.door import Door
    from service.http.input import Input
    from service.http.route import Route

KINDS = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true or false",
    "object": "JSON object",
    "null": "null",
}
QUOTE = '"'
FORMATS = {"uuid": "id", "date-time": "time"}


def name_of(route: Route) -> str:
    """Return how a route is called on the page."""
    return f"{route.method} {route.path}"


def routes() -> str:
    """Return a section a door."""
    return "\n\n".join(_door(door) for door in DOORS)


def refusals() -> str:
    """Return the table of codes of the rules, by status."""
    named = sorted(_every(Refusal), key=lambda one: (problems.status_of(one()), one.code))
    rows = [f"| {problems.status_of(one())} | `{one.code}` | {one.sentence} |" for one in named]
    known = {one.code for one in named}
    of_store = sorted({(problems.STATUS[one], *told) for one, told in problems.STORE_SENTENCES.items()})
    of_store = [row for row in of_store if row[1] not in known]
    rows += [f"| {status} | `{code}` | {sentence} |" for status, code, sentence in of_store]
    return "\n".join(["| status | code | sentence |", "|---|---|---|", *rows])


def _every(kind: type[Refusal]) -> list[type[Refusal]]:
    """Return the leaves of the tree: the branches are never raised themselves."""
    below = [leaf for branch in kind.__subclasses__() if branch.__module__ == domain_refusals.__name__
             for leaf in _every(branch)]  # fmt: skip
    return below or [kind]


def _door(door: Door) -> str:
    of = "Server to server: " if door.GROUP is Group.SERVER_TO_SERVER else ""
    title = f"{of}{door.name.replace('-', ' ')}"
    head = [f"### {title[0].upper()}{title[1:]}", told(sys.modules[door.routes[0].handler.__module__])]
    shapes = list(dict.fromkeys(_of_what(route.answer) for route in door.routes if route.answer is not None))
    for shape in shapes:  # grows by what the shapes are made of
        shapes += [part for part in _made_of(shape) if part not in shapes]
    return "\n\n".join([*head, *map(_shape, shapes), *(_route(door, route) for route in door.routes)])


def _of_what(answer: type[Output]) -> type[Output]:
    """Return the shape of an answer, or of the items that it lists."""
    generic = answer.__pydantic_generic_metadata__
    return generic["args"][0] if generic["origin"] in (Listed, Whole) else answer


def _made_of(shape: type[Output]) -> Iterator[type[Output]]:
    if getattr(shape.__mro__[1], "model_fields", {}):
        yield shape.__mro__[1]
    for member in shape.model_fields.values():
        yield from _shapes_in(member.annotation)


def _shapes_in(annotation: Any) -> Iterator[type[Output]]:
    if isinstance(annotation, type) and issubclass(annotation, Output):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _shapes_in(part)


def _shape(shape: type[Output]) -> str:
    base = shape.__mro__[1]
    above = getattr(base, "model_fields", {})
    lines = [f"- `{name}`: {told}" for name, told in _members(shape).items() if not above or name not in _members(base)]
    more = f" All of {base.__name__}, and:" if above else ""
    return "\n".join([f"**{shape.__name__}.** {_prose(shape)}{more}", "", *lines])


def _prose(shape: type[pydantic.BaseModel]) -> str:
    return " ".join(told(shape).split())


def _members(shape: type[Output]) -> dict[str, str]:
    schema = shape.model_json_schema()
    for part in schema.get("$defs", {}).values():
        if "properties" in part:
            part["named"] = part["title"]
    return {name: _type(member, schema) for name, member in schema.get("properties", {}).items()}


def _route(door: Door, route: Route) -> str:
    only = " (a private back end's own token)" if route.machines_only else ""
    names = " and ".join(f"`{name}`" for name in route.permissions) or "a valid token"
    lines = [f"#### {name_of(route)}", "", f"{route.summary}. Needs {names}{only}.", ""]
    lines += _input("Query", route.query) + _input("Body", route.body, change=route.method in ("PATCH", "PUT"))
    statuses = f"{route.status}" if route.also is None else f"{route.status} or {route.also}"
    lines.append(f"Answers {statuses}: {_answer(route.answer)}.")
    if route.refuses:
        lines += ["", f"Refuses with {_codes(door, route.refuses)}."]
    return "\n".join(lines)


def _answer(answer: type[Output] | None) -> str:
    if answer is None:
        return "nothing"
    kind, name = answer.__pydantic_generic_metadata__["origin"], _of_what(answer).__name__
    if kind is Listed:
        return f"a page (`items`, `next`) of {name}"
    return f"`items`, all at once, of {name}" if kind is Whole else name


def _codes(door: Door, refusals: Iterable[type[Refusal]]) -> str:
    by_status: dict[int, list[str]] = {}
    for refusal in refusals:
        status = door.refuse(problems.status_of(refusal()), refusal.code, refusal.sentence).status
        by_status.setdefault(status, []).append(f"`{door.word(refusal.code)}`")
    return "; ".join(f"{status} {', '.join(sorted(set(codes)))}" for status, codes in sorted(by_status.items()))


def _input(where: str, shape: type[Input] | None, *, change: bool = False) -> list[str]:
    if shape is None:
        return []
    schema = shape.model_json_schema()
    if not schema["properties"]:
        return [f"{where}: none, or an empty object.", ""]
    required = set(schema.get("required", ()))
    if where == "Query":  # where nothing can be null, only absent
        for member in schema["properties"].values():
            member["anyOf"] = [part for part in member.get("anyOf", [member.copy()]) if part.get("type") != "null"]
    return [
        f"{where}: {_prose(shape)}",
        "",
        *(
            f"- `{name}`: {_type(member, schema)}{_need(name in required, member, change=change)}"
            for name, member in schema["properties"].items()
        ),
        "",
    ]


def _need(required: bool, member: dict[str, Any], *, change: bool) -> str:  # noqa: FBT001 - told by its only caller
    if required:
        return ", required"
    default = member.get("default")
    if change or default in (None, [], "00000000-0000-0000-0000-000000000000"):
        return ""
    return f", default `{str(default).lower() if isinstance(default, bool) else default}`"


def _type(member: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in member:
        return _type(schema["$defs"][member["$ref"].rsplit("/", 1)[1]], schema)
    if "anyOf" in member or "enum" in member:
        words = [word for part in member.get("anyOf", [member]) for word in _choices(part, schema)]
        return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
    if member.get("type") == "array":
        return f"list of {_type(member['items'], schema)}"
    if "named" in member:  # told in a paragraph of its own
        return member["named"]
    if "properties" in member:
        return "{" + ", ".join(f"`{name}`: {_type(part, schema)}" for name, part in member["properties"].items()) + "}"
    return _plain(member)


def _choices(member: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    if "$ref" in member:
        return _choices(schema["$defs"][member["$ref"].rsplit("/", 1)[1]], schema)
    if member.get("type") == "null":
        return ["null"]
    return [f"`{value}`" for value in member["enum"]] if "enum" in member else [_type(member, schema)]


def _plain(member: dict[str, Any]) -> str:
    if "const" in member:
        return f"`{json.dumps(member['const']).strip(QUOTE)}`"
    kind = FORMATS.get(member.get("format", "")) or KINDS[member.get("type", "object")]
    if "minimum" in member and "maximum" in member and member["maximum"] < 2**53:
        return f"{kind} from {member['minimum']} to {member['maximum']}"
    return kind
