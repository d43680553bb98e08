"""Turns the text of a document, JSON or YAML, into plain data, within limits of size, nesting and aliases."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from service.interface_import import yaml_text
from service.interface_import.faults import Unusable

LIMIT = 5 * 1024 * 1024
"""The most bytes of a text."""
DEPTH = 100
"""How deep it may nest; the deepest documents that people write are some thirty levels."""
NODES = 500_000
"""How many values it may have, each alias counted as what it stands for."""
WHOLE = "document"
"""The place of a fault that is everywhere."""


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the object that a text in UTF-8 describes. Raises Unusable."""
    if len(raw) > LIMIT:
        raise Unusable((WHOLE, f"It is larger than {LIMIT // 1024 // 1024} MiB"))
    text = _decoded(raw)
    return whole(_json(text) if text.lstrip()[:1] == "{" else yaml_text.data(text, depth=DEPTH, nodes=NODES))


def enveloped(raw: bytes) -> dict[str, Any]:
    """Return the `document` of a JSON body: an object, or a text that describes one. Raises Unusable."""
    found = whole(_json(_decoded(raw))).get("document")
    return parsed(found.encode("utf-8", "surrogatepass")) if isinstance(found, str) else whole(found)


def whole(value: Any) -> dict[str, Any]:
    """Return a value that is an object within the limits. Raises Unusable."""
    if not isinstance(value, dict):
        raise Unusable((WHOLE, "It is no object"))
    level: list[Any] = [value]
    total = 1
    for _ in range(DEPTH):
        inner = [each for holder in level for each in (holder.values() if isinstance(holder, dict) else holder)]
        total += len(inner)
        if total > NODES:
            raise Unusable((WHOLE, f"It has more than {NODES} values"))
        level = [each for each in inner if isinstance(each, (dict, list))]
        if not level:
            return value
    raise Unusable((WHOLE, f"It is nested deeper than {DEPTH}"))


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable((WHOLE, "It is not in UTF-8")) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Unusable((WHOLE, f"It is not valid JSON from line {error.lineno}, column {error.colno}")) from None
    except (ValueError, RecursionError):  # a number of too many digits, or brackets without end
        raise Unusable((WHOLE, "It is not valid JSON")) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        twice = next(name for name, times in counted.items() if times > 1)
        raise Unusable((WHOLE, f"The name {twice!r} stands twice in one object"))
    return members


def _no_number(word: str) -> Any:
    raise ValueError(word)
