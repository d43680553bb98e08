"""Servers as child processes: started, waited for, and ended with everything they started."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench import proc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

READY_WITHIN = 60.0  # seconds; a first start makes a database
ENDS_WITHIN = 15.0  # seconds, before it is killed
POLL = 0.05  # seconds

URL = re.compile(r"http://127\.0\.0\.1:([1-9]\d*)")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class DidNotStart(Exception):
    """A server ended or stayed silent; the text ends with its last lines."""


@dataclass(frozen=True)
class Child:
    """A running server: its process and the URL from its ready line."""

    pid: int
    url: str


def die_with_parent() -> None:
    """Have the kernel end this process with its parent: even kill -9 of the benchmark leaves nothing behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def environment(**extra: str) -> dict[str, str]:
    """Return a child's environment: ours less any MUNIMENT_ setting of the person at the keyboard, plus `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


@contextmanager
def running(command: Sequence[str], *, env: Mapping[str, str], folder: Path, log: Path) -> Iterator[Child]:
    """Run a server in `folder` until the block ends. Raises DidNotStart.

    Its output goes to the file `log`, so that a full pipe can never slow it down.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; we end the server in order
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the benchmark has no threads when it starts a server
        )
    try:
        yield Child(process.pid, _await_url(process, log))
    finally:
        _end(process)


def _await_url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        # Whole lines only: half a line may hold half a port.
        if found := URL.search(text[: text.rfind("\n") + 1]):
            return found.group()
        if process.poll() is not None:
            break
        time.sleep(POLL)
    state = f"ended with {process.returncode}" if process.returncode is not None else "named no URL"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    message = f"{process.args!r} {state}:\n{tail}"
    raise DidNotStart(message)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end; kill it, and what is left of its family, when it does not."""
    # A second Ctrl-C must not interrupt the tidying of the first.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        relatives = [found for pid in proc.family(process.pid) if (found := proc.identity(pid))]
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _end_stragglers(relatives)
    finally:
        signal.signal(signal.SIGINT, before)


def _end_stragglers(relatives: Sequence[proc.Identity]) -> None:
    deadline = time.monotonic() + ENDS_WITHIN
    while left := [one for one in relatives if proc.identity(one.pid) == one]:
        if time.monotonic() >= deadline:
            for one in left:
                sys.stderr.write(f"left behind by its server and killed: process {one.pid}\n")
                os.kill(one.pid, signal.SIGKILL)
            return
        time.sleep(POLL)
