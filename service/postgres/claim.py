"""One supervisor per database: a lock that the kernel frees when its holder dies, and the socket folder it used."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from service.postgres.configuration import PORT
from service.postgres.problem import PostgresProblem

if TYPE_CHECKING:
    from service.postgres.identity import Identity
    from service.postgres.place import Place

_PREFIX = "mun-"
# The size of sockaddr_un.sun_path, less its closing zero byte.
_LONGEST_SOCKET_PATH = 107


class Claim:
    """The lock on a place, held from `__init__` until `release`. Raises PostgresProblem when another holds it.

    The lock file names the socket folder in use, so that whoever locks after a `kill -9` can remove it.
    """

    def __init__(self, place: Place) -> None:
        self._file = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise PostgresProblem(
                f"The embedded database in {place.folder} is already in use by another process of Muniment."
            ) from None
        self._left_behind = os.pread(self._file, 4096, 0).decode()
        self.socket_folder: Path | None = None

    def make_socket_folder(self, identity: Identity) -> Path:
        """Make a short private folder, after removing the one a killed predecessor left."""
        _remove(self._left_behind)
        # Not in the data folder: its path may be longer than a socket's may be.
        parent = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else tempfile.gettempdir()  # noqa: S108 - mkdtemp is private
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _LONGEST_SOCKET_PATH:
            folder.rmdir()
            raise PostgresProblem(
                f"The temporary folder {parent} is too long for a socket's path: set TMPDIR to a shorter one."
            )
        self._note(str(folder))
        if os.geteuid() == 0:
            os.chown(folder, identity.user, identity.group)
        self.socket_folder = folder
        return folder

    def release(self) -> None:
        if self.socket_folder is not None:
            _remove(str(self.socket_folder))
        self._note("")
        os.close(self._file)

    def _note(self, text: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode(), 0)


def _remove(folder: str) -> None:
    if Path(folder).name.startswith(_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
