"""Starts PostgreSQL's programs as children that the kernel ends when this process dies, however it dies."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

from service.postgres.problem import PostgresProblem

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence

    from service.postgres.identity import Identity

_PR_SET_PDEATHSIG = 1
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH")


def spawn(
    command: Sequence[str],
    identity: Identity,
    *,
    death_signal: signal.Signals,
    output: IO[bytes],
    reads: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program as `identity`, in a session of its own so that a terminal's Ctrl-C goes to the parent alone.

    The kernel sends the death signal when the *thread* that started the child ends, so only the main thread may.
    It checks the sender's rights: a parent that gives up root afterwards could no longer end its child.
    """
    if sys.platform != "linux":
        raise PostgresProblem(
            "The embedded database runs on Linux only: name a PostgreSQL server in MUNIMENT_DATABASE_URL."
        )
    if threading.current_thread() is not threading.main_thread():
        raise PostgresProblem(
            "The embedded database must be started from the main thread: it would end with any other."
        )
    lent = os.geteuid() == 0
    return subprocess.Popen(  # noqa: S603 - the programs were found by binaries.py, nothing comes from a request
        command,
        stdin=reads or subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        # None of our own environment: it holds secrets, and PG* variables would change the server's settings.
        env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {"LC_ALL": "C"},
        start_new_session=True,
        user=identity.user if lent else None,
        group=identity.group if lent else None,
        extra_groups=[] if lent else None,
        # Runs after the change of user, which would clear the death signal.
        preexec_fn=_dies_with_parent(death_signal),  # noqa: PLW1509 - started before there are threads, it only calls C
    )


def _dies_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        if libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:
            # The parent died between fork and prctl: nobody is left to send the signal.
            os._exit(1)

    return arm
