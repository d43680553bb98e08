"""Says in a line or two what went wrong and where, without anything that was in a variable."""

from __future__ import annotations

from itertools import islice
from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from types import TracebackType

MAX_CAUSES = 4
MAX_FRAMES = 12
MAX_MESSAGE = 500


def described(error: BaseException) -> str:
    """Return the class and message of an exception and, after `because`, of what it came from."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < MAX_CAUSES:
        message = _message(seen)
        parts.append(f"{type(seen).__qualname__}: {message}" if message else type(seen).__qualname__)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " because ".join(parts)


def place(traceback: TracebackType | None) -> list[str]:
    """Return the innermost frames, outermost of them first, each as `folder/file.py:line function`."""
    frames = [
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{line} {frame.f_code.co_name}"
        for frame, line in islice(walk_tb(traceback), 1000)
    ]
    return frames[-MAX_FRAMES:]


def _message(error: BaseException) -> str:
    if isinstance(error, asyncpg.PostgresError):
        # Not str(): that adds the server's DETAIL, which quotes the row.
        text = f"{error.sqlstate} {error.args[0] if error.args else ''}"
        # A value that does not fit its type is quoted after the first colon.
        return text.split(":", maxsplit=1)[0] if isinstance(error, asyncpg.DataError) else text[:MAX_MESSAGE]
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - whatever a foreign __str__ raises, the line must be written
        return ""
