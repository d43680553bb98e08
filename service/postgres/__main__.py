"""Runs the embedded database alone, for dumps, restores and psql: `python -m service.postgres DATA_DIR`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from service.postgres.problem import PostgresProblem
from service.postgres.supervisor import EmbeddedPostgres

_USAGE = "usage: python -m service.postgres DATA_DIR"


def main(arguments: list[str]) -> str | None:
    """Serve until SIGINT or SIGTERM. Returns what went wrong, None when nothing did."""
    if len(arguments) != 1:
        return _USAGE
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server = EmbeddedPostgres(Path(arguments[0]))
    try:
        sys.stdout.write(f"{server.start()}\n")
    except PostgresProblem as problem:
        return str(problem)
    sys.stdout.flush()
    signal.sigwait(ends)
    server.stop()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
