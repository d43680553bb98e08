"""Runs the service as the command line starts it, with several workers, and speaks to the one of them a test means."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from tests.service.postgres.observing import alive, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-c", "from service.cli import main; main()"]
READY = re.compile(r"^Muniment serves on (http://127\.0\.0\.1:(\d+)) ", re.MULTILINE)
PATIENCE = 60.0


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    named = {f"MUNIMENT_{name}": value for name, value in variables.items()}
    return {**inherited, "PYTHONPATH": str(CHECKOUT), "MUNIMENT_DATA_DIR": str(data_dir), **named}


def run(data_dir: Path, *arguments: str, **variables: str) -> str:
    """Run a command to its end; return what it wrote, which must not be a complaint."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Service:
    """A running service."""

    data_dir: Path
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.told = self.data_dir.parent / "told"
        self.logged = self.data_dir.parent / "logged"
        with self.told.open("wb") as told, self.logged.open("wb") as logged:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--port", "0", *self.arguments],
                env=environment(self.data_dir, **self.variables),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=logged,
            )
        until = time.monotonic() + PATIENCE
        while (found := READY.search(self.told.read_text())) is None:
            assert self.process.poll() is None, self.logged.read_text()
            assert time.monotonic() < until, self.logged.read_text()
            time.sleep(0.02)
        self.url, self.port = found[1], int(found[2])

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return self._children(b"worker")

    def _children(self, *roles: bytes) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = {int(child): Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in children}
        return [child for child, line in found.items() if any(role in line for role in roles)]

    def database(self) -> int:
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def end(self) -> int:
        """End the service in order and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End whatever is left of it, the parent first: it would start the others again."""
        left = [*self._children(b"worker", b"background"), self.database()] if self.process.poll() is None else []
        self.process.kill()
        self.process.wait()
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert eventually(lambda: not any(alive(process) for process in left))

    def served_by(self, local_port: int) -> int:
        """Return the worker that holds the other end of a connection from this port."""
        ours, theirs = f":{self.port:04X}", f":{local_port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        [inode] = [row[9] for row in rows if row[1].endswith(ours) and row[2].endswith(theirs)]
        for worker in self.workers():
            for descriptor in Path(f"/proc/{worker}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if str(descriptor.readlink()) == f"socket:[{inode}]":
                        return worker
        raise LookupError(local_port)

    @asynccontextmanager
    async def each_worker(self) -> AsyncIterator[list[aiohttp.ClientSession]]:
        """Yield one client a worker, each with a single connection that leads to it."""
        found: dict[int, aiohttp.ClientSession] = {}
        wanted = set(self.workers())
        async with AsyncExitStack() as stack:
            while found.keys() != wanted:
                port = _free_port()
                connector = aiohttp.TCPConnector(limit=1, local_addr=("127.0.0.1", port))
                session = await stack.enter_async_context(aiohttp.ClientSession(self.url, connector=connector))
                async with session.get("/healthz") as response:
                    assert response.status == 200
                    found.setdefault(self.served_by(port), session)
            yield list(found.values())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
