"""Runs the embedded PostgreSQL as a child: started, awaited, stopped in order, and never outliving its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import structlog

from service.postgres.binaries import Binaries, find_binaries
from service.postgres.child import spawn
from service.postgres.claim import Claim
from service.postgres.cluster import DATABASE, SUPERUSER, make_cluster, require_same_major
from service.postgres.configuration import PORT, server_arguments
from service.postgres.place import REFUGE, Place, reachable, settle
from service.postgres.problem import PostgresProblem

if TYPE_CHECKING:
    from types import TracebackType

CONNECTIONS = 100
_POLL_SECONDS = 0.005
_PREDECESSOR_SECONDS = 60.0
_FAST_STOP_SECONDS = 30.0
_QUICK_STOP_SECONDS = 10.0
_LARGEST_LOG = 8 * 1024 * 1024
# What the server says while a predecessor, or a process of it, still holds the folder.
_STILL_HELD = ("is another postmaster", "is another postgres", "pre-existing shared memory block")
# The line of postmaster.pid that tells the server's state.
_STATE_LINE = 7
_NOT_STARTED = "The embedded database was not started."
_log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """The embedded database of one data folder.

    `durable=False` gives up safety against power loss for speed: for tests. `connections` is how many it takes at most;
    each costs memory from the start. Start it from the main thread, before
    other threads exist, and start workers as new programs: a bare fork would inherit the lock on the folder.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        connections: int = CONNECTIONS,
        binaries: Binaries | None = None,
        refuge: Path = REFUGE,
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._durable = durable
        self._connections = connections
        self._binaries = binaries
        self._refuge = refuge
        self._claim: Claim | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server and return the address of its database, which exists and is empty after the first start.

        Raises PostgresProblem: no usable PostgreSQL, a folder in use, out of reach or of another major version.
        """
        if self._process is not None:
            raise PostgresProblem("The embedded database was started already.")
        binaries = self._binaries = self._binaries or find_binaries()
        place = settle(self._data_dir, self._refuge)
        claim = Claim(place)
        try:
            binaries = reachable(binaries, place.identity, self._refuge)
            if place.cluster.exists():
                require_same_major(place, binaries, self._data_dir)
            else:
                make_cluster(place, binaries, durable=self._durable)
            _await_predecessor(place)
            socket_folder = claim.make_socket_folder(place.identity)
            arguments = server_arguments(
                place.cluster, socket_folder, durable=self._durable, connections=self._connections
            )
            self._process = _serve(place, [binaries.program("postgres"), *arguments])
        except BaseException:
            claim.release()
            raise
        self._claim = claim
        return self.address

    def stop(self) -> None:
        """End all sessions, write a checkpoint and stop. Does nothing when the server does not run."""
        process, self._process = self._process, None
        if process is not None:
            _stop(process)
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    @property
    def address(self) -> str:
        """The database's address for asyncpg and libpq. Raises PostgresProblem when the server was not started."""
        if self._claim is None:
            raise PostgresProblem(_NOT_STARTED)
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self._claim.socket_folder))}&port={PORT}"

    @property
    def major_version(self) -> int:
        """The major version of the PostgreSQL that runs, or would."""
        self._binaries = self._binaries or find_binaries()
        return self._binaries.major

    @property
    def process_id(self) -> int:
        """The server's process. Raises PostgresProblem when it was not started."""
        if self._process is None:
            raise PostgresProblem(_NOT_STARTED)
        return self._process.pid

    @property
    def running(self) -> bool:
        """False before the start, after the stop, and when the server died by itself."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _serve(place: Place, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the server and wait until it accepts connections, trying again while a predecessor's processes end."""
    if place.log.exists() and place.log.stat().st_size > _LARGEST_LOG:
        place.log.replace(place.log.with_suffix(".log.old"))
    deadline = time.monotonic() + _PREDECESSOR_SECONDS
    with os.fdopen(os.open(place.log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "rb+") as log:
        while True:
            start_of_attempt = log.seek(0, os.SEEK_END)
            process = spawn(command, place.identity, death_signal=signal.SIGINT, output=log)
            try:
                ready = _await_ready(place, process)
            except BaseException:
                _stop(process)
                raise
            if ready:
                return process
            log.seek(start_of_attempt)
            told = log.read().decode(errors="replace")
            if not any(phrase in told for phrase in _STILL_HELD) or time.monotonic() > deadline:
                raise PostgresProblem(
                    f"PostgreSQL did not start in {place.cluster}: {told.strip() or process.returncode}"
                )
            time.sleep(_POLL_SECONDS * 4)


def _await_ready(place: Place, process: subprocess.Popen[bytes]) -> bool:
    """Return True when the server accepts connections, False when it ended. Recovery after a crash takes its time."""
    patience = time.monotonic() + 5
    while process.poll() is None:
        lines = _postmaster_lines(place)
        if len(lines) > _STATE_LINE and lines[0] == str(process.pid) and lines[_STATE_LINE].strip() == "ready":
            return True
        if time.monotonic() > patience:
            _log.info("database_recovering", folder=str(place.cluster))
            patience += 30
        time.sleep(_POLL_SECONDS)
    return False


def _await_predecessor(place: Place) -> None:
    """Wait while the server of a supervisor that was killed stops. Raises PostgresProblem when it does not.

    Holding the lock means that no supervisor is left: a server that runs here is on its way out.
    """
    deadline = time.monotonic() + _PREDECESSOR_SECONDS
    while (lines := _postmaster_lines(place)) and _is_server(lines[0]):
        if time.monotonic() > deadline:
            raise PostgresProblem(
                f"Process {lines[0]}, a PostgreSQL that nobody supervises, still uses {place.cluster}: end it."
            )
        time.sleep(_POLL_SECONDS)


def _postmaster_lines(place: Place) -> list[str]:
    try:
        return (place.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_server(process_id: str) -> bool:
    """Tell whether the process lives and is a PostgreSQL: after a crash another program may have its number."""
    try:
        return Path("/proc", process_id, "comm").read_text().strip() == "postgres"
    except OSError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for gentle, seconds in ((signal.SIGINT, _FAST_STOP_SECONDS), (signal.SIGQUIT, _QUICK_STOP_SECONDS)):
        process.send_signal(gentle)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
    process.kill()
    process.wait()
