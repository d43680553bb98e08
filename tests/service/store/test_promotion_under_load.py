"""A generation is promoted, and switched back, while tokens are issued and introspected: no request fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from domain.caller import SYSTEM
from projections import MODELS
from service.store import rebuild_jobs as jobs
from service.store import rebuilder
from service.store.connections import owner
from service.store.rebuild import differences
from service.store.rebuilder import Rebuilder
from tests.app_fixture import AUDIENCE, ROOT_SECRET, app, app_database, app_template
from tests.service.store.given import until

if TYPE_CHECKING:
    import pytest

    from tests.app_fixture import Running

__all__ = ["app", "app_database", "app_template"]

ROOT = {"client_id": "root", "client_secret": ROOT_SECRET}
REBUILT = ("tokens", "applications", "tokens", "revocations", "accounts", "grants")


async def job(app: Running, model: str, command: str) -> Any:
    identity = app.parts.clock.new_id()
    nobody = SYSTEM.actor
    asked = jobs.Asked(identity, model, command, MODELS[model].version, nobody, nobody, None, identity)
    pool = app.parts.store.pool
    asked_for = (await jobs.ask(pool, asked))["id"]

    async def ended() -> bool:
        return (await jobs.one(pool, asked_for))["ended_at"] is not None

    await until(ended, 60)
    return await jobs.one(pool, asked_for)


async def test_no_request_fails_while_generations_change_places(
    app: Running, app_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilder, "POLL_SECONDS", 0.02)
    done = asyncio.Event()
    answered = {"issue": 0, "introspect": 0, "read": 0}
    failed: list[Any] = []

    async def use(number: int) -> None:
        while not (done.is_set() or failed):
            body = {"grant_type": "client_credentials", "audience": AUDIENCE, **ROOT}
            async with app.client.post("/oauth2/token", json=body) as reply:
                token = (await reply.json()).get("access_token")
                if reply.status != 200:
                    failed.append((number, reply.status, await reply.text()))
                    continue
            answered["issue"] += 1
            for _ in range(3):
                async with app.client.post("/oauth2/introspect", data={"token": token, **ROOT}) as reply:
                    told = await reply.json()
                    if reply.status != 200 or not told["active"]:
                        failed.append((number, reply.status, told))
                answered["introspect"] += 1
            seen = await app.call("GET", "/api/applications")
            if seen.status != 200:
                failed.append((number, seen.status, seen.text))
            answered["read"] += 1

    worker = Rebuilder(lambda: owner(app_database), MODELS.values(), app.parts.store.vault)
    await worker.start()
    users = [asyncio.create_task(use(number)) for number in range(6)]
    try:
        ended = [(await job(app, model, "rebuild"))["state"] for model in REBUILT]
        ended += [(await job(app, model, "switch_back"))["state"] for model in ("tokens", "applications")]
    finally:
        done.set()
        await asyncio.gather(*users)
        await worker.stop()
    assert ended == ["promoted"] * len(REBUILT) + ["switched_back"] * 2
    assert failed == []
    assert min(answered.values()) > len(REBUILT)
    connection = await owner(app_database)
    for model in set(REBUILT):
        assert await differences(connection, MODELS[model], app.parts.store.vault) == [], model
    await connection.close()
