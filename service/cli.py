"""The command line: serve, init, keys, projections, events. Works beside a running service or without one."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service import settings as settings_module
from service.operations.logging import configure

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from service.offline import Tools
    from service.settings import Settings
    from service.store.log import Entry

T = TypeVar("T")

# Failures nobody foresaw end in Python's own traceback: it is shorter, can be pasted, and shows no values.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Muniment: an event-sourced authorization service.",
)
keys = typer.Typer(no_args_is_help=True, help="Signing keys and the master key.")
projections = typer.Typer(no_args_is_help=True, help="Read models.")
events = typer.Typer(no_args_is_help=True, help="The event log.")
app.add_typer(keys, name="keys")
app.add_typer(projections, name="projections")
app.add_typer(events, name="events")


def load() -> Settings:
    """Return the settings of the environment; a bad one ends the program with its sentence."""
    found = settings_module.read()
    configure(found.log_level)
    return found


def with_tools(work: Callable[[Tools, Settings], Coroutine[None, None, T]]) -> T:
    """Run one piece of work on the database of the environment."""
    from service.offline import address, tools  # noqa: PLC0415 - each command loads what it needs

    settings = load()

    async def run(dsn: str) -> T:
        async with tools(dsn, settings) as opened:
            return await work(opened, settings)

    with address(settings) as dsn:
        return asyncio.run(run(dsn))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", min=1, max=64)] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, on the embedded PostgreSQL unless MUNIMENT_DATABASE_URL is set."""
    from service import supervisor  # noqa: PLC0415

    found = load()
    supervisor.serve(
        replace(
            found,
            host=found.host if host is None else host,
            port=found.port if port is None else port,
            workers=found.workers if workers is None else workers,
        )
    )


@app.command()
def init() -> None:
    """Bring the database up to date: schema, read models, and on an empty log the root application."""
    from service import greeting, supervisor  # noqa: PLC0415
    from service.clock import Clock  # noqa: PLC0415
    from service.initialization import initialize  # noqa: PLC0415
    from service.offline import address  # noqa: PLC0415

    settings = supervisor.complete(load(), settings_module.read().port)
    with address(settings) as dsn:
        root = asyncio.run(initialize(dsn, settings, Clock()))
    if root is not None and root.generated:
        typer.echo(greeting.introduce(root, settings))
    typer.echo("The database is up to date.")


@app.command("root-secret")
def root_secret() -> None:
    """Make one more secret for the root application, because the first was lost, and print it."""
    from service.root_application import another_secret  # noqa: PLC0415

    client_id, secret = with_tools(lambda tools, _: another_secret(tools.store, tools.store.clock))
    typer.echo(f"client id      {client_id}\nclient secret  {secret}")


@keys.command("list")
def list_keys() -> None:
    """List the signing keys, the oldest first."""
    from projections.signing_keys import every  # noqa: PLC0415

    for row in with_tools(lambda tools, _: every(tools.pool)):
        until = f", published until {row['published_until']:%Y-%m-%dT%H:%M:%SZ}" if row["published_until"] else ""
        typer.echo(f"{row['id']}  {row['algorithm']:6} {row['status']:10} {row['kid']}{until}")


@keys.command("rotate")
def rotate_keys(
    now: Annotated[bool, typer.Option("--now", help="Sign with a new key at once: for a leaked key.")] = False,  # noqa: FBT002
    publish_ahead: Annotated[float, typer.Option(help="Hours a key is published before it signs.", min=0)] = 24.0,
    overlap: Annotated[float, typer.Option(help="Hours a retired key stays published.", min=0)] = 25.0,
) -> None:
    """Introduce the next key; let the one introduced before sign once verifiers know it; retire the former."""
    from domain.caller import SYSTEM  # noqa: PLC0415
    from service.commands import signing_keys  # noqa: PLC0415
    from service.store.decision import Origin  # noqa: PLC0415

    async def work(tools: Tools, settings: Settings) -> None:
        nil = SYSTEM.organization
        outcome = await signing_keys.rotate(
            tools.store,
            Origin(nil, nil, None, tools.store.clock.new_id()),
            SYSTEM,
            published_for=timedelta(hours=publish_ahead),
            overlap=timedelta(hours=overlap),
            algorithm=settings.signing_algorithm,
            force=now,
        )
        rotation = outcome.value
        typer.echo(f"introduced {rotation.introduced.kid}")
        if rotation.activated is not None:
            typer.echo(f"activated  {rotation.activated.kid}")
        for key in rotation.retired:
            typer.echo(f"retired    {key.kid}")
        if rotation.activated is None:
            typer.echo(f"It signs once it was published for {publish_ahead:g} h: run this command again then.")

    with_tools(work)


