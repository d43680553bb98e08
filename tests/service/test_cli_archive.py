"""Archiving from the command line: what leaves, what stays and why, and whether archives still hold."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from service.store.archive_file import EVENTS
from tests.fake_clock import FakeClock
from tests.service.store import test_archive as given
from tests.store_fixture import MASTER_KEY, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def muniment(store_database: str, tmp_path: Path) -> Run:
    """A function that runs the program on a database of the test and returns its status and what it wrote."""

    def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", *arguments],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")},
                "MUNIMENT_DATA_DIR": str(tmp_path / "var"),
                "MUNIMENT_DATABASE_URL": store_database,
                "MUNIMENT_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
                **{f"MUNIMENT_{name}": value for name, value in variables.items()},
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def month(store_database: str) -> str:
    """The name of a month with one token of a machine in it, a hundred days old and purged."""

    async def make() -> str:
        async with opened(store_database, FakeClock()) as parts:
            await given.some_history(parts)
            await parts.owner.execute(given.AGED, timedelta(days=100))
            return given.month(parts)

    return asyncio.run(make())


def line_of(month: str, text: str) -> str:
    [line] = [line for line in text.splitlines() if month in line]
    return line


def test_nothing_leaves_unless_an_age_is_set(muniment: Run, month: str) -> None:
    status, told, _ = muniment("events", "archive")
    assert status == 0
    assert line_of(month, told) == f"{month}: stays, no age is set at which token events leave"


def test_a_month_is_archived_checked_and_gone(muniment: Run, month: str, tmp_path: Path) -> None:
    status, told, _ = muniment("events", "archive", "--dry-run", ARCHIVE_MACHINE_DAYS="100")
    assert (status, line_of(month, told)) == (0, f"{month}: would be archived")
    status, told, _ = muniment("events", "archive", ARCHIVE_MACHINE_DAYS="100")
    folder = tmp_path / "var" / "archive"
    assert status == 0
    assert line_of(month, told) == f"{month}: 1 events archived in {folder / month}"
    assert month not in muniment("events", "archive", ARCHIVE_MACHINE_DAYS="100")[1]
    status, told, _ = muniment("events", "check-archive")
    assert (status, told.strip()) == (0, f"{folder / month}: 1 events, positions 2 to 2")
    status, told, _ = muniment("events", "list")
    assert (status, [int(line.split()[0]) for line in told.splitlines()]) == (0, [1, 3, 4, 5])


def test_a_damaged_archive_is_told(muniment: Run, month: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    muniment("events", "archive", str(folder), ARCHIVE_MACHINE_DAYS="100")
    (folder / month / EVENTS).write_bytes(b"")
    status, told, _ = muniment("events", "check-archive", str(folder))
    assert status == 1
    assert line_of(month, told).startswith(f"DAMAGED: {folder / month / EVENTS}")


def test_a_folder_without_archives_is_no_proof(muniment: Run, tmp_path: Path) -> None:
    status, _, problem = muniment("events", "check-archive", str(tmp_path))
    assert (status, problem.strip()) == (1, f"muniment: no archive in {tmp_path}")


def test_a_folder_that_holds_something_else_ends_the_command(muniment: Run, month: str, tmp_path: Path) -> None:
    (tmp_path / "var" / "archive" / month).mkdir(parents=True)
    status, _, problem = muniment("events", "archive", ARCHIVE_MACHINE_DAYS="100")
    assert status == 1
    [line] = problem.splitlines()
    assert line.startswith("muniment: ")
    assert "manifest.json" in line
