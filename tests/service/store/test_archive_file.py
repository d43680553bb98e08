"""An archive appears whole or not at all, holds every column, and any change to it is found."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest

from service.store import archive_file
from service.store.archive_file import EVENTS, MANIFEST, Damaged, Line, Manifest, Writer, archives, check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MONTH = "token_events_202501"
AT = datetime(2025, 1, 2, 3, 4, 5, 678901, UTC)


def a_line(position: int, **told: Any) -> Line:
    fields = {
        "position": position, "stream": UUID(int=position), "version": 1, "topic": "token.issued",
        "state": b'{"user":null}', "recorded_at": AT, "organization": UUID(int=1), "actor": UUID(int=2),
        "client": None, "request_id": UUID(int=3), "causation": UUID(int=4),
    }  # fmt: skip
    return Line(**{**fields, **told})


def written(folder: Path, *positions: int) -> Manifest:
    writer = Writer(folder, MONTH)
    for position in positions:
        writer.write([a_line(position)])
    return writer.finish()


def change_manifest(folder: Path, **told: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **told}))


def rewrite(folder: Path, *lines: Line) -> None:
    """Put other events in, with a manifest that tells their file's digest."""
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    (folder / EVENTS).write_bytes(gzip.compress(text))
    size, sha256 = archive_file._file_digest(folder / EVENTS)
    change_manifest(folder, bytes=size, sha256=sha256)


def test_an_archive_holds_every_column_of_every_event(tmp_path: Path) -> None:
    manifest = written(tmp_path, 3, 7, 8)
    with gzip.open(tmp_path / MONTH / EVENTS) as file:
        lines = [json.loads(line) for line in file]
    assert [line["position"] for line in lines] == [3, 7, 8]
    assert lines[0] == {
        "position": 3, "stream": str(UUID(int=3)), "version": 1, "topic": "token.issued",
        "state": "eyJ1c2VyIjpudWxsfQ==", "recorded_at": "2025-01-02T03:04:05.678901Z",
        "organization": str(UUID(int=1)), "actor": str(UUID(int=2)), "client": None,
        "request_id": str(UUID(int=3)), "causation": str(UUID(int=4)),
    }  # fmt: skip
    assert (manifest.format, manifest.partition, manifest.events) == (1, MONTH, 3)
    assert (manifest.first, manifest.last, manifest.first_at, manifest.last_at) == (3, 8, AT, AT)
    assert check(tmp_path / MONTH) == manifest
    assert archives(tmp_path) == archives(tmp_path / MONTH) == [tmp_path / MONTH]


def test_the_same_events_make_the_same_file(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one", 1, 2), written(tmp_path / "other", 1, 2)
    assert one == other


def test_until_it_is_finished_there_is_no_archive(tmp_path: Path) -> None:
    writer = Writer(tmp_path, MONTH)
    writer.write([a_line(1)])
    assert archives(tmp_path) == []
    writer._raw.close()
    # A process that died left this: the next one begins anew.
    again = Writer(tmp_path, MONTH)
    again.write([a_line(2)])
    assert again.finish().first == 2
    assert [path.name for path in tmp_path.iterdir()] == [MONTH]


def test_what_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path, MONTH)
    writer.write([a_line(1)])
    writer.give_up()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_read_back_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path, MONTH)
    writer.write([a_line(1)])
    monkeypatch.setattr(archive_file, "_content", lambda _: archive_file.Content(1, 1, 1, AT, AT, "another"))
    with pytest.raises(Damaged, match="does not hold what was written"):
        writer.finish()
    assert archives(tmp_path) == []


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed byte": (
        lambda f: (f / EVENTS).write_bytes((f / EVENTS).read_bytes()[:-9] + b"\0" + (f / EVENTS).read_bytes()[-8:]),
        "another digest",
    ),
    "a cut file": (lambda f: (f / EVENTS).write_bytes((f / EVENTS).read_bytes()[:-1]), "another digest"),
    "no file": (lambda f: (f / EVENTS).unlink(), "cannot be read"),
    "a missing event": (lambda f: rewrite(f, a_line(1), a_line(3)), "other events"),
    "a changed event": (lambda f: rewrite(f, a_line(1), a_line(2, version=2), a_line(3)), "other events"),
    "events in another order": (lambda f: rewrite(f, a_line(1), a_line(3), a_line(2)), "in order"),
    "an event twice": (lambda f: rewrite(f, a_line(1), a_line(1)), "in order"),
    "nothing": (rewrite, "no events"),
    "another count": (lambda f: change_manifest(f, events=4), "other events"),
    "another position": (lambda f: change_manifest(f, last=9), "other events"),
    "another time": (lambda f: change_manifest(f, last_at="2026-01-01T00:00:00Z"), "other events"),
    "another format": (lambda f: change_manifest(f, format=2), "format 2"),
    "half a manifest": (lambda f: (f / MANIFEST).write_text("{"), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_found(tmp_path: Path, damage: str) -> None:
    written(tmp_path, 1, 2, 3)
    hurt, told = DAMAGES[damage]
    hurt(tmp_path / MONTH)
    with pytest.raises(Damaged, match=told):
        check(tmp_path / MONTH)
