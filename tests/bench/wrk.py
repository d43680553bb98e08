"""Runs wrk, the load generator, and reads its figures."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.children import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = Path(__file__).with_name("load.lua")
MARK = "FIGURES "
GRACE = 20.0  # seconds that wrk may take beyond its measuring time


class WrkFailed(Exception):
    """wrk itself could not do its work; the text is what it said."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; latencies in ms, `errors` by kind."""

    requests: int
    seconds: float
    p50: float
    p99: float
    bytes_per_answer: float
    errors: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def available() -> bool:
    """Tell whether wrk is installed."""
    return shutil.which("wrk") is not None


def run(url: str, headers: Mapping[str, str], bodies: Path, *, connections: int, seconds: int) -> Load:
    """Send the bodies over and over for so long. Raises WrkFailed.

    One thread: it sends 50,000 requests a second, and a second one would only take turns with the server for a core.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(SCRIPT)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [url, "--", str(bodies)]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds + GRACE,
            preexec_fn=die_with_parent,
        )
    except subprocess.TimeoutExpired as error:
        message = f"wrk did not end: {error}"
        raise WrkFailed(message) from error
    line = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
    if done.returncode != 0 or line is None:
        raise WrkFailed((done.stderr + done.stdout).strip()[-300:])
    seen = json.loads(line.removeprefix(MARK))
    return Load(
        requests=seen["requests"],
        seconds=seen["microseconds"] / 1e6,
        p50=seen["p50"] / 1000,
        p99=seen["p99"] / 1000,
        bytes_per_answer=seen["bytes"] / max(seen["requests"], 1),
        errors={kind: seen[kind] for kind in ("not_2xx", "connect", "read", "write", "timeout") if seen[kind]},
    )
