"""The outbox: where messages go when no sender is set up. One file a channel and day, a JSON line a message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

FOLDER = "outbox"


class Message(msgspec.Struct):
    """One line, in full: the folder is for those who try the service out, and readable by them alone."""

    to: str
    channel: str
    subject: str
    body: str
    code: str | None


def append(data_dir: Path, message: Message, now: datetime) -> Path:
    """Write a message to the day's file, durably; return the file."""
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{message.channel}-{now:%Y-%m-%d}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, msgspec.json.encode(message) + b"\n")  # one write: lines of several processes never mix
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path
