"""muniment projections: the read models, where they stand, and their rebuilds, beside a running service or without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import with_tools

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.offline import Tools
    from service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Read models.")
Name = Annotated[str, typer.Argument(help="The model.")]
DONE_WELL = {"promoted", "switched_back", "retried"}
GONE = "the database is gone; once it is back, the service goes on, and `muniment projections list` tells how far it is"


@app.command("list")
def list_projections() -> None:
    """List the read models: mode, version, generation, position, why one has stopped, and what is under way."""
    from service.cli.following import line  # noqa: PLC0415 - each command loads what it needs
    from service.store import rebuild_jobs as jobs  # noqa: PLC0415
    from service.store.lag import lags  # noqa: PLC0415

    async def work(tools: Tools, _: Settings) -> None:
        latest = await jobs.latest(tools.pool)
        for model in await lags(tools.pool):
            told = f"{model.name:14} {model.mode:9} version {model.version} generation {model.generation} "
            told += f"position {model.position} of {model.head}"
            if model.former is not None:
                told += f", former generation {model.former}"
            if model.quarantined:
                told += f"  {model.quarantined} EVENTS SET ASIDE"
            if model.stopped:
                told += f"  STOPPED: {model.error}"
            typer.echo(told)
            job = latest.get(model.name)
            if job is not None and (job["ended_at"] is None or job["state"] == "failed"):
                typer.echo(f"  {line(job)}")

    with_tools(work)


@app.command("verify")
def verify_projection(name: Annotated[str, typer.Argument(help="The model, or `all`.")]) -> None:
    """Rebuild a read model beside the live one and compare them row by row; exit 1 when they differ."""
    from projections import MODELS  # noqa: PLC0415
    from service.store.rebuild import differences  # noqa: PLC0415

    names = list(MODELS) if name == "all" else [_known(name)]

    async def work(tools: Tools, _: Settings) -> bool:
        equal = True
        for each in names:
            found = await differences(tools.owner, MODELS[each], tools.vault)
            equal = equal and not found
            typer.echo(f"{each}: {'equal' if not found else 'DIFFERENT'}")
            for line in found:
                typer.echo(f"  {line}")
        return equal

    if not with_tools(work):
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild_projection(name: Name) -> None:
    """Build a read model anew beside the live one and put it in its place; exit 1 when that fails.

    One that is under way already is followed. Ctrl-C stops following, not the rebuild.
    """
    _ask_and_follow(name, "rebuild")


@app.command("switch-back")
def switch_back(name: Name) -> None:
    """Bring the former generation of a read model up to date and put it back in its place."""
    _ask_and_follow(name, "switch_back")


@app.command("retry")
def retry(name: Name) -> None:
    """Try again what failed: a rebuild, the events set aside, or the event at which the read model stopped."""
    _ask_and_follow(name, "retry")


@app.command("resume")
def resume(name: Name) -> None:
    """Go on with a paused rebuild."""
    _ask_and_follow(name, "resume")


@app.command("pause")
def pause(name: Name) -> None:
    """Let a rebuild rest where it is."""
    _ask_only(name, "pause")


@app.command("cancel")
def cancel(name: Name) -> None:
    """Give up what is under way; the live read model stays as it is."""
    _ask_only(name, "cancel")


def _known(name: str) -> str:
    from projections import MODELS  # noqa: PLC0415

    if name not in MODELS:
        typer.echo(f"muniment: no read model {name}; there are {', '.join(MODELS)}", err=True)
        raise typer.Exit(2)
    return name


async def _ask(tools: Tools, name: str, command: str) -> asyncpg.Record:
    from domain.caller import SYSTEM  # noqa: PLC0415
    from projections import MODELS  # noqa: PLC0415
    from service.store import rebuild_jobs as jobs  # noqa: PLC0415

    identity = tools.store.clock.new_id()
    nobody = SYSTEM.actor
    version = MODELS[name].version
    asked = jobs.Asked(identity, name, command, version, SYSTEM.organization, nobody, None, identity)
    return await jobs.ask(tools.pool, asked)


def _ask_only(name: str, command: str) -> None:
    from service.cli.following import line  # noqa: PLC0415

    _known(name)

    async def work(tools: Tools, _: Settings) -> str:
        return f"{line(await _ask(tools, name, command))} ({command} asked)"

    typer.echo(with_tools(work))


def _ask_and_follow(name: str, command: str) -> None:
    _known(name)
    leading = False

    async def work(tools: Tools, _: Settings) -> asyncpg.Record:
        nonlocal leading
        from projections import MODELS  # noqa: PLC0415
        from service.cli.following import display, follow  # noqa: PLC0415
        from service.store import connections, migrations  # noqa: PLC0415
        from service.store.lane import LOST  # noqa: PLC0415
        from service.store.rebuilder import Rebuilder, is_led  # noqa: PLC0415

        # With a running service this one only looks on; without, it does the work itself.
        led = await is_led(tools.pool)
        if not led and not await migrations.may_create(tools.owner):
            typer.echo("muniment: nobody here may make tables: run this as the database's owner", err=True)
            raise typer.Exit(1)
        job = await _begun(tools, name, command)
        own = None
        if not led:
            own = Rebuilder(lambda: connections.owner(tools.dsn), MODELS.values(), tools.vault)
            await own.start()
            leading = True
        try:
            with display() as shown:
                return await follow(tools.pool, job, shown)
        except LOST as lost:  # with the service that owns it, or for a moment
            raise connections.DatabaseUnreachable(GONE) from lost
        finally:
            if own is not None:
                await own.stop()

    try:
        job = with_tools(work)
    except KeyboardInterrupt:
        goes_on = "is left where it is: the next start of the service goes on with it" if leading else "goes on"
        typer.echo(f"\nIt {goes_on}. `muniment projections list` tells how far it is, `cancel {name}` gives it up.")
        raise typer.Exit(130) from None
    _tell(job)


async def _begun(tools: Tools, name: str, command: str) -> UUID:
    """Ask for a job and return it; a rebuild that is under way already is joined."""
    from domain.refusals import RebuildUnderWay  # noqa: PLC0415
    from service.store import rebuild_jobs as jobs  # noqa: PLC0415

    found: UUID
    try:
        found = (await _ask(tools, name, command))["id"]
    except RebuildUnderWay:
        job = (await jobs.latest(tools.pool))[name]
        if job["kind"] != command:
            raise
        if job["wish"] == "pause":
            await _ask(tools, name, "resume")
        found = job["id"]
    return found


def _tell(job: asyncpg.Record) -> None:
    """Print what a comparison found, and end with 1 unless all went well."""
    if job["differences"] is not None:
        found = json.loads(job["differences"])
        if found["count"]:
            typer.echo(f"{found['count']}{' or more' if found['more'] else ''} rows differed from the live ones:")
        for row in found["rows"]:
            what = row["difference"] if isinstance(row["difference"], str) else ", ".join(row["difference"])
            typer.echo(f"  {row['table']} {row['key']}: {what}")
    if job["state"] not in DONE_WELL:
        raise typer.Exit(1)