@keys.command("rotate-master")
def rotate_master() -> None:
    """Wrap every subject key under a new master key. What they seal is not touched; the old key stays readable."""
    from service.offline import address, rotate_master  # noqa: PLC0415

    settings = load()
    with address(settings) as dsn:
        key_id, count = asyncio.run(rotate_master(dsn, settings))
    typer.echo(f"master key {key_id} wraps {count} subject keys")


@projections.command("list")
def list_projections() -> None:
    """List the read models: mode, version, generation, position, and why one has stopped."""
    from projections import registry  # noqa: PLC0415
    from service.store.log import head  # noqa: PLC0415

    async def work(tools: Tools, _: Settings) -> None:
        end = await head(tools.pool)
        for row in await registry.rows(tools.pool):
            position = end if row["mode"] == "immediate" else row["position"]
            line = f"{row['name']:14} {row['mode']:9} version {row['version']} generation {row['generation']} "
            line += f"position {position} of {end}"
            typer.echo(line + (f"  STOPPED: {row['error']}" if row["error"] else ""))

    with_tools(work)


@projections.command("verify")
def verify_projection(name: Annotated[str, typer.Argument(help="The model, or `all`.")]) -> None:
    """Rebuild a read model beside the live one and compare them row by row; exit 1 when they differ."""
    from projections import MODELS  # noqa: PLC0415
    from service.store.rebuild import differences  # noqa: PLC0415

    names = list(MODELS) if name == "all" else [name]
    if unknown := set(names) - MODELS.keys():
        typer.echo(f"muniment: no read model {', '.join(unknown)}; there are {', '.join(MODELS)}", err=True)
        raise typer.Exit(2)

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


@events.command("list")
def list_events(
    after: Annotated[int, typer.Option(help="Begin behind this position.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 100,
) -> None:
    """Print events by position, one line each."""
    _print_events(after, limit, follow=False, line=_summary)


@events.command("export")
def export_events(after: Annotated[int, typer.Option(help="Begin behind this position.", min=0)] = 0) -> None:
    """Print the log as JSON lines: envelope, state as stored (sealed fields stay sealed) and leaf digest."""
    _print_events(after, None, follow=False, line=_document)


@events.command("tail")
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


def main() -> None:
    """Run the command line; what an operator can mend is told in one sentence, without a traceback."""
    from domain.refusals import Refusal  # noqa: PLC0415
    from service.bootstrap import WeakRootSecret  # noqa: PLC0415
    from service.initialization import WrongMasterKey  # noqa: PLC0415
    from service.port import CannotListen  # noqa: PLC0415
    from service.postgres.problem import PostgresProblem  # noqa: PLC0415
    from service.secrets.key_file import KeyFileExposed  # noqa: PLC0415
    from service.secrets.master_key import InvalidMasterKey, UnknownMasterKey  # noqa: PLC0415
    from service.store.connections import DatabaseUnreachable  # noqa: PLC0415
    from service.store.migrations import SchemaMismatch  # noqa: PLC0415
    from service.supervisor import WorkersKeepDying  # noqa: PLC0415

    try:
        app()
    except (
        settings_module.BadSetting,
        WeakRootSecret,
        WrongMasterKey,
        PostgresProblem,
        KeyFileExposed,
        InvalidMasterKey,
        UnknownMasterKey,
        DatabaseUnreachable,
        SchemaMismatch,
        CannotListen,
        WorkersKeepDying,
        Refusal,
        OSError,
    ) as problem:
        sentence = problem.sentence if isinstance(problem, Refusal) else problem
        sys.stderr.write(f"muniment: {sentence}\n")
        sys.exit(1)
