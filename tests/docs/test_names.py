"""What the documentation names exists, and what exists is named: variables, commands, metrics, log lines, links."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

from service.cli import app
from service.operations.exposition import Exposition
from service.operations.snapshots import Snapshot
from service.operations.tally import Tally
from service.store.lag import Lag
from tests.docs.pages import DOCS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
OPERATIONS = DOCS / "operations.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")), ROOT / "tests" / "bench" / "README.md"]
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
READ = re.compile(r'(?:text|number)\("([A-Z_]+)"')
# What a worker is told by the parent process, and nobody else sets.
INTERNAL = re.compile(r"MUNIMENT_WORKER_\w+")
LOGGED = {"debug", "info", "warning", "error", "exception", "tell"}


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def variables_read() -> set[str]:
    found = READ.findall(text(ROOT / "service" / "settings.py"))
    return {f"MUNIMENT_{name}" for name in found}


def test_the_readme_lists_every_variable_that_is_read_once() -> None:
    rows = re.findall(r"^\| `(MUNIMENT_\w+)` \|", text(README), re.MULTILINE)
    assert sorted(rows) == sorted(variables_read())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_variable_that_is_named_is_read(page: Path) -> None:
    assert set(re.findall(r"\bMUNIMENT_[A-Z_]+\b", text(page))) <= variables_read()


def commands() -> set[str]:
    """Return every command with its options: `muniment keys rotate --now`."""
    found = set()
    for name, command in get_command(app).commands.items():
        below = getattr(command, "commands", None)
        for full, one in {f"{name} {sub}": two for sub, two in below.items()}.items() if below else [(name, command)]:
            found.add(full)
            found |= {f"{full} {option}" for parameter in one.params for option in parameter.opts if option[0] == "-"}
    return found


def test_the_readme_lists_every_command() -> None:
    rows = re.findall(r"^\| `muniment ([a-z -]+)` \|", text(README), re.MULTILINE)
    assert sorted(rows) == sorted(command for command in commands() if "--" not in command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_that_is_named_exists(page: Path) -> None:
    known = commands()
    groups = {command.split()[0] for command in known if " " in command.split(" --")[0]}
    for line in re.findall(r"(?<![\w/@-])muniment ((?:[a-z-]+ ?)+(?:--[a-z-]+)?)", "\n".join(_code(text(page)))):
        words = line.split()
        command = " ".join(words[: 2 if words[0] in groups else 1])
        options = [word for word in words if word.startswith("--")]
        assert command in known, f"muniment {line}"
        assert {f"{command} {option}" for option in options} <= known, f"muniment {line}"


def _code(page: str) -> list[str]:
    return [fence.group() for fence in FENCED.finditer(page)] + re.findall(r"`([^`\n]+)`", FENCED.sub("", page))


def metrics() -> set[str]:
    """Return the name of every family that a scrape answers."""
    tally = Tally()
    tally.request("/x", "GET", 200, 0.1)
    gauges = dict.fromkeys(_gauges(), 1.0)
    model = Lag("audit", "eventual", 1, 1, None, 1, 1, events=0, seconds=0.0, rate=0.0, quarantined=0, former=None)
    answer = Exposition(tally, [Snapshot(0, 0.0, tally, gauges)], [model]).text().decode()
    return set(re.findall(r"^# TYPE (\w+)", answer, re.MULTILINE))


def _gauges() -> list[str]:
    from service.operations.exposition import GAUGES  # noqa: PLC0415 - told here alone

    return list(GAUGES)


def test_operators_are_told_every_metric_and_no_other() -> None:
    rows = re.findall(r"^\| `(muniment_\w+)`", text(OPERATIONS), re.MULTILINE)
    assert sorted(rows) == sorted(metrics())


def log_lines() -> set[str]:
    """Return the first word of every line that the service logs."""
    found = set()
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.Dict):
                found |= {
                    value.value
                    for name, value in zip(node.keys, node.values, strict=True)
                    if isinstance(name, ast.Constant) and name.value == "event" and isinstance(value, ast.Constant)
                }
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            function = node.func
            if not isinstance(function, ast.Name | ast.Attribute):
                continue
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            of_log = isinstance(function, ast.Name) or getattr(function.value, "id", "") in {"log", "_log"}
            if name in LOGGED and of_log and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found


def test_operators_are_told_every_log_line_and_no_other() -> None:
    section = text(OPERATIONS).split("\n## Log lines\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert sorted(rows) == sorted(log_lines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    for found in LINK.finditer(FENCED.sub("", text(page))):
        target, _, anchor = found["target"].partition("#")
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), found["target"]
        if anchor:
            assert anchor in _anchors(text(there)), found["target"]


def _anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
