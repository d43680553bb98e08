"""Names every test that did not run, and why. In CI a skipped test is a failed run."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOW_MARKERS = ("soak", "bench")


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


class LeftOut:
    """Collects the tests that were skipped, and those that the command line left for another command."""

    def __init__(self) -> None:
        self.skipped: list[tuple[str, str]] = []
        self.uncollected: list[tuple[str, str]] = []
        self.deselected: Counter[str] = Counter()

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            for marker in SLOW_MARKERS:
                if item.get_closest_marker(marker):
                    self.deselected[marker] += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # An expected failure is reported as skipped too, but it did run.
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append((report.nodeid, _reason(report)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.uncollected.append((report.nodeid, _reason(report)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear what one of several processes left out while it collected, which is the same in all of them."""
        told = getattr(node, "workeroutput", {})
        self.deselected |= Counter(told.get("deselected", {}))
        self.uncollected = self.uncollected or [(test, reason) for test, reason in told.get("uncollected", [])]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        told = getattr(session.config, "workeroutput", None)
        if told is not None:  # one of several processes: the first one speaks for all
            told |= {"deselected": dict(self.deselected), "uncollected": self.uncollected}
            return
        self.skipped += self.uncollected
        if self.skipped and in_ci() and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.skipped and not self.deselected:
            return
        terminalreporter.section("left out")
        for test, reason in self.skipped:
            terminalreporter.line(f"skipped: {test}: {reason}")
        for marker, count in sorted(self.deselected.items()):
            terminalreporter.line(f"{count} marked {marker}: run `pytest -m {marker}`")
        if self.skipped and in_ci():
            terminalreporter.line(f"FAILED: {len(self.skipped)} skipped, and CI allows no skipped test", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeftOut(), "left_out")
