"""The entry of a child process: reads its settings from the environment and runs the event loop of its role."""

from __future__ import annotations

import gc
import importlib
import os
import sys

import structlog
import uvloop

from service import settings as settings_module
from service.operations.logging import configure

ROLES = {"worker": "service.worker", "background": "service.background"}
"""The module of each role, loaded in its own processes alone. Each has `serve(dsn, settings, *, parent, ready)`."""

DATABASE_VARIABLE = "MUNIMENT_CHILD_DATABASE"
GC_THRESHOLD = 50_000  # allocations between collections: the default pauses a busy loop far too often

log = structlog.get_logger(__name__)


def main(role: str, parent: int, ready: int) -> None:
    """Do the work of a role for the process `parent`, telling it over the descriptor `ready` when it has begun."""
    settings = settings_module.read()
    configure(settings.log_level, secrets=[s for s in (settings.root_client_secret, settings.master_key) if s])
    serve = importlib.import_module(ROLES[role]).serve
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)
    try:
        uvloop.run(serve(os.environ[DATABASE_VARIABLE], settings, parent=parent, ready=ready))
    except Exception:
        log.exception("process_failed", role=role)
        sys.exit(1)
