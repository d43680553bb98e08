"""Turns domain events into stored bytes and back, with types restored and personal fields sealed.

State is JSON by msgspec. Personal fields (the event class names them in `PERSONAL`) leave the plain state and stand
under `sealed` as AES-256-GCM text bound to subject, topic and field; with the subject's key destroyed they read None.
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from domain import EVENTS
from domain.event import Recorded
from service.secrets.sealing import open_sealed, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENVELOPE_FIELDS = frozenset({"originator_id", "originator_version"})
SEALED = "sealed"
_encode = msgspec.json.encode
_decode_any = msgspec.json.Decoder().decode


class UnknownTopic(Exception):
    """The log holds a topic this code does not know: an older program reads a newer log, and must stop."""


def event_class(topic: str) -> type[Recorded]:
    """Return the event class of a topic. Raises UnknownTopic."""
    try:
        return EVENTS[topic]
    except KeyError:
        raise UnknownTopic(topic) from None


def is_token_topic(topic: str) -> bool:
    """Say whether events of this topic live in `token_events`."""
    return topic.startswith("token.")


def encode(event: Recorded, cipher: AESGCM | None = None) -> bytes:
    """Return the stored state of an event: all fields but stream and version, which are columns, and empty sparse ones.

    `cipher` is that of the subject's key; it is needed exactly when the event has personal fields that are not None.
    """
    cls = type(event)
    state = vars(event).copy()
    del state["originator_id"], state["originator_version"]
    for name in cls.SPARSE:
        if state[name] is None:
            del state[name]
    if cls.PERSONAL:
        sealed = {}
        for name in sorted(cls.PERSONAL):
            value = state.pop(name)
            if value is not None:
                if cipher is None:
                    msg = f"{cls.TOPIC} has personal fields: a subject key is needed"
                    raise ValueError(msg)
                sealed[name] = seal(cipher, _encode(value), subject=event.subject, topic=cls.TOPIC, field=name)
        if sealed:
            state[SEALED] = sealed
    if cls.class_version > 1:
        state["class_version"] = cls.class_version
    return _encode(state)


def needs_key(event: Recorded) -> bool:
    """Say whether encoding this event takes its subject's key."""
    return any(getattr(event, name) is not None for name in type(event).PERSONAL)


@cache
def _shape(topic: str) -> tuple[type[Recorded], msgspec.json.Decoder[dict[str, Any]], Any, dict[str, Any]]:
    """Return the class of a topic, the typed decoder of its state, its TypedDict and its defaults."""
    cls = event_class(topic)
    hints = typing.get_type_hints(cls)
    members: dict[str, Any] = {SEALED: typing.NotRequired[dict[str, str]]}
    defaults: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type] # the library makes every event class a dataclass
        if field.name in ENVELOPE_FIELDS:
            continue
        hint = hints[field.name]
        if field.name in cls.PERSONAL:
            defaults[field.name] = None
        elif field.default is not MISSING:
            defaults[field.name] = field.default
            members[field.name] = typing.NotRequired[hint]
        else:
            members[field.name] = hint
    shape = typing.TypedDict("State", members)  # type: ignore[misc]
    return cls, msgspec.json.Decoder(shape), shape, defaults


