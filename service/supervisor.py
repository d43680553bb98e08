"""The parent process: owns the embedded PostgreSQL, prepares the database, spawns the others and replaces dead ones."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable  # noqa: TC003 - a NamedTuple reads its annotations
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import structlog

from service import greeting, port
from service.bootstrap import FILE
from service.clock import Clock
from service.initialization import initialize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 30.0
RESTART_PAUSE = 0.5
CONNECTIONS_OF_WORKER = 14  # at most: a pool to read with, one to append with, followers, and those being replaced
CONNECTIONS_BESIDE = 40  # for the background process, the command line, dumps and people
EARLY_DEATHS = 5  # processes that die this often before they do their work stop the service
CHILD = "import sys; from service.child_process import main; main(sys.argv[1], *map(int, sys.argv[2:]))"
BACKGROUND = "background"

log = structlog.get_logger(__name__)


class WorkersKeepDying(Exception):
    """Processes end before they do their work; the reason is in the log lines above."""


class DatabaseEnded(Exception):
    """The embedded PostgreSQL ended by itself."""


class Database(NamedTuple):
    """An address, and whether the server behind it still runs, as far as this process can tell."""

    dsn: str
    runs: Callable[[], bool]


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """Yield the configured database, or the embedded PostgreSQL, run meanwhile."""
    if settings.database_url is not None:
        yield Database(settings.database_url, lambda: True)
        return
    from service.postgres.supervisor import CONNECTIONS, EmbeddedPostgres  # noqa: PLC0415 - not needed with a database of one's own

    connections = CONNECTIONS_BESIDE + CONNECTIONS_OF_WORKER * settings.workers
    with EmbeddedPostgres(settings.data_dir, connections=max(connections, CONNECTIONS)) as postgres:
        yield Database(postgres.address, lambda: postgres.running)


def complete(settings: Settings, port: int) -> Settings:
    """Return the settings with everything filled in that follows from the port."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    issuer = settings.issuer or f"http://{host}:{port}"
    audiences = settings.management_audiences or (f"{issuer}/api",)
    return replace(settings, port=port, issuer=issuer, management_audiences=audiences)


class Supervisor:
    """Runs the workers and one background process until it is told to stop."""

    def __init__(self, database: Database, settings: Settings, run_folder: str) -> None:
        """Take complete settings and a folder the processes share; nothing runs before `run`."""
        self._run_folder = run_folder
        self._database = database
        self._settings = settings
        self._roles = [*(str(number) for number in range(settings.workers)), BACKGROUND]
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False
        self._early_deaths = 0

    def run(self, announce: str) -> None:
        """Start all processes, print `announce` once all do their work, and watch them and their database.

        Raises WorkersKeepDying and DatabaseEnded; the processes have ended then.
        """
        former = {sign: signal.signal(sign, self._stop) for sign in (signal.SIGTERM, signal.SIGINT)}
        try:
            for role in self._roles:
                self._children[role] = self._spawn(role)
            if not self._stopping:
                print(announce, flush=True)  # noqa: T201 - the ready line is for whoever started the program
            while not self._stopping:
                if not self._database.runs():
                    raise DatabaseEnded
                self._replace_dead()
                time.sleep(0.2)
        finally:
            self._end_children()
            for sign, handler in former.items():
                signal.signal(sign, handler)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _replace_dead(self) -> None:
        for role, child in self._children.items():
            status = child.poll()
            if status is not None and not self._stopping:
                log.warning("process_died", role=role, pid=child.pid, status=status)
                time.sleep(RESTART_PAUSE)
                self._children[role] = self._spawn(role)

    def _spawn(self, role: str) -> subprocess.Popen[bytes]:
        """Start a worker (by its number) or the background process, and wait until it does its work."""
        while True:
            reading, writing = os.pipe()
            environment = {
                **os.environ,
                **_environment(self._settings),
                # Named as in child_process.py and worker.py, which this process does not load: their memory, twice.
                "MUNIMENT_CHILD_DATABASE": self._database.dsn,
                "MUNIMENT_WORKER_NUMBER": role,
                "MUNIMENT_WORKER_RUN_FOLDER": self._run_folder,
            }
            kind = role if role == BACKGROUND else "worker"
            child = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
                [sys.executable, "-c", CHILD, kind, str(os.getpid()), str(writing)],
                env=environment,
                pass_fds=(writing,),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends them in order
            )
            os.close(writing)
            served = _await_byte(reading, child, lambda: self._stopping)
            os.close(reading)
            if served or self._stopping:
                self._early_deaths = 0
                return child
            _end(child)
            if not self._database.runs():
                raise DatabaseEnded
            self._early_deaths += 1
            if self._early_deaths >= EARLY_DEATHS:
                msg = "processes end before they do their work; the log lines above say why"
                raise WorkersKeepDying(msg)
            time.sleep(RESTART_PAUSE)

    def _end_children(self) -> None:
        for child in self._children.values():
            with suppress(ProcessLookupError):
                child.terminate()
        for child in self._children.values():
            _end(child)


def _await_byte(reading: int, child: subprocess.Popen[bytes], stopping: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not stopping():
        if select.select([reading], [], [], 0.1)[0]:
            return os.read(reading, 1) == b"1"
        if child.poll() is not None:
            return False
    return False


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("process_killed", pid=child.pid)
            child.kill()
            child.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """Return what a child must know that the parent's own environment does not say."""
    return {
        "MUNIMENT_HOST": settings.host,
        "MUNIMENT_PORT": str(settings.port),
        "MUNIMENT_WORKERS": str(settings.workers),
        "MUNIMENT_ISSUER": settings.issuer,
        "MUNIMENT_MANAGEMENT_AUDIENCES": ",".join(settings.management_audiences),
        "MUNIMENT_DATA_DIR": str(settings.data_dir),
    }


def serve(settings: Settings) -> None:
    """Run the whole service in the foreground until SIGTERM or SIGINT.

    An embedded PostgreSQL that ends by itself is started again, and the workers with it.
    """
    # The port comes first: whoever cannot have it should not have to wait for a database.
    with port.reserve(settings) as holder:
        settings = complete(settings, holder.getsockname()[1])
        while True:
            try:
                _serve(settings)
            except DatabaseEnded:
                log.error("database_ended", told="postgres.log in the data folder")  # noqa: TRY400 - there is no more
                time.sleep(RESTART_PAUSE)
            else:
                return


def _serve(settings: Settings) -> None:
    with database(settings) as found:
        root = asyncio.run(initialize(found.dsn, settings, Clock()))
        if root is not None and root.generated:
            print(greeting.introduce(root, settings), flush=True)  # noqa: T201 - shown once, to the person who started it
        elif (kept := settings.data_dir / FILE).exists():
            print(f"The root application's credentials are kept in {kept}", flush=True)  # noqa: T201 - as above
        with tempfile.TemporaryDirectory(prefix="mun-run-") as folder:
            Supervisor(found, settings, folder).run(greeting.ready(settings))
