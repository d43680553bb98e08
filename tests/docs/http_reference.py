"""The reference of the doors' routes, from their declarations: permission, input, answer and refusals."""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING, Any

from domain import refusals as domain_refusals
from domain.refusals import Refusal
from service.doors import DOORS
from service.http import problems
from tests.docs.http_answers import ANSWERS, DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.http.door import Door, Route
    from service.http.input import Input

KINDS = {"string": "text", "integer": "number", "boolean": "true or false", "object": "JSON object"}
FORMATS = {"uuid": "id", "date-time": "time"}
CITATION = re.compile(r"\s*\(spec/[^)]*\)")


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
    module = sys.modules[door.routes[0].handler.__module__]
    told = CITATION.sub("", inspect.getdoc(module) or "")
    head = [f"### {door.name.replace('-', ' ').capitalize()}", told]
    if door.name in DOCUMENTS:
        head.append(DOCUMENTS[door.name])
    return "\n\n".join([*head, *map(_route, door.routes)])


def _route(route: Route) -> str:
    answer = ANSWERS[name_of(route)]
    only = " (a private back end's own token)" if route.machines_only else ""
    lines = [f"#### {name_of(route)}", "", f"{route.summary}. Needs `{route.permission}`{only}.", ""]
    lines += _input("Query", route.query) + _input("Body", route.body, change=route.method == "PATCH")
    lines.append(f"Answers {route.status}: {answer.told}")
    if answer.refusals:
        lines += ["", f"Refuses with {_codes(answer.refusals)}."]
    return "\n".join(lines)


def _codes(refusals: Iterable[type[Refusal]]) -> str:
    by_status: dict[int, list[str]] = {}
    for refusal in refusals:
        by_status.setdefault(problems.status_of(refusal()), []).append(f"`{refusal.code}`")
    return "; ".join(f"{status} {', '.join(sorted(codes))}" for status, codes in sorted(by_status.items()))


def _input(where: str, shape: type[Input] | None, *, change: bool = False) -> list[str]:
    if shape is None:
        return []
    schema = shape.model_json_schema()
    said = " ".join((inspect.getdoc(shape) or "").split())
    if not schema["properties"]:
        return [f"{where}: none, or an empty object.", ""]
    required = set(schema.get("required", ()))
    if where == "Query":  # where nothing can be null, only absent
        for member in schema["properties"].values():
            member["anyOf"] = [part for part in member.get("anyOf", [member.copy()]) if part.get("type") != "null"]
    return [
        f"{where}: {said}",
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
    kind = FORMATS.get(member.get("format", "")) or KINDS[member["type"]]
    if "minimum" in member and "maximum" in member and member["maximum"] < 2**53:
        return f"{kind} from {member['minimum']} to {member['maximum']}"
    return kind
