"""Measures what those who manage tokens wait for, on one database of a size: look-ups, then revocations."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from projections import MODELS
from tests.bench import look_ups, revoking, sized
from tests.bench.database import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.figures import Tail
    from tests.bench.filled import Filled

AUDIT = "audit"


def measure(folder: Path, size: int, say: Callable[[str], None]) -> Iterator[Tail]:
    """Yield every figure as it is found. Raises WrongAnswer.

    Nothing is served, and of the read models the audit is left out: it takes as long to make as all others.
    """
    home = folder / f"managed-{size}"
    with postgres(home) as dsn:
        began = time.monotonic()
        past, _ = asyncio.run(sized.fill(dsn, home, size, [name for name in MODELS if name != AUDIT]))
        say(f"management: {size:,} token events made in {time.monotonic() - began:,.0f} s")
        yield from asyncio.run(look_ups.measure(dsn, size, past))
        yield from revoke(dsn, home, size, past, say)


def revoke(dsn: str, folder: Path, size: int, past: Filled, say: Callable[[str], None]) -> Iterator[Tail]:
    """Yield the figures of revocations, and say how many tokens the largest of them ended. Raises WrongAnswer."""

    async def measured() -> revoking.Found:
        async with revoking.opened(dsn, sized.settings(folder)) as store:
            return await revoking.measure(store, size, past)

    found = asyncio.run(measured())
    say(f"{size:,} token events: the bulk revocation ended {found.hit:,} tokens")
    yield from found.tails
