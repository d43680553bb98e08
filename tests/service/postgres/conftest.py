"""A cluster made once for all tests that need not see one made, and the parent that is killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.postgres import EmbeddedPostgres
from tests.postgres_fixture import make_open_folder
from tests.service.postgres.observing import socket_folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def made_cluster() -> Iterator[Path]:
    folder = make_open_folder()
    with EmbeddedPostgres(folder, durable=False):
        pass
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(open_folder: Path, made_cluster: Path) -> Path:
    """A data folder whose database was made before, in a path that needs quoting."""
    copy = open_folder / 'it\'s "my" var'
    # Keeps owners, which shutil does not.
    subprocess.run(["cp", "-a", "--reflink=auto", str(made_cluster), str(copy)], check=True)
    return copy


@dataclass
class Parent:
    process: subprocess.Popen[str]
    address: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def parent_of() -> Callable[[Path], object]:
    """A context manager that serves a data folder from another process, killed at the end if it still runs."""

    @contextmanager
    def serve(data_dir: Path) -> Iterator[Parent]:
        command = [sys.executable, "-m", "service.postgres", str(data_dir)]
        with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            try:
                yield Parent(process, address)
            finally:
                process.kill()
                # What a next start would do, and some tests start none.
                shutil.rmtree(socket_folder_of(address), ignore_errors=True)

    return serve
