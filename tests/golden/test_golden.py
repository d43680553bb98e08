"""What was ever stored can be read for ever: each version of each event has a golden file, and each still loads."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from domain import EVENTS
from service.store import codec
from tests.golden import format as golden_format
from tests.golden.format import CIPHER, files, load, missing, path, read, told

if TYPE_CHECKING:
    from pathlib import Path

every_file = pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)


def test_every_version_of_every_event_has_a_golden_file() -> None:
    assert missing() == [], "write the new ones with `python -m tests.golden.write` and never change them again"


def test_a_new_version_of_an_event_needs_a_golden_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EVENTS["user.created"], "class_version", 3)
    assert missing() == [("user.created", 2), ("user.created", 3)]


def test_a_golden_file_that_is_gone_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden_format, "FOLDER", shutil.copytree(golden_format.FOLDER, tmp_path / "golden"))
    path("user.created", 1).unlink()
    assert missing() == [("user.created", 1)]


@every_file
def test_a_golden_file_still_loads_with_its_types(file: Path) -> None:
    golden = read(file)
    assert file == path(golden.topic, golden.class_version), "a topic is for ever"
    found = told(load(golden))
    kind = EVENTS[golden.topic]
    assert {name: found.get(name) for name in golden.decoded} == golden.decoded
    for added in found.keys() - golden.decoded.keys():
        assert hasattr(kind, added), "a field that was added later has a default"


@every_file
def test_a_golden_event_of_the_present_version_is_stored_as_it_was(file: Path) -> None:
    golden = read(file)
    kind = EVENTS[golden.topic]
    if kind.class_version == golden.class_version and not kind.PERSONAL:
        stored = codec.encode(load(golden))
        # A field that was added later stands in new states and not in the golden one.
        assert codec.decode(golden.topic, golden.stream, golden.version, stored) == load(golden)
        assert stored.decode() == golden.state or len(told(load(golden))) > len(golden.decoded)


@pytest.mark.parametrize(
    "file", [file for file in files() if read(file).subject is not None], ids=lambda file: file.stem
)
def test_personal_fields_open_with_their_subjects_key_alone(file: Path) -> None:
    golden = read(file)
    personal = EVENTS[golden.topic].PERSONAL & golden.decoded.keys()  # others were added later
    assert personal
    for name in personal:
        assert str(golden.decoded[name][1]) not in golden.state
        assert getattr(load(golden), name) == golden.decoded[name][1]
        assert getattr(load(golden, with_key=False), name) is None
    resealed = codec.encode(load(golden), CIPHER)
    assert codec.decode(golden.topic, golden.stream, golden.version, resealed, {golden.subject: CIPHER}) == load(golden)


def test_every_event_with_personal_fields_has_a_sealed_golden_file() -> None:
    sealed = {read(file).topic for file in files() if read(file).subject is not None}
    assert sealed == {topic for topic, kind in EVENTS.items() if kind.PERSONAL}
