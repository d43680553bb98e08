"""muniment projections: the read models, where they stand and whether the log agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import with_tools

if TYPE_CHECKING:
    from service.offline import Tools
    from service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Read models.")


@app.command("list")
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


@app.command("verify")
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
