"""YAML as the data that JSON could say as well (YAML 1.2, core schema): what else YAML knows is refused or is text.

Built from the parser's events, not by its constructors: nothing is ever made but texts, numbers, truth values, lists
and objects. Names are texts as in JSON (`200:` is "200"), a name that stands twice is refused, and what aliases stand
for is counted before it is put in its place.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml  # type: ignore[import-untyped] # it is handed a text, and asked for the events in it

from service.interface_import.faults import Unusable

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MERGE = "<<"
WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,300}")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float", "seq", "map"))
TEXT = "tag:yaml.org,2002:str"


class _Open:
    """A list or an object that has not ended yet. `size` counts all values in it."""

    __slots__ = ("anchor", "merged", "merging", "name", "size", "value")

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.size = 1
        self.name: str | None = None
        self.merging = False
        self.merged: list[Any] = []


def data(text: str, *, depth: int, nodes: int) -> Any:
    """Return what a YAML text describes, None for none. Raises Unusable."""
    builder = _Builder(depth, nodes)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" from line {mark.line + 1}" if mark is not None else ""
        raise Unusable(("document", f"It is neither valid JSON nor YAML{where}")) from None
    return builder.result


class _Builder:
    def __init__(self, depth: int, nodes: int) -> None:
        self.result: Any = None
        self._documents = 0
        self._depth, self._nodes = depth, nodes
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._line = 0

    def take(self, event: Any) -> None:
        """Take the next event of the text."""
        self._line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._fault("is a second document")
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise self._fault("refers to what is not there, or to itself")
                self._put(*self._anchors[event.anchor])
            case yaml.SequenceStartEvent():
                self._begin([], event)
            case yaml.MappingStartEvent():
                self._begin({}, event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()
            case _:  # the ends of documents and of the stream
                pass

    def _begin(self, value: list[Any] | dict[str, Any], event: Any) -> None:
        self._require_plain(event)
        if self._names():
            raise self._fault("has a name that is no text")
        if len(self._open) >= self._depth:
            raise self._fault(f"is nested deeper than {self._depth}")
        self._open.append(_Open(value, event.anchor))

    def _end(self) -> None:
        ended = self._open.pop()
        if isinstance(ended.value, dict) and ended.merged:
            whole: dict[str, Any] = {}  # the earlier ones count before the later, and the object's own names before all
            for each in (*reversed(ended.merged), ended.value):
                whole.update(each)
            ended.value = whole
        self._anchored(ended.anchor, ended.value, ended.size)
        self._put(ended.value, ended.size)

    def _scalar(self, event: Any) -> None:
        self._require_plain(event)
        if self._names():
            self._anchored(event.anchor, event.value, 1)
            self._name(event.value, merges=not event.style and event.value == MERGE)
            return
        plain = not event.style and event.tag != TEXT
        value = _value(event.value) if plain else event.value
        self._anchored(event.anchor, value, 1)
        self._put(value, 1)

    def _put(self, value: Any, size: int) -> None:
        """Put a value where the text stands."""
        if not self._open:
            self.result = value
            return
        holder = self._open[-1]
        holder.size += size
        if holder.size > self._nodes:
            raise self._fault(f"comes to more than {self._nodes} values")
        if isinstance(holder.value, list):
            holder.value.append(value)
        elif holder.name is None:  # an alias in the place of a name
            if not isinstance(value, str):
                raise self._fault("has a name that is no text")
            self._name(value, merges=False)
        else:
            name, holder.name = holder.name, None
            if holder.merging:
                holder.merged += self._to_merge(value)
            else:
                holder.value[name] = value

    def _names(self) -> bool:
        """Say whether the next value is a name."""
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].name is None

    def _name(self, name: str, *, merges: bool) -> None:
        holder = self._open[-1]
        if name in holder.value:
            raise self._fault(f"repeats the name {name!r}")
        holder.name, holder.merging = name, merges

    def _to_merge(self, value: Any) -> list[Any]:
        merged = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in merged):
            raise self._fault("merges what is no object")
        return merged

    def _anchored(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size

    def _require_plain(self, event: Any) -> None:
        if event.tag not in (None, "!") and event.tag not in TAGS:
            raise self._fault("has a tag that JSON has no value for")

    def _fault(self, told: str) -> Unusable:
        return Unusable(("document", f"Line {self._line} {told}"))


def _value(text: str) -> Any:
    """Return what a plain scalar is: as JSON has it, else the text itself (dates, other numerals, yes and no)."""
    if text in WORDS:
        return WORDS[text]
    if WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
