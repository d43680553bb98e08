"""How these tests look at a server from outside: by a statement, or by its processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable


def execute(address: str, statement: str) -> object:
    """Run one statement and return the first value of its first row, None when it returns no rows."""
    with psycopg.connect(address) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def server_of(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])


def socket_folder_of(address: str) -> Path:
    """Return the folder of the server's socket, one that does not exist when the address is empty."""
    return Path(address.partition("host=")[2].partition("&")[0] or "/nonexistent")


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def alive(process_id: int) -> bool:
    """Tell whether a process runs: one that ended and awaits its parent does not."""
    try:
        state = Path("/proc", str(process_id), "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}
