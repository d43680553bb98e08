"""The command line: serve, init, keys, projections, events, identities, openapi.

It works beside a running service or without one.

Each command loads what it needs when it runs, so that `--help` and the quick ones start at once.
"""

from __future__ import annotations

import sys

from service.cli import archive, events, identities, keys, openapi, projections, serving
from service.settings import BadSetting

app = serving.app
app.add_typer(keys.app, name="keys")
app.add_typer(projections.app, name="projections")
app.add_typer(events.app, name="events")
app.add_typer(identities.app, name="identities")
archive.add_to(events.app)
app.command("openapi")(openapi.show)


def main() -> None:
    """Run the command line; what an operator can mend is told in one sentence, without a traceback."""
    from domain.refusals import Refusal  # noqa: PLC0415
    from service.bootstrap import WeakRootSecret  # noqa: PLC0415
    from service.initialization import WrongMasterKey  # noqa: PLC0415
    from service.port import CannotListen  # noqa: PLC0415
    from service.postgres.problem import PostgresProblem  # noqa: PLC0415
    from service.secrets.key_file import KeyFileExposed  # noqa: PLC0415
    from service.secrets.master_key import InvalidMasterKey, UnknownMasterKey  # noqa: PLC0415
    from service.store.archive_file import Damaged  # noqa: PLC0415
    from service.store.connections import DatabaseUnreachable  # noqa: PLC0415
    from service.store.migrations import SchemaMismatch  # noqa: PLC0415
    from service.supervisor import WorkersKeepDying  # noqa: PLC0415

    try:
        app()
    except (
        BadSetting,
        WeakRootSecret,
        WrongMasterKey,
        PostgresProblem,
        KeyFileExposed,
        InvalidMasterKey,
        UnknownMasterKey,
        DatabaseUnreachable,
        Damaged,
        SchemaMismatch,
        CannotListen,
        WorkersKeepDying,
        Refusal,
        OSError,
    ) as problem:
        sentence = problem.sentence if isinstance(problem, Refusal) else problem
        sys.stderr.write(f"muniment: {sentence}\n")
        sys.exit(1)
