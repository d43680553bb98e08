"""Shows a rebuild to its end: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from service.store import rebuild_jobs as jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import asyncpg

LOOK_SECONDS = 0.2
LINE_SECONDS = 5.0


class Display(Protocol):
    """What shows a job's row, time and again."""

    def show(self, job: asyncpg.Record) -> None:
        """Show how it stands now."""


class Lines:
    """A line at each change of state, and every five seconds."""

    def __init__(self) -> None:
        """Begin without having shown anything."""
        self._state = ""
        self._at = 0.0

    def show(self, job: asyncpg.Record) -> None:
        if job["state"] == self._state and monotonic() - self._at < LINE_SECONDS:
            return
        self._state, self._at = job["state"], monotonic()
        print(line(job), flush=True)  # noqa: T201 - progress is what this command prints


class Bar:
    """A progress bar."""

    def __init__(self, progress: Any) -> None:
        """Take rich's progress, running."""
        self._progress = progress
        self._task = progress.add_task("", total=None, speed="", left="")

    def show(self, job: asyncpg.Record) -> None:
        self._progress.update(
            self._task,
            description=f"{job['model']} {_words(job['state'])}",
            total=job["head_at_start"],
            completed=min(job["position"], job["head_at_start"] or 0),
            speed=f"{job['rate']:,.0f}/s" if job["rate"] else "",
            left=_left(job),
        )


def line(job: asyncpg.Record) -> str:
    """Return a job in one line."""
    parts = [f"{job['model']}: {_words(job['kind'])} {_words(job['state'])}"]
    if job["head_at_start"]:
        parts.append(f"position {job['position']} of {max(job['head_at_start'], job['position'])}")
    if job["rate"]:
        parts.append(f"{job['rate']:,.0f}/s")
    if left := _left(job):
        parts.append(left)
    if job["error"]:
        parts.append(job["error"])
    return ", ".join(parts)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _left(job: asyncpg.Record) -> str:
    """Return the time left for events; nothing where that is not known, or while indexes are made and rows compared."""
    if not job["rate"] or not job["head_at_start"] or job["position"] >= job["head_at_start"]:
        return ""
    seconds = (job["head_at_start"] - job["position"]) / job["rate"]
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s left" if minutes else f"{rest} s left"


@contextmanager
def display() -> Iterator[Display]:
    """Yield what suits standard output."""
    if not sys.stdout.isatty():
        yield Lines()
        return
    from rich import progress as bars  # noqa: PLC0415 - only a terminal needs it

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[speed]}"),
        bars.TextColumn("{task.fields[left]}"),
    )
    with bars.Progress(*columns) as progress:
        yield Bar(progress)


async def follow(pool: asyncpg.Pool, job: UUID, shown: Display) -> asyncpg.Record:
    """Show a job until it has ended or rests; return how it stands then."""
    while True:
        row = await jobs.one(pool, job)
        shown.show(row)
        if row["ended_at"] is not None or (row["state"], row["wish"]) == ("paused", "pause"):
            return row
        await asyncio.sleep(LOOK_SECONDS)
