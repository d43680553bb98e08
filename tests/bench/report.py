"""Shows what a run found: a table for people, and the same as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from tests.bench import targets
from tests.bench.figures import MUNIMENT, Append, Plan, Replay, Result, Tail, Turn, results

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

NOTHING = "-"
DISTURBED = 0.10  # of the machine used by others, from which on figures should not be quoted


@dataclass
class Run:
    """All that one run found, what it had to leave out and why."""

    plan: Plan
    machine: dict[str, str]
    appends: list[Append] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    grown: list[Turn] = field(default_factory=list)
    tails: list[Tail] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """Why the run is not to be trusted; empty when it is."""
        turns = [
            f"{turn.job}, {turn.entrant}, {turn.connections} connections, turn {turn.number}: {turn.wrong}"
            for turn in (*self.turns, *self.grown)
            if turn.wrong
        ]
        return [*self.failures, *turns]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 or column == "target" else "right", no_wrap=True)
    return table


def _verdict(verdict: targets.Verdict | None) -> str:
    return str(verdict) if verdict else NOTHING


def _appends(appends: Sequence[Append]) -> Table:
    table = _table("append, read models inline", "producers", "events/s", "p50 ms", "p99 ms", "target")
    for one in appends:
        row = (f"{one.producers}", f"{one.rate:,.0f}", f"{one.p50:.2f}", f"{one.p99:.2f}")
        table.add_row(*row, _verdict(targets.of_append(one)))
    return table


def _replays(replays: Sequence[Replay]) -> Table:
    title = "replay into a new generation, indexes included"
    table = _table(title, "model", "events", "events/s", "our µs/event", "peak MB", "target")
    for one in replays:
        row = (one.model, f"{one.events:,}", f"{one.rate:,.0f}", f"{one.busy:.1f}", f"{one.peak:.0f}")
        table.add_row(*row, _verdict(targets.of_replay(one)))
    return table


def _load(job: str, found: Sequence[Result]) -> Table:
    columns = ("contender", "connections", "answers/s", "each turn", "p50 ms", "p99 ms", "x peer", "others", "target")
    table = _table(f"{job}, by turns", *columns)
    for one in (one for one in found if one.job == job):
        times = targets.ratio(one, found)
        table.add_row(
            str(one.entrant),
            f"{one.connections}",
            f"{one.rate:,.0f}" if one.valid else "INVALID",
            " ".join(f"{turn.rate:,.0f}" for turn in one.turns),
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            f"{times:.2f}" if times else NOTHING,
            f"{max(turn.others for turn in one.turns):.0%}",
            _verdict(targets.of_result(one, found)),
        )
    return table


def _memory(found: Sequence[Result]) -> Table:
    table = _table("memory under the last load", "process", "RSS MB", "PSS MB", "gained MB", "target")
    last = {one.entrant: one for one in found if one.turns[-1].memory}
    for entrant, result in last.items():
        ours = entrant.kind == MUNIMENT
        for process in result.turns[-1].memory:
            verdict = _verdict(targets.of_memory(process.rss)) if ours else NOTHING
            table.add_row(f"{entrant}: {process.pid}", f"{process.rss:.0f}", f"{process.pss:.0f}", NOTHING, verdict)
        growths = [one.growth for one in found if one.entrant == entrant and one.growth is not None and one.valid]
        if growths:
            worst = max(growths)
            verdict = _verdict(targets.of_growth(worst, entrant.workers)) if ours else NOTHING
            table.add_row(f"{entrant}: between equal loads", NOTHING, NOTHING, f"{worst:+.1f}", verdict)
    return table


def _grown(found: Sequence[Result]) -> Table:
    columns = ("job", "database", "answers/s", "each turn", "p50 ms", "p99 ms", "x smallest", "others", "target")
    table = _table("growth, 1 worker, by turns", *columns)
    for one in found:
        times = targets.kept(one, found)
        table.add_row(
            one.job,
            one.entrant.kind,
            f"{one.rate:,.0f}" if one.valid else "INVALID",
            " ".join(f"{turn.rate:,.0f}" for turn in one.turns),
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            f"{times:.2f}" if times else NOTHING,
            f"{max(turn.others for turn in one.turns):.0%}",
            _verdict(targets.of_size(one, found)),
        )
    return table


def _tails(job: str, tails: Sequence[Tail]) -> Table:
    """Return one row for each kind of question: its p99 at each size, judged at the worst."""
    sizes = sorted({one.size for one in tails})
    table = _table(f"{job}, p99 in ms", job, *(f"{size:,} tokens" for size in sizes), "target")
    for question in dict.fromkeys(one.question for one in tails):
        by_size = {one.size: one for one in tails if one.question == question}
        worst = max(by_size.values(), key=lambda one: one.p99)
        cells = [f"{by_size[size].p99:.1f}" if size in by_size else NOTHING for size in sizes]
        table.add_row(question, *cells, _verdict(targets.of_tail(worst)))
    return table


def show(run: Run, console: Console) -> None:
    """Print the tables, then what was left out, then - loudly - what went wrong."""
    found = results(run.turns)
    console.print(*(f"{name} {value}" for name, value in run.machine.items()), sep=" · ")
    if run.appends:
        console.print(_appends(run.appends))
    if run.replays:
        console.print(_replays(run.replays))
    for job in dict.fromkeys(one.job for one in found):
        console.print(_load(job, found))
    if found:
        console.print(_memory(found))
    if run.grown:
        console.print(_grown(results(run.grown)))
    for job in dict.fromkeys(one.job for one in run.tails):
        console.print(_tails(job, [one for one in run.tails if one.job == job]))
    for line in run.left_out:
        console.print(f"left out: {line}", markup=False)
    disturbance = max((turn.others for turn in (*run.turns, *run.grown) if turn.wrong is None), default=0.0)
    if disturbance >= DISTURBED:
        console.print(f"disturbed: other programs used up to {disturbance:.0%} of the machine; do not quote this run")
    for line in run.broken:
        console.print(f"INVALID: {line}", style="bold red", markup=False)


def save(run: Run, path: Path) -> None:
    """Write everything, verdicts included, as JSON."""
    found, grown = results(run.turns), results(run.grown)
    document = {
        **dataclasses.asdict(run),
        "broken": run.broken,
        "ratios": [
            {
                "job": one.job,
                "contender": str(one.entrant),
                "connections": one.connections,
                "ratio": targets.ratio(one, found),
                "target": _verdict(targets.of_result(one, found)),
            }
            for one in found
        ],
        "growth_ratios": [
            {
                "job": one.job,
                "database": one.entrant.kind,
                "ratio": targets.kept(one, grown),
                "target": _verdict(targets.of_size(one, grown)),
            }
            for one in grown
        ],
        "tail_target": [_verdict(targets.of_tail(one)) for one in run.tails],
        "append_target": [_verdict(targets.of_append(one)) for one in run.appends],
        "replay_target": [_verdict(targets.of_replay(one)) for one in run.replays],
    }
    path.write_text(json.dumps(document, indent=1, default=dict) + "\n")
