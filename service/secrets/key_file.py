"""Keep a small secret text in a file that only its owner may read, safely between processes.

Every write appears at once and whole: the text goes to a private neighbour, is synced, and only then gets its name.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWNER_ONLY = 0o600


class KeyFileExposed(Exception):
    """The key file may be read or written by others than its owner."""

    def __init__(self, path: Path, mode: int) -> None:
        """Name the file and the way out."""
        super().__init__(f"{path} has mode {mode:04o}: others can reach the key; run `chmod 600 {path}`")


def read_or_create(path: Path, fresh: Callable[[], str]) -> str:
    """Return the text at `path`; when there is none, the text of `fresh()`, stored there with mode 0600.

    Of several processes that start together one creates the file and all return its text.
    Raises KeyFileExposed for a file open to others and FileNotFoundError when the folder is missing.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    with _neighbour(path, fresh()) as written:
        try:
            # A link, unlike a rename, fails when the name is taken; unlike O_EXCL on the name itself it never shows
            # another process a half-written file.
            os.link(written, path)
        except FileExistsError:
            pass
        else:
            _sync_folder(path)
    return _read(path)


def rewrite(path: Path, change: Callable[[str], str]) -> str:
    """Replace the text at `path` by `change(text)` in one step, keeping mode and owner; return the new text.

    Rewrites wait for each other, so none is lost. Raises FileNotFoundError and KeyFileExposed.
    """
    # A link in the path stays a link: the file it leads to is what is replaced.
    path = path.resolve(strict=True)
    with _locked(path) as (fd, status):
        text = change(_text(fd, path))
        with _neighbour(path, text, status) as written:
            written.replace(path)
        _sync_folder(path)
    return text


def _read(path: Path) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _text(fd, path)
    finally:
        os.close(fd)


def _text(fd: int, path: Path) -> str:
    # The mode is asked of the open file, not of its name, which could change in between.
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & 0o077:
        raise KeyFileExposed(path, mode)
    with os.fdopen(fd, encoding="ascii", errors="replace", closefd=False) as file:
        return file.read()


@contextmanager
def _locked(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Hold the lock of the file that bears the name now; while we waited, a rewrite may have given it to another."""
    while True:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            status = os.fstat(fd)
            if os.path.samestat(status, path.stat()):
                yield fd, status
                return
        finally:
            os.close(fd)


@contextmanager
def _neighbour(path: Path, text: str, like: os.stat_result | None = None) -> Iterator[Path]:
    """Write the text to a private file beside `path`, synced; it is gone at the end unless renamed."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    try:
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            if like is not None and (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                # An operator may rotate as root; the service's own user must still be able to read the file.
                os.fchown(fd, like.st_uid, like.st_gid)
            # After the owner, and whatever the umask says.
            os.fchmod(fd, OWNER_ONLY if like is None else stat.S_IMODE(like.st_mode))
            os.fsync(fd)
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
