"""muniment keys: the signing keys and the master key."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import load, with_tools

if TYPE_CHECKING:
    from service.offline import Tools
    from service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Signing keys and the master key.")


@app.command("list")
def list_keys() -> None:
    """List the signing keys, the oldest first."""
    from projections.signing_keys import every  # noqa: PLC0415

    for row in with_tools(lambda tools, _: every(tools.pool)):
        until = f", published until {row['published_until']:%Y-%m-%dT%H:%M:%SZ}" if row["published_until"] else ""
        typer.echo(f"{row['id']}  {row['algorithm']:6} {row['status']:10} {row['kid']}{until}")


@app.command("rotate")
def rotate_keys(
    now: Annotated[bool, typer.Option("--now", help="Sign with a new key at once: for a leaked key.")] = False,  # noqa: FBT002
    publish_ahead: Annotated[float, typer.Option(help="Hours a key is published before it signs.", min=0)] = 24.0,
    overlap: Annotated[float, typer.Option(help="Hours a retired key stays published.", min=0)] = 25.0,
    algorithm: Annotated[str | None, typer.Option(help="ES256, RS256 or EdDSA; each one in use unless given.")] = None,
) -> None:
    """Introduce the next key; let the one introduced before sign once verifiers know it; retire the former.

    So for each algorithm that access tokens or ID tokens are signed with. One whose waiting key is too young stays.
    """
    from domain.refusals import KeyTooYoung  # noqa: PLC0415

    async def work(tools: Tools, settings: Settings) -> None:
        refused: KeyTooYoung | None = None
        for each in (algorithm,) if algorithm else settings.algorithms:
            try:
                await _rotate(tools, each, timedelta(hours=publish_ahead), timedelta(hours=overlap), force=now)
            except KeyTooYoung as refusal:  # no reason to leave the others as they are
                refused = refusal
        if refused is not None:
            raise refused

    with_tools(work)


async def _rotate(tools: Tools, algorithm: str, published_for: timedelta, overlap: timedelta, *, force: bool) -> None:
    """Rotate the keys of an algorithm, and tell what changed."""
    from domain.caller import SYSTEM  # noqa: PLC0415
    from service.commands import signing_keys  # noqa: PLC0415
    from service.store.decision import Origin  # noqa: PLC0415

    nil = SYSTEM.organization
    outcome = await signing_keys.rotate(
        tools.store,
        Origin(nil, nil, None, tools.store.clock.new_id()),
        SYSTEM,
        published_for=published_for,
        overlap=overlap,
        algorithm=algorithm,
        force=force,
    )
    rotation = outcome.value
    typer.echo(f"introduced {rotation.introduced.kid} ({algorithm})")
    if rotation.activated is not None:
        typer.echo(f"activated  {rotation.activated.kid}")
    for key in rotation.retired:
        typer.echo(f"retired    {key.kid}")
    if rotation.activated is None:
        hours = published_for.total_seconds() / 3600
        typer.echo(f"It signs once it was published for {hours:g} h: run this command again then.")


@app.command("rotate-master")
def rotate_master() -> None:
    """Wrap every subject key under a new master key. What they seal is not touched; the old key stays readable."""
    from service.offline import address, rotate_master  # noqa: PLC0415

    settings = load()
    with address(settings) as dsn:
        key_id, count = asyncio.run(rotate_master(dsn, settings))
    typer.echo(f"master key {key_id} wraps {count} subject keys")
