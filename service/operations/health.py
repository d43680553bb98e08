"""Health, for whoever restarts processes (`live`) and whoever sends them requests (`ready`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from projections import MODELS, registry
from service.store.append import LOST, MAX_PENDING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projections.model import Model
    from service.store.append import Appender

DATABASE_SECONDS = 2.0
OK = "ok"


def live() -> dict[str, str]:
    """Return what a living process answers. It looks at nothing: a database that is away is no reason to restart."""
    return {"status": OK}


async def ready(
    pool: asyncpg.Pool,
    appender: Appender,
    models: Iterable[Model] = tuple(MODELS.values()),
    *,
    seconds: float = DATABASE_SECONDS,
) -> tuple[bool, dict[str, str]]:
    """Say whether this process can serve, and how each check went: "ok" or a reason without addresses and secrets."""
    checks = {
        "queue": OK if appender.pending < MAX_PENDING else "the queue of appends is full",
        "database": OK,
        "models": "unknown",
    }
    try:
        async with asyncio.timeout(seconds):
            checks["models"] = _models(await registry.rows(pool), list(models))
    except TimeoutError:
        checks["database"] = f"no answer within {seconds:g} s"
    except (*LOST, asyncpg.PostgresError):
        checks["database"] = "not reachable"
    return all(result == OK for result in checks.values()), checks


def _models(rows: list[asyncpg.Record], models: list[Model]) -> str:
    """Return OK when the live read models are those this process writes and none that decides about access stopped.

    Which generation is live does not matter: a process adopts it with its next append.
    """
    registered = {row["name"]: row for row in rows}
    for model in models:
        row = registered.get(model.name)
        if row is None:
            return f"{model.name} is not installed"
        if row["version"] != model.version:
            return f"{model.name} is live in version {row['version']}, this program has {model.version}"
        # Eventual models serve auditors; they stop without taking authorization with them.
        if row["error"] is not None and row["mode"] == "immediate":
            return f"{model.name} stopped"
    return OK if registry.same_versions(models, rows) else "another read model is live than this process writes"
