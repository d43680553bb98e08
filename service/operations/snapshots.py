"""Shares what each worker counted with the others, through one small file a worker in a folder of theirs.

A file is replaced whole, so a reader never sees half of one. Counts outlive their worker: the next one in its place
goes on from them, so that the service's sums never fall while the service runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from service.operations.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

DEAD_AFTER = 10.0  # seconds without a new snapshot


class Snapshot(msgspec.Struct):
    """What a worker last told: when (seconds since 1970), its counts, and its gauges, which are only about now."""

    worker: int
    at: float
    tally: Tally
    gauges: dict[str, float]

    def is_current(self, now: float) -> bool:
        """Say whether the worker still tells: until ten seconds after its last snapshot."""
        return now - self.at < DEAD_AFTER


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


def write(folder: Path, snapshot: Snapshot) -> None:
    """Replace a worker's file."""
    path = _path(folder, snapshot.worker)
    new = path.with_suffix(".new")
    new.write_bytes(_encode(snapshot))
    os.replace(new, path)  # noqa: PTH105 - one call, nothing between


def read(folder: Path, worker: int) -> Snapshot | None:
    """Return a worker's last snapshot, None when it has none that can be read."""
    return _read(_path(folder, worker))


def read_others(folder: Path, worker: int) -> list[Snapshot]:
    """Return the last snapshots of all workers but one."""
    own = _path(folder, worker)
    found = [_read(path) for path in sorted(folder.glob("worker-*.counts")) if path != own]
    return [snapshot for snapshot in found if snapshot is not None]


def _path(folder: Path, worker: int) -> Path:
    return folder / f"worker-{worker}.counts"


def _read(path: Path) -> Snapshot | None:
    try:
        return _decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
