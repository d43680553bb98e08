"""Finds the embedded database that another process of Muniment runs: the command line works beside the service."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from service.postgres.cluster import DATABASE, SUPERUSER
from service.postgres.configuration import PORT


def running_address(data_dir: Path) -> str | None:
    """Return the address of the database of this data folder that runs now, None when none does."""
    lock = (data_dir.absolute() / "postgres").resolve().parent / "postgres.lock"
    try:
        folder = lock.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not folder or not (Path(folder) / f".s.PGSQL.{PORT}").exists():
        return None
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(folder)}&port={PORT}"
