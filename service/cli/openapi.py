"""muniment openapi: the API document, without a running service and without a database."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from service.cli.opening import load


def show(
    admin: Annotated[bool, typer.Option("--admin", help="The document of back-end administration.")] = False,  # noqa: FBT002
) -> None:
    """Print the API document (OpenAPI 3.1) as JSON. Its server is the issuer."""
    from service.http.app import document  # noqa: PLC0415 - each command loads what it needs
    from service.openapi import documents  # noqa: PLC0415
    from service.supervisor import complete  # noqa: PLC0415

    settings = load()
    settings = complete(settings, settings.port)
    contents = documents.ADMINISTRATION if admin else documents.PUBLIC
    typer.echo(json.dumps(document(contents, settings.issuer), indent=2))
