"""The event catalogue, from the event classes: fields with their types, what is sealed, guards and read models."""

from __future__ import annotations

import inspect
import re
import types
import typing
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain import AGGREGATES, EVENTS
from projections import MODELS
from service.store.codec import ENVELOPE_FIELDS, is_token_topic

if TYPE_CHECKING:
    from eventsourcing.domain import Aggregate

    from domain.event import Recorded

# Written once at the top of the page, for they are part of every event, or of every first one.
COMMON = ENVELOPE_FIELDS | {"timestamp", "originator_topic"}
NAMES = {UUID: "id", datetime: "time", str: "text", int: "number", bool: "true or false", dict: "JSON object"}


def summary() -> str:
    """Return one line an aggregate: its events in the order of their declaration."""
    lines = ["| stream | events |", "|---|---|"]
    for aggregate in AGGREGATES:
        topics = [f"[`{topic}`](#{_anchor(topic)})" for topic in EVENTS if topic.split(".")[0] == aggregate.TOPIC]
        lines.append(f"| {aggregate.TOPIC} | {', '.join(topics)} |")
    return "\n".join(lines)


def catalogue() -> str:
    """Return a section an aggregate and a paragraph an event."""
    return "\n\n".join(_aggregate(aggregate) for aggregate in AGGREGATES)


def _aggregate(aggregate: type[Aggregate]) -> str:
    events = [_event(event) for topic, event in EVENTS.items() if topic.split(".")[0] == aggregate.TOPIC]
    return "\n\n".join([f"## {aggregate.TOPIC}", _doc(aggregate), *events])


def _event(event: type[Recorded]) -> str:
    topic = event.TOPIC
    table = "token_events" if is_token_topic(topic) else "events"
    readers = [f"`{name}`" for name, model in sorted(MODELS.items()) if topic in model.handlers]
    lines = [f"### {topic}", "", _doc(event), ""]
    lines += [f"- {_field(event, name)}" for name in _own_fields(event)] or ["- no fields of its own"]
    lines += [
        "",
        f"Touches {_touched(event)}. Kept in `{table}`, version {event.class_version}. Read by {_prose(readers)}.",
    ]
    return "\n".join(lines)


def _own_fields(event: type[Recorded]) -> list[str]:
    return [field.name for field in fields(event) if field.name not in COMMON]


def _field(event: type[Recorded], name: str) -> str:
    sealed = ", **sealed**" if name in event.PERSONAL else ""
    return f"`{name}`: {_type(typing.get_type_hints(event)[name])}{sealed}"


def _type(hint: Any) -> str:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        return " or ".join([*map(_type, members), "null"])
    if typing.get_origin(hint) in (list, tuple):
        return f"list of {_type(typing.get_args(hint)[0])}"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _prose((f"`{value}`" for value in hint), " or ")
    return NAMES[typing.get_origin(hint) or hint]


def _touched(event: type[Recorded]) -> str:
    """Return the guard keys of an event, those in brackets that depend on what is in it."""
    full, bare = _guards(event, full=True), _guards(event, full=False)
    keys = [f"`{key}`" if key in bare else f"`{key}` (where it applies)" for key in full]
    return _prose(keys) if keys else "no guard"


def _guards(event: type[Recorded], *, full: bool) -> list[str]:
    """Return the guards that an event with a name in place of every value declares; `full` fills what may be null."""
    names = [*_own_fields(event), "originator_id"]
    values = {name: "<id>" if name == "originator_id" else f"<{name}>" for name in names}
    hints = typing.get_type_hints(event)
    made: Any = object.__new__(event)
    for name, value in values.items():
        if type(None) in typing.get_args(hints[name]) and not full:
            value = None  # noqa: PLW2901 - what may be null is
        if name == "role" and hints[name] is str and full:
            value = "owner"  # noqa: PLW2901 - the role that has a guard of its own
        object.__setattr__(made, name, value)
    digests = {sha256(value.encode()).hexdigest(): f"SHA-256 of {value}" for value in values.values()}
    keys = []
    for key in made.touches:
        for digest, words in digests.items():
            key = key.replace(digest, words)  # noqa: PLW2901 - the same key, in words
        keys.append(key)
    return keys


def _prose(words: Any, last: str = " and ") -> str:
    listed = list(words)
    return last.join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else listed[0]


def _doc(subject: type) -> str:
    words = inspect.getdoc(subject) or ""
    # Stored as JSON, where None is null.
    return re.sub(r"\bNone\b", "null", " ".join(words.split()))


def _anchor(topic: str) -> str:
    """Return the anchor that a heading gets: GitHub drops dots and keeps underscores."""
    return topic.replace(".", "")
