"""Puts load on the contenders by turns and judges whether what they answered counts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from tests.bench import deciding, proc, tokens, wrk
from tests.bench.contenders import HEADERS, Contender, introspect_body
from tests.bench.figures import DECIDE, INTROSPECT, ISSUE, Plan, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

TOKENS = 2_000  # distinct ones that introspection is asked about
SAME_SIZE = 0.9  # of the checked answer's bytes; an error or an inactive token is much shorter
QUIET = 0.05  # processors that all contenders together may use before the next measurement
QUIET_WITHIN = 5.0  # seconds
PEEK = 0.25  # seconds
CORES = os.cpu_count() or 1

FAILURES = (tokens.WrongAnswer, wrk.WrkFailed, aiohttp.ClientError, OSError)


class Failed(Exception):
    """A contender could not even be prepared; the text says who and why."""


@dataclass(frozen=True)
class Task:
    """One job for one contender: where to send what, and how to check the answer, returning its size."""

    job: str
    contender: Contender
    url: str
    bodies: Path
    check: Callable[[], int]
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)


def prepare(job: str, contender: Contender, folder: Path, plan: Plan) -> Task:
    """Write the bodies to send and warm the contender up. Raises Failed."""
    try:
        task = _TASKS[job](contender, folder)
    except FAILURES as error:
        message = f"{job}, {contender.entrant}: {error!r}"
        raise Failed(message) from error
    warm_up(task, plan)
    return task


def warm_up(task: Task, plan: Plan) -> None:
    """Let a contender do its job for the first time. Raises Failed."""
    try:
        wrk.run(task.url, task.headers, task.bodies, connections=min(plan.connections), seconds=plan.first_warm_up)
    except FAILURES as error:
        message = f"{task.job}, {task.contender.entrant}: {error!r}"
        raise Failed(message) from error


def _issue(contender: Contender, folder: Path) -> Task:
    bodies = folder / f"issue-{contender.child.pid}"
    bodies.write_text(contender.issue_body + "\n")
    return Task(ISSUE, contender, contender.url(contender.issue), bodies, lambda: tokens.check_issue(contender))


def _introspect(contender: Contender, folder: Path) -> Task:
    minted = tokens.mint(contender, TOKENS)
    bodies = folder / f"introspect-{contender.child.pid}"
    bodies.write_text("".join(introspect_body(token) + "\n" for token in minted))
    url = contender.url(str(contender.introspect))
    return Task(INTROSPECT, contender, url, bodies, lambda: tokens.check_introspect(contender, minted))


def _decide(contender: Contender, folder: Path) -> Task:
    place = deciding.furnish(contender)
    lines = folder / f"decide-{contender.child.pid}"
    lines.write_text("".join(f"{call.path}\t{call.token}\n" for call in place.calls))
    return Task(DECIDE, contender, place.url, lines, lambda: deciding.check(place), place.headers)


_TASKS = {ISSUE: _issue, INTROSPECT: _introspect, DECIDE: _decide}


def by_turns(tasks: Sequence[Task], connections: int, plan: Plan) -> Iterator[Turn]:
    """Yield every turn as it ends: first, second, …, then the first again, so that all share the machine's moods."""
    for number in range(1, plan.turns + 1):
        for task in tasks:
            _settle()
            yield _turn(task, connections, number, plan)


def _turn(task: Task, connections: int, number: int, plan: Plan) -> Turn:
    try:
        size = task.check()
        wrk.run(task.url, task.headers, task.bodies, connections=connections, seconds=plan.warm_up)
        machine, own, start = proc.machine_seconds(), proc.processor_seconds(os.getpid()), time.monotonic()
        load = wrk.run(task.url, task.headers, task.bodies, connections=connections, seconds=plan.seconds)
        took = time.monotonic() - start
        own = proc.processor_seconds(os.getpid()) - own
        others = max(proc.machine_seconds() - machine - own, 0.0) / (took * CORES)
        memory = proc.memory(task.contender.child.pid)
        task.check()
        wrong = _wrong(load, size)
    except FAILURES as error:
        return Turn.failed(task.job, task.contender.entrant, connections, number, repr(error))
    return Turn(
        job=task.job,
        entrant=task.contender.entrant,
        connections=connections,
        number=number,
        rate=load.rate,
        p50=load.p50,
        p99=load.p99,
        errors=load.errors,
        wrong=wrong,
        others=others,
        memory=memory,
    )


def _wrong(load: wrk.Load, size: int) -> str | None:
    """Say why the load does not count, or None."""
    if load.errors:
        return ", ".join(f"{count} {kind}" for kind, count in load.errors.items()) + f" of {load.requests} requests"
    if load.requests == 0:
        return "no answer at all"
    if load.bytes_per_answer < SAME_SIZE * size:
        return f"answers of {load.bytes_per_answer:.0f} bytes where a right one has {size}"
    return None


def _settle() -> None:
    """Wait until what the last contender left to do (followers, vacuum) no longer takes the next one's share."""
    deadline = time.monotonic() + QUIET_WITHIN
    before, used = time.monotonic(), proc.processor_seconds(os.getpid())
    while before < deadline:
        time.sleep(PEEK)
        now, then = time.monotonic(), used
        used = proc.processor_seconds(os.getpid())
        if (used - then) / (now - before) < QUIET:
            return
        before = now
