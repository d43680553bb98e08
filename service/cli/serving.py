"""muniment serve, init and root-secret: what brings the service up and keeps its owner in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from service import settings as settings_module
from service.cli.opening import load, with_tools

# Failures nobody foresaw end in Python's own traceback: it is shorter, can be pasted, and shows no values.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Muniment: an event-sourced authorization service.",
)


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
