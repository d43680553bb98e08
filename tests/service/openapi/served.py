"""The service in a thread of its own, for tools that ask over the network and wait for the answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tests.app_fixture import running

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from tests.app_fixture import Running

T = TypeVar("T")
PATIENCE = 60.0


@dataclass
class Served:
    """A running service, its address, and a way to ask it from another thread."""

    app: Running
    url: str
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)


@contextmanager
def served(dsn: str) -> Iterator[Served]:
    """Serve on a database until the block ends."""
    with ThreadPoolExecutor(1) as thread:
        ready: Future[Served] = Future()
        end = asyncio.Event()

        async def serve() -> None:
            async with running(dsn) as app:
                ready.set_result(Served(app, str(app.client.make_url("")).rstrip("/"), asyncio.get_running_loop()))
                await end.wait()

        serving = thread.submit(asyncio.run, serve())
        wait([ready, serving], timeout=PATIENCE, return_when=FIRST_COMPLETED)
        if serving.done():
            serving.result()  # raises what went wrong
        service = ready.result(0)
        try:
            yield service
        finally:
            service.loop.call_soon_threadsafe(end.set)
            serving.result(PATIENCE)
