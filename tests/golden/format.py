"""Golden files: one for each version of each event, holding its state exactly as the log does.

`python -m tests.golden.write` writes those that are missing. A file that is there is never written again: it stands for
what is in logs out there, and the program must be able to read it for ever.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain import EVENTS
from service.store import codec

if TYPE_CHECKING:
    from domain.event import Recorded

FOLDER = Path(__file__).parent
STREAM = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
CIPHER = AESGCM(bytes(range(32)))  # of every golden subject


class Golden(msgspec.Struct):
    """One file. `decoded` holds each field's type and value; `subject` whose key seals the personal ones."""

    topic: str
    class_version: int
    stream: UUID
    version: int
    state: str
    decoded: dict[str, tuple[str, Any]]
    subject: UUID | None = None


def path(topic: str, class_version: int) -> Path:
    return FOLDER / f"{topic}.v{class_version}.json"


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def read(file: Path) -> Golden:
    return msgspec.json.decode(file.read_bytes(), type=Golden)


def load(golden: Golden, *, with_key: bool = True) -> Recorded:
    """Decode a golden state as if it had just been read from the log."""
    keys = {golden.subject: CIPHER} if golden.subject is not None and with_key else {}
    return codec.decode(golden.topic, golden.stream, golden.version, golden.state.encode(), keys)


def told(event: Recorded) -> dict[str, tuple[str, Any]]:
    """Return the fields of an event with their types, but for those that are columns of the log."""
    fields = {name: value for name, value in vars(event).items() if name not in codec.ENVELOPE_FIELDS}
    return {name: (type(value).__name__, plain(value)) for name, value in sorted(fields.items())}


def plain(value: object) -> object:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, Enum) else value


def missing() -> list[tuple[str, int]]:
    """Return the event versions that have no golden file."""
    versions = [(topic, version) for topic, kind in EVENTS.items() for version in range(1, kind.class_version + 1)]
    return [each for each in versions if not path(*each).exists()]
