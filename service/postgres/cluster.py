"""Makes the database cluster at the first start, and refuses one that another major version made."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING

from service.postgres.child import spawn
from service.postgres.problem import PostgresProblem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from service.postgres.binaries import Binaries
    from service.postgres.place import Place

DATABASE = "muniment"
SUPERUSER = "postgres"
# PostgreSQL's own C.UTF-8: sorts by code point, never changes with an upgrade of the system's locales.
_BUILTIN_LOCALE_SINCE = 17
_BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")

_OTHER_MAJOR = """\
The database in {cluster} was made by PostgreSQL {theirs}, but the PostgreSQL at hand is {ours} ({folder}).
The way out, with the programs of PostgreSQL {theirs} (their folder is called OLD here), as the owner of the files:
  1. OLD/pg_ctl -D '{cluster}' -o "-c listen_addresses= -k /tmp" -w start
  2. OLD/pg_dumpall -h /tmp -U {superuser} --roles-only -f roles.sql
     OLD/pg_dump -h /tmp -U {superuser} -Fc -f muniment.dump {database}
  3. OLD/pg_ctl -D '{cluster}' -w stop
  4. mv '{cluster}' '{cluster}-{theirs}'
  5. python -m service.postgres '{data_dir}'     (starts an empty database, tells its ADDRESS, stops on Ctrl-C)
  6. '{folder}/psql' -d 'ADDRESS' -f roles.sql     (may say that role {superuser} already exists)
     '{folder}/pg_restore' --exit-on-error -d 'ADDRESS' muniment.dump
Then start Muniment as usual, and delete '{cluster}-{theirs}' once satisfied."""


def require_same_major(place: Place, binaries: Binaries, data_dir: Path) -> None:
    """Raise PostgresProblem, with the way out, when another major version made the cluster."""
    theirs = (place.cluster / "PG_VERSION").read_text().strip()
    if theirs == str(binaries.major):
        return
    sentence = _OTHER_MAJOR.format(
        cluster=place.cluster,
        theirs=theirs,
        ours=binaries.major,
        folder=binaries.folder,
        superuser=SUPERUSER,
        database=DATABASE,
        data_dir=data_dir,
    )
    raise PostgresProblem(sentence)


def make_cluster(place: Place, binaries: Binaries, *, durable: bool) -> None:
    """Make the cluster and its database in a draft folder that takes its name when complete, so never half of one."""
    for left in place.folder.glob(f"{place.cluster.name}.draft-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = place.cluster.with_name(f"{place.cluster.name}.draft-{os.getpid()}")
    draft.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(draft, place.identity.user, place.identity.group)
    locale = _BUILTIN_LOCALE if binaries.major >= _BUILTIN_LOCALE_SINCE else ()
    options = ("--auth=trust", "--encoding=UTF8", "--locale=C", *locale, "--data-checksums", "--no-sync")
    initdb = [binaries.program("initdb"), "-D", str(draft)]
    _run(place, [*initdb, f"--username={SUPERUSER}", *options])
    # Single-user mode needs no client and no socket.
    single = [binaries.program("postgres"), "--single", "-D", str(draft), "-c", "fsync=off", "postgres"]
    _run(place, single, reads=f"CREATE DATABASE {DATABASE} STRATEGY file_copy;\n")
    if durable:
        # One pass over the files at the end, instead of one for each step.
        _run(place, [*initdb, "--sync-only"])
    draft.rename(place.cluster)
    _sync(place.folder)


def _run(place: Place, command: Sequence[str], reads: str = "") -> None:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write(reads.encode())
        given.seek(0)
        process = spawn(command, place.identity, death_signal=signal.SIGKILL, output=output, reads=given)
        status = process.wait()
        output.seek(0)
        told = output.read().decode(errors="replace")
    # Single-user mode ends well even after a statement failed.
    if status != 0 or "ERROR:" in told or "FATAL:" in told:
        raise PostgresProblem(f"The database cluster could not be made in {place.folder}: {told.strip()}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
