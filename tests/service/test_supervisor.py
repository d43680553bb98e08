"""The parent process: what it starts again by itself, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"^Muniment serves on (http://127\.0\.0\.1:\d+) ")
PATIENCE = 30.0


class Service:
    """A service on the embedded database, started as the command line starts it."""

    def __init__(self, data_dir: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", "0"],
            env={**environment, "MUNIMENT_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = self.ready()

    def ready(self) -> str:
        """Return the address once the service says that it serves."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if (found := READY.match(line)) is not None:
                return found[1]
        return pytest.fail("the service ended before it served")

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def database(self) -> int:
        """Return the process of the PostgreSQL that runs now."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def child(self, role: str) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        [found] = [int(child) for child in children if role in Path(f"/proc/{child}/cmdline").read_text().split("\0")]
        return found

    def replaced(self, role: str, former: int) -> bool:
        """Say whether a new process has the role; while it is being started there may be none."""
        try:
            return self.child(role) != former
        except (ValueError, OSError):
            return False

    def end(self) -> tuple[int, list[str]]:
        """End the service in order; return its status and the events it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, told = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line)["event"] for line in told.splitlines()]


@pytest.fixture
def service(open_folder: Path) -> Iterator[Service]:
    started = Service(open_folder / "var")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.communicate()


@pytest.mark.parametrize("role", ["worker", "background"])
def test_a_process_and_a_database_that_die_are_started_again(service: Service, role: str) -> None:
    dead = service.child(role)
    os.kill(dead, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while (not service.is_ready() or not service.replaced(role, dead)) and time.monotonic() < until:
        time.sleep(0.1)
    assert service.is_ready()
    assert service.replaced(role, dead)

    former, address = service.database(), service.url
    os.kill(former, signal.SIGKILL)
    assert service.ready() == address
    assert service.is_ready()
    assert service.database() != former

    status, told = service.end()
    assert status == 0
    assert "process_died" in told
    assert "database_ended" in told
