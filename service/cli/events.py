"""muniment events: the log as lines, once or as it grows."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import with_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.offline import Tools
    from service.settings import Settings
    from service.store.log import Entry

app = typer.Typer(no_args_is_help=True, help="The event log.")


@app.command("list")
def list_events(
    after: Annotated[int, typer.Option(help="Begin behind this position.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 100,
) -> None:
    """Print events by position, one line each."""
    _print_events(after, limit, follow=False, line=_summary)


@app.command("export")
def export_events(after: Annotated[int, typer.Option(help="Begin behind this position.", min=0)] = 0) -> None:
    """Print the log as JSON lines: envelope, state as stored (sealed fields stay sealed) and leaf digest."""
    _print_events(after, None, follow=False, line=_document)


@app.command("tail")
def tail_events(after: Annotated[int | None, typer.Option(help="Begin behind this position.", min=0)] = None) -> None:
    """Print events as they are recorded, until Ctrl-C."""
    _print_events(after, None, follow=True, line=_summary)


def _print_events(after: int | None, limit: int | None, *, follow: bool, line: Callable[[Entry], str]) -> None:
    from service.store.follower import POLL_SECONDS  # noqa: PLC0415
    from service.store.log import head, read_page  # noqa: PLC0415

    async def work(tools: Tools, _: Settings) -> None:
        position = await head(tools.pool) if after is None else after
        left = limit
        while left is None or left > 0:
            size = min(left or 1000, 1000)
            entries = await read_page(tools.pool, after=position, until=await head(tools.pool), limit=size)
            for entry in entries:
                sys.stdout.write(line(entry) + "\n")
            sys.stdout.flush()
            if entries:
                position = entries[-1].position
                left = None if left is None else left - len(entries)
            elif follow:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    with_tools(work)


def _summary(entry: Entry) -> str:
    time = entry.recorded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{entry.position:>8}  {time}  {entry.topic:28} {entry.stream} v{entry.version}  by {entry.actor}"


def _document(entry: Entry) -> str:
    import hashlib  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    from service.store.leaf import leaf  # noqa: PLC0415

    document = {**entry._asdict(), "state": msgspec.Raw(entry.state), "leaf": hashlib.sha256(leaf(entry)).hexdigest()}
    return msgspec.json.encode(document).decode()