@cache
def _field_decoder(topic: str, field: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(typing.get_type_hints(event_class(topic))[field])


@cache
def plain_decoder(topic: str) -> Callable[[bytes], Any]:
    """Return what turns a topic's stored state into its mere fields as attributes, for half of what an event costs.

    They have the types and defaults of the event's, but ids are text, and stream, version and personal fields are
    absent. Raises UnknownTopic; what is returned raises msgspec.DecodeError.
    """
    cls = event_class(topic)
    hints = typing.get_type_hints(cls)
    members = [
        (field.name, _ids_as_text(hints[field.name]), *(() if field.default is MISSING else (field.default,)))
        for field in fields(cls)  # type: ignore[arg-type] # as in `_shape`
        if field.name not in ENVELOPE_FIELDS | cls.PERSONAL
    ]
    shape = msgspec.defstruct("Fields", members, kw_only=True, gc=False)
    if cls.class_version == 1:
        return msgspec.json.Decoder(shape).decode
    return lambda state: msgspec.convert(_upcast(cls, state), shape)


@cache
def _record_decoder(topic: str) -> Callable[[bytes], Any]:
    """Return what decodes a topic's state to a record with the attributes that `decode_record` tells of."""
    cls = event_class(topic)
    hints = typing.get_type_hints(cls)
    members: list[Any] = [(SEALED, dict[str, str] | None, None)]
    for field in fields(cls):  # type: ignore[arg-type] # as in `_shape`
        if field.name in ENVELOPE_FIELDS | cls.PERSONAL:
            members.append((field.name, Any, None))
        else:
            members.append((field.name, hints[field.name], *(() if field.default is MISSING else (field.default,))))
    # These do not come from the plain state: no field can have such a name.
    never = {name: f"-{name}" for name in ENVELOPE_FIELDS | cls.PERSONAL}
    namespace = {"TOPIC": topic, "subject": cls.subject}
    shape = msgspec.defstruct("Record", members, kw_only=True, gc=False, rename=never, namespace=namespace)
    if cls.class_version == 1:
        return msgspec.json.Decoder(shape).decode
    return lambda state: msgspec.convert(_upcast(cls, state), shape)


def decode_record(topic: str, stream: UUID, version: int, state: bytes, keys: Mapping[UUID, AESGCM] | None) -> Any:
    """Return what `decode` returns as far as fields go, and `TOPIC` and `subject`, but no event: for half the time."""
    record = _record_decoder(topic)(state)
    record.originator_id, record.originator_version = stream, version
    if record.sealed and keys:
        for name, value in _opened(topic, record.subject, record.sealed, keys):
            setattr(record, name, value)
    return record


def _opened(
    topic: str, subject: UUID, sealed: Mapping[str, str], keys: Mapping[UUID, AESGCM]
) -> Iterator[tuple[str, Any]]:
    """Yield the sealed fields in plain form; none when there is no key."""
    key = keys.get(subject)
    if key is not None:
        for name, text in sealed.items():
            plain = open_sealed(key, text, subject=subject, topic=topic, field=name)
            yield name, _field_decoder(topic, name).decode(plain)


def _ids_as_text(hint: Any) -> Any:
    if hint is UUID:
        return str
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return typing.Union[tuple(map(_ids_as_text, typing.get_args(hint)))]  # noqa: UP007 - made at run time
    return hint


def _upcast(cls: type[Recorded], state: bytes) -> dict[str, Any]:
    raw: dict[str, Any] = _decode_any(state)
    for old in range(raw.pop("class_version", 1), cls.class_version):
        getattr(cls, f"upcast_v{old}_v{old + 1}")(raw)
    return raw


def decode(topic: str, stream: UUID, version: int, state: bytes, keys: Mapping[UUID, AESGCM] | None = None) -> Recorded:
    """Return the event that was stored.

    `keys` maps subjects to their keys; a personal field whose subject has none there reads None. Older class versions
    are upcast first (`upcast_v1_v2(state)` on the event class). Raises UnknownTopic and msgspec.DecodeError.
    """
    cls, decoder, shape, defaults = _shape(topic)
    values: dict[str, Any] = (
        decoder.decode(state) if cls.class_version == 1 else msgspec.convert(_upcast(cls, state), shape)
    )
    sealed: dict[str, str] | None = values.pop(SEALED, None)
    event = object.__new__(cls)
    merged = {"originator_id": stream, "originator_version": version, **defaults, **values}
    object.__setattr__(event, "__dict__", merged)  # as the library's mapper does: frozen dataclasses, no __init__
    if sealed and keys:
        merged.update(_opened(topic, event.subject, sealed, keys))
    return event


def sealed_subject(topic: str, stream: UUID, version: int, state: bytes) -> UUID | None:
    """Return whose key opens this state, or None when nothing in it is sealed."""
    cls = event_class(topic)
    if not cls.PERSONAL or b'"sealed"' not in state:
        return None
    if cls.subject is Recorded.subject:
        return stream
    return decode(topic, stream, version, state).subject
