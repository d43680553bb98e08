"""Draws QR codes into pages: as shapes of the page itself, for pages load no images.

Dark on light whatever the colours of the page, with the margin that readers need (ISO/IEC 18004): as one path of runs
of dark modules, in a square of so many modules a side.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import segno

MARGIN = 4


class Drawn(NamedTuple):
    """A QR code: its side in modules, margin included, and the path of the dark ones."""

    size: int
    path: str


def drawn(text: str) -> Drawn:
    """Return the QR code of a text."""
    rows = [tuple(row) for row in segno.make_qr(text, error="m").matrix]
    runs = "".join(
        f"M{MARGIN + start} {MARGIN + y}h{length}v1h-{length}z"
        for y, row in enumerate(rows)
        for start, length in _runs(row)
    )
    return Drawn(len(rows) + 2 * MARGIN, runs)


def _runs(row: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return where runs of dark modules start, and how long they are."""
    found, at = [], 0
    for dark, modules in groupby(row):
        length = len(list(modules))
        if dark:
            found.append((at, length))
        at += length
    return found
