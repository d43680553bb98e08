"""Runs the benchmarks: python -m tests.bench [--seconds N] [--turns N] [--events N] [--largest N] [--only WHAT].

Ends with 0 when every figure counts, whether or not it meets its target; with 1 when some figure is invalid.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.bench import append, contenders, growth, management, replay, report, rounds, tokens, wrk
from tests.bench.children import DidNotStart
from tests.bench.contenders import Contender, LeftOut
from tests.bench.database import postgres
from tests.bench.figures import BARE, DECIDE, INTROSPECT, ISSUE, Plan, Tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LAST = Path(__file__).with_name("last.json")
APPEND, REPLAY, PEERS, GROWTH, MANAGEMENT = "append", "replay", "peers", "growth", "management"
JOBS = ISSUE, INTROSPECT, DECIDE
WORKERS = (1, 2)
WIDTH = 160  # of the tables, on a terminal or in a file


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a folder that the unprivileged user of an embedded PostgreSQL can reach too; remove it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="muniment-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _machine() -> dict[str, str]:
    return {
        "processors": str(os.cpu_count()),
        "python": platform.python_version(),
        "oidc-provider": contenders.oidc_provider_version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _append(run: report.Run, folder: Path) -> None:
    with postgres(folder / "append") as dsn:
        run.appends = append.measure(dsn, folder / "append", run.plan)


def _replay(run: report.Run, folder: Path, console: Console) -> None:
    with postgres(folder / "replay") as dsn:
        try:
            for figure in replay.measure(dsn, run.plan.events):
                run.replays.append(figure)
                console.print(f"replay {figure.model:<28} {figure.rate:>8,.0f}/s")
        except replay.ReplayFailed as reason:
            run.failures.append(str(reason))


def _start(run: report.Run, stack: ExitStack, folder: Path, *, peers_only: bool) -> list[Contender]:
    """Start whoever can take part, Muniment and its peer in turn."""
    dsn = stack.enter_context(postgres(folder / "peer"))
    entries = []
    for workers in WORKERS:
        if not peers_only:
            entries.append(contenders.muniment(workers, folder))
        entries.append(contenders.oidc_provider(workers, dsn, folder))
    entries.append(contenders.bare(folder))
    started = []
    for entry in entries:
        try:
            started.append(stack.enter_context(entry))
        except LeftOut as reason:
            run.left_out.append(str(reason))
        except DidNotStart as reason:
            run.failures.append(str(reason))
    return [*started, *(contenders.hello(one) for one in started if one.entrant.kind == BARE)]


def _load(run: report.Run, jobs: list[str], folder: Path, console: Console, *, peers_only: bool) -> None:
    if not wrk.available():
        run.left_out.append(f"{', '.join(jobs)}: wrk is not installed (Debian: apt-get install wrk)")
        return
    with ExitStack() as stack:
        started = _start(run, stack, folder, peers_only=peers_only)
        for job in jobs:
            tasks = []
            for contender in started:
                if not {ISSUE: contender.issue, INTROSPECT: contender.introspect, DECIDE: contender.decide}[job]:
                    continue
                try:
                    tasks.append(rounds.prepare(job, contender, folder, run.plan))
                except rounds.Failed as reason:
                    run.failures.append(str(reason))
            for connections in run.plan.connections:
                for turn in rounds.by_turns(tasks, connections, run.plan):
                    run.turns.append(turn)
                    state = "" if turn.wrong is None else "  INVALID"
                    console.print(f"{job} {connections:>4} {turn.entrant!s:<28} {turn.rate:>8,.0f}/s{state}")


def _grow(run: report.Run, folder: Path, largest: int, console: Console) -> None:
    if not wrk.available():
        run.left_out.append(f"{GROWTH}: wrk is not installed (Debian: apt-get install wrk)")
        return
    try:
        for figure in growth.measure(folder, run.plan, largest, console.print):
            if isinstance(figure, Tail):
                run.tails.append(figure)
                continue
            run.grown.append(figure)
            state = "" if figure.wrong is None else "  INVALID"
            console.print(f"growth {figure.job:<10} {figure.entrant!s:<28} {figure.rate:>8,.0f}/s{state}")
    except LeftOut as reason:
        run.left_out.append(str(reason))
    except (DidNotStart, rounds.Failed, tokens.WrongAnswer) as reason:
        run.failures.append(f"{GROWTH}: {reason}")


def _manage(run: report.Run, folder: Path, size: int, console: Console) -> None:
    try:
        for figure in management.measure(folder, size, console.print):
            run.tails.append(figure)
            console.print(f"{figure.job}: {figure.question:<60} p50 {figure.p50:>7.2f} ms, p99 {figure.p99:>7.2f} ms")
    except tokens.WrongAnswer as reason:
        run.failures.append(f"{MANAGEMENT}: {reason}")


def main() -> int:
    """Run what was asked for and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--seconds", type=int, default=Plan.seconds, help="for each measurement")
    parser.add_argument("--turns", type=int, default=Plan.turns, help="for each contender")
    parser.add_argument("--events", type=int, default=Plan.events, help="that a replay goes through")
    parser.add_argument("--largest", type=int, default=growth.LARGEST, help="of the databases that grew, in tokens")
    parser.add_argument("--only", choices=(APPEND, REPLAY, *JOBS, PEERS, GROWTH, MANAGEMENT))
    asked = parser.parse_args()
    console = Console(width=WIDTH)
    plan = Plan(seconds=max(asked.seconds, 1), turns=max(asked.turns, 1), events=max(asked.events, 1))
    run = report.Run(plan, _machine())
    jobs = [job for job in JOBS if asked.only in (None, job, PEERS)]
    with workplace() as folder:
        if asked.only in (None, APPEND):
            _append(run, folder)
        if asked.only in (None, REPLAY):
            _replay(run, folder, console)
        if jobs:
            _load(run, jobs, folder, console, peers_only=asked.only == PEERS)
        if asked.only in (None, GROWTH):
            _grow(run, folder, asked.largest, console)
        if asked.only == MANAGEMENT:  # growth measures it too
            _manage(run, folder, asked.largest, console)
    report.show(run, console)
    report.save(run, LAST)
    return 1 if run.broken else 0


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    # Ended politely, we end our servers in order; Ctrl-C does so by itself.
    for polite in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(polite, _end)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
