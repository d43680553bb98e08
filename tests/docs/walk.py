"""The README's walk: its commands, and what they answered when it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

README = ROOT / "README.md"
HEADING = "## A first walk\n"
FENCE = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SHORTENED = re.compile(r"(?:[\w:]|\\-)*…")  # in a text that is escaped already
MARK = "--- answered ---"


class Step(NamedTuple):
    """Commands, and their answer ("" when none is shown). Where it was shortened, an ellipsis stands."""

    commands: str
    answer: str


def greeting(port: int) -> str:
    """Return what a first start prints."""
    return next(found["text"] for found in _fences(port))


def steps(port: int) -> list[Step]:
    """Return the steps of the walk, for a service that listens on this port."""
    found: list[Step] = []
    for fence in list(_fences(port))[1:]:
        if fence["kind"] == "sh":
            found.append(Step(fence["text"], ""))
        else:
            found[-1] = found[-1]._replace(answer=fence["text"])
    return found


def script(walk: list[Step]) -> str:
    """Return all commands as one script that marks where each step ends."""
    return "".join(f"{step.commands}echo {MARK!r}\n" for step in walk)


def matches(shown: str, real: str) -> bool:
    """Say whether an answer is the one shown.

    What was shortened differs from run to run: an ellipsis and the word it ends stand for anything within a line.
    """
    return re.fullmatch(SHORTENED.sub(".*", re.escape(shown.strip())), real.strip()) is not None


def _fences(port: int) -> Iterator[re.Match[str]]:
    section = README.read_text(encoding="utf-8").split(HEADING)[1].split("\n## ")[0]
    return FENCE.finditer(section.replace(":8080", f":{port}"))
