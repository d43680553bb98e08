"""Writes the golden file of every event of the present version that has none: `python -m tests.golden.write`."""

from __future__ import annotations

import sys
import types
import typing
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID, uuid5

import msgspec

from domain import AGGREGATES, EVENTS
from service.store import codec
from tests.golden.format import CIPHER, STREAM, Golden, missing, path, told

if typing.TYPE_CHECKING:
    from domain.event import Recorded


def example(name: str, kind: Any) -> Any:
    """Return a value of a type that tells which field it belongs to; an optional field has one."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return example(name, next(each for each in typing.get_args(kind) if each is not types.NoneType))
    if origin in (list, tuple):
        return origin((f"{name}_a", f"{name}_b"))
    if origin is dict:
        if typing.get_args(kind)[1] is str:
            return {"en": f"{name}_a", "fr": f"{name}_b"}
        return {"kty": "EC", "crv": "P-256", "x": name, "nested": {"numbers": [1, 2.5, None, True]}}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    values = {
        UUID: uuid5(STREAM, name),
        datetime: datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
        str: f'{name} "quoted" \u00e9 \U0001f511',
        bool: True,
        int: 3600,
    }
    return values[kind]


def an_event(topic: str) -> Recorded:
    kind = EVENTS[topic]
    hints = typing.get_type_hints(kind)
    fields = {name: example(name, hints[name]) for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]
    first = "originator_topic" in fields
    fields |= {"originator_id": STREAM, "originator_version": 1 if first else 2}
    if first:
        [fields["originator_topic"]] = [each.TOPIC for each in AGGREGATES if kind in vars(each).values()]
    return kind(**fields)


def main() -> None:
    for topic, class_version in missing():
        if class_version != EVENTS[topic].class_version:
            sys.exit(f"{topic}: version {class_version} can only be taken from an older program")
        event = an_event(topic)
        golden = Golden(
            topic=topic,
            class_version=class_version,
            stream=event.originator_id,
            version=event.originator_version,
            state=codec.encode(event, CIPHER).decode(),
            decoded=told(event),
            subject=event.subject if codec.needs_key(event) else None,
        )
        file = path(topic, class_version)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(golden), indent=2) + b"\n")
        print(f"wrote {file.name}")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
