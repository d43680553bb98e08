"""The README's walk from a first token to the audit still goes as it is written there, against a running service."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.docs import walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = ("bash", "curl", "jq")
MISSING = [program for program in NEEDED if shutil.which(program) is None]
READY = re.compile(r"^Muniment serves on http://127\.0\.0\.1:(\d+) ")

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


class Service(NamedTuple):
    """A running service: where it keeps its data, its port, and what it printed at its first start."""

    folder: Path
    port: int
    greeting: str


@pytest.fixture
def service(open_folder: Path) -> Iterator[Service]:
    """The service after its first start, as `make run` starts it, in a folder with a space in its name."""
    folder = open_folder / "some folder"
    folder.mkdir(mode=0o711)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", "0"],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(walk.ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            ready = READY.match(line)
            if ready is not None:
                break
        else:
            pytest.fail(f"the service ended before it served: {''.join(printed)}")
        yield Service(folder, int(ready[1]), "".join(printed))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        process.stdout.close()


def test_the_walk_goes_as_it_is_written(service: Service) -> None:
    assert walk.matches(walk.greeting(service.port), service.greeting)
    steps = walk.steps(service.port)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", walk.script(steps)],
        cwd=service.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    answers = done.stdout.split(f"{walk.MARK}\n")
    for step, answer in zip(steps, answers, strict=False):
        assert walk.matches(step.answer, answer), f"{step.commands}answered\n{answer}\nand not\n{step.answer}"
    assert done.returncode == 0, done.stderr
    assert len(answers) == len(steps) + 1
