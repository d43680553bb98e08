"""Archives of token events: a folder a month, with its events as compressed JSON lines and a manifest that proves them.

A line holds every column of the log; `state` is the stored state, in base64. A folder appears whole or not at all: it
is written under another name, synced and read back first.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMAT = 1
EVENTS, MANIFEST = "events.jsonl.gz", "manifest.json"
BLOCK = 1 << 20


class Damaged(Exception):
    """An archive is not what its manifest says; the message tells what is wrong."""


class Line(msgspec.Struct):
    """One event, every column."""

    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes
    recorded_at: datetime
    organization: UUID
    actor: UUID
    client: UUID | None
    request_id: UUID
    causation: UUID


class Manifest(msgspec.Struct):
    """What is in an archive. `sha256` is of the compressed file, `content_sha256` of the lines in it."""

    format: int
    partition: str
    events: int
    first: int
    last: int
    first_at: datetime
    last_at: datetime
    bytes: int
    sha256: str
    content_sha256: str


class Content(NamedTuple):
    """What reading an archive's lines found."""

    events: int
    first: int
    last: int
    first_at: datetime
    last_at: datetime
    digest: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode
_decode_manifest = msgspec.json.Decoder(Manifest).decode


class Writer:
    """Writes one archive, line by line, in bounded memory."""

    def __init__(self, folder: Path, partition: str) -> None:
        """Begin an archive of a month inside a folder; what a broken run left behind is removed."""
        self._partition = partition
        self._final = folder / partition
        self._folder = folder / f"{partition}.part"
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._folder.mkdir(parents=True, mode=0o700)
        self._raw = (self._folder / EVENTS).open("wb")
        self._gzip = gzip.GzipFile(filename="", fileobj=self._raw, mode="wb", compresslevel=6, mtime=0)
        self._digest = hashlib.sha256()
        self._events = 0

    def write(self, lines: Iterable[Line]) -> None:
        """Add events, in the order of their positions."""
        for line in lines:
            text = _encode(line) + b"\n"
            self._digest.update(text)
            self._gzip.write(text)
            self._events += 1

    def finish(self) -> Manifest:
        """Sync, read back, write the manifest, and give the folder its name. Raises Damaged."""
        self._gzip.close()
        _sync(self._raw.fileno())
        self._raw.close()
        found = _content(self._folder / EVENTS)
        if (found.events, found.digest) != (self._events, self._digest.hexdigest()):
            msg = f"{self._folder / EVENTS} does not hold what was written to it"
            raise Damaged(msg)
        size, sha256 = _file_digest(self._folder / EVENTS)
        manifest = Manifest(FORMAT, self._partition, *found[:5], size, sha256, found.digest)
        with (self._folder / MANIFEST).open("wb") as file:
            file.write(msgspec.json.format(_encode(manifest), indent=2) + b"\n")
            file.flush()
            _sync(file.fileno())
        _sync_folder(self._folder)
        self._folder.rename(self._final)
        _sync_folder(self._final.parent)
        return manifest

    def give_up(self) -> None:
        """Close and remove what was written so far."""
        self._raw.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def check(folder: Path) -> Manifest:
    """Read an archive whole and return its manifest. Raises Damaged when anything differs from it."""
    try:
        manifest = _decode_manifest((folder / MANIFEST).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        msg = f"{folder / MANIFEST} cannot be read: {error}"
        raise Damaged(msg) from error
    if manifest.format != FORMAT:
        msg = f"{folder} is of format {manifest.format}: this program reads {FORMAT}"
        raise Damaged(msg)
    try:
        told = (manifest.bytes, manifest.sha256)
        if _file_digest(folder / EVENTS) != told:
            msg = f"{folder / EVENTS} has another digest or length than its manifest tells"
            raise Damaged(msg)
        found = _content(folder / EVENTS)
    except (OSError, EOFError, msgspec.DecodeError) as error:
        msg = f"{folder / EVENTS} cannot be read: {error}"
        raise Damaged(msg) from error
    if found != Content(
        manifest.events, manifest.first, manifest.last, manifest.first_at, manifest.last_at, manifest.content_sha256
    ):
        msg = f"{folder / EVENTS} holds other events than its manifest tells"
        raise Damaged(msg)
    return manifest


def archives(folder: Path) -> list[Path]:
    """Return the archives in a folder, by month; the folder itself when it is one."""
    if (folder / MANIFEST).exists():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if path.parent.suffix != ".part")


def _content(path: Path) -> Content:
    digest = hashlib.sha256()
    first: Line | None = None
    last: Line | None = None
    events = 0
    for text in _lines(path):
        digest.update(text)
        line = _decode(text)
        if last is not None and line.position <= last.position:
            msg = f"{path} does not hold its events in order"
            raise Damaged(msg)
        first, last = first or line, line
        events += 1
    if first is None or last is None:
        msg = f"{path} holds no events"
        raise Damaged(msg)
    return Content(events, first.position, last.position, first.recorded_at, last.recorded_at, digest.hexdigest())


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from file


def _file_digest(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
