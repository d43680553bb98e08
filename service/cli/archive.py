"""muniment events archive and check-archive: old months of token events, from the log to files, and their proof."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import load, with_tools

if TYPE_CHECKING:
    from service.offline import Tools
    from service.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the commands to those about events."""
    app.command("archive")(archive)
    app.command("check-archive")(check_archive)


def archive(
    folder: Annotated[Path | None, typer.Argument(help="Where to; `archive` in the data folder.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be archived.")] = False,
) -> None:
    """Write months of token events to files and drop them from the log, once their tokens and their age are over.

    The ages are those of MUNIMENT_ARCHIVE_MACHINE_DAYS and MUNIMENT_ARCHIVE_USER_DAYS; unset, nothing ever leaves.
    """
    from service.store.archive import Ages, Kept, archive, months, require_due  # noqa: PLC0415

    async def work(tools: Tools, settings: Settings) -> None:
        ages = Ages(settings.archive_machine_age, settings.archive_user_age)
        target = (settings.data_dir / "archive" if folder is None else folder).absolute()
        for month in await months(tools.owner):
            try:
                if dry_run:
                    await require_due(tools.owner, month, ages)
                    typer.echo(f"{month}: would be archived")
                else:
                    manifest = await archive(tools.owner, month, target, ages)
                    typer.echo(f"{month}: {manifest.events} events archived in {target / month}")
            except Kept as reason:
                typer.echo(f"{month}: stays, {reason}")

    with_tools(work)


def check_archive(
    folder: Annotated[Path | None, typer.Argument(help="An archive, or a folder of some.")] = None,
) -> None:
    """Read archives whole and compare them with their manifests; exit 1 when one is damaged or there is none."""
    from service.store.archive_file import Damaged, archives, check  # noqa: PLC0415

    target = load().data_dir / "archive" if folder is None else folder
    found = archives(target)
    if not found:
        typer.echo(f"muniment: no archive in {target}", err=True)
        raise typer.Exit(1)
    damaged = False
    for path in found:
        try:
            manifest = check(path)
            typer.echo(f"{path}: {manifest.events} events, positions {manifest.first} to {manifest.last}")
        except Damaged as problem:
            damaged = True
            typer.echo(f"DAMAGED: {problem}")
    if damaged:
        raise typer.Exit(1)
