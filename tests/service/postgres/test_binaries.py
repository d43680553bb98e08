"""Which PostgreSQL is chosen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from service.postgres import PostgresProblem, binaries, find_binaries

if TYPE_CHECKING:
    from pathlib import Path


def program_that_tells(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def bare_system(tmp_path, monkeypatch):
    """A system without any PostgreSQL but those that the test puts into this folder."""
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    monkeypatch.setattr(binaries, "SYSTEM_INSTALLATIONS", tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    return tmp_path


def test_the_wheel_is_preferred_and_never_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, binaries.WHEEL, raising=False)
    found = find_binaries()
    assert found.from_wheel
    assert found.major == 18
    assert binaries.WHEEL not in sys.modules


def test_without_the_wheel_the_newest_of_the_system_is_taken(bare_system):
    program_that_tells(bare_system / "9" / "bin", "9.6.24")
    program_that_tells(bare_system / "16" / "bin", "16.4 (Debian 16.4-1)")
    program_that_tells(bare_system / "17" / "bin", "17.0")
    assert find_binaries().folder == bare_system / "17" / "bin"
    assert find_binaries().version == "17.0"


def test_a_postgres_on_the_path_goes_before_the_system_folders(bare_system, tmp_path, monkeypatch):
    program_that_tells(bare_system / "17" / "bin", "17.0")
    own = program_that_tells(tmp_path / "own", "15.1")
    monkeypatch.setenv("PATH", str(own))
    assert find_binaries().folder == own
    assert find_binaries().major == 15


def test_a_version_still_in_the_making_is_understood(bare_system):
    program_that_tells(bare_system / "19" / "bin", "19devel")
    assert find_binaries().major == 19


def test_a_postgres_before_15_is_refused_and_named(bare_system):
    program_that_tells(bare_system / "14" / "bin", "14.9")
    with pytest.raises(PostgresProblem, match=r"has 14\.9"):
        find_binaries()


def test_no_postgres_at_all_is_refused_with_the_ways_out(bare_system):
    with pytest.raises(PostgresProblem, match="MUNIMENT_DATABASE_URL"):
        find_binaries()


def test_programs_that_do_not_run_here_are_passed_over(bare_system):
    broken = program_that_tells(bare_system / "18" / "bin", "18.0")
    (broken / "postgres").write_text("#!/nonexistent\n")
    program_that_tells(bare_system / "16" / "bin", "16.0")
    assert find_binaries().major == 16
