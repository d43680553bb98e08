"""The entry of a worker process: reads its settings from the environment and runs the event loop."""

from __future__ import annotations

import gc
import os
import sys

import structlog
import uvloop

from service import settings as settings_module
from service.operations.logging import configure
from service.worker import DATABASE_VARIABLE, serve

log = structlog.get_logger(__name__)
GC_THRESHOLD = 50_000  # allocations between collections: the default pauses a busy loop far too often


def main(parent: int, ready: int) -> None:
    """Serve as a worker of the process `parent`, telling it over the descriptor `ready` when requests are taken."""
    settings = settings_module.read()
    configure(settings.log_level, secrets=[s for s in (settings.root_client_secret, settings.master_key) if s])
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    try:
        uvloop.run(serve(os.environ[DATABASE_VARIABLE], settings, parent=parent, ready=ready))
    except Exception:
        log.exception("worker_failed")
        sys.exit(1)
