"""muniment identities: who users are at the providers of their enterprises, taken over from another system."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.opening import with_tools

if TYPE_CHECKING:
    from service.offline import Tools
    from service.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Identities at the providers of enterprises.")


@app.command("import")
def import_identities(
    file: Annotated[Path, typer.Argument(help="JSON lines: user, ssoConnectorId, issuer, identityId, detail.")],
) -> None:
    """Record who users are at enterprise providers, a line each; what is known already stays as it is.

    `user` is the id of a user here, `ssoConnectorId` a word for the provider, of which a user has one identity. Lines
    that are refused are told by their numbers and leave nothing; exit 1 when there were any.
    """
    from domain.refusals import Refusal  # noqa: PLC0415 - each command loads what it needs
    from service.enterprise_import import BadLine, lines, record  # noqa: PLC0415

    async def work(tools: Tools, _: Settings) -> tuple[int, int]:
        done = refused = 0
        with file.open("rb") as source:
            for number, line in enumerate(lines(source), 1):
                try:
                    await record(tools.store, line)
                    done += 1
                except (BadLine, Refusal) as problem:
                    sentence = problem.sentence if isinstance(problem, Refusal) else problem
                    typer.echo(f"line {number}: {sentence}", err=True)
                    refused += 1
        return done, refused

    done, refused = with_tools(work)
    typer.echo(f"recorded {done} identities" + (f", refused {refused} lines" if refused else ""))
    if refused:
        raise typer.Exit(1)
