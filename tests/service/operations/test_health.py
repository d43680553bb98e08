"""A process is live while it runs, and ready only while its requests would succeed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from projections import MODELS
from service.operations.health import live, ready
from service.store import append

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

ALL_WELL = {"queue": "ok", "database": "ok", "models": "ok"}


async def checks(parts: StoreParts) -> tuple[bool, dict[str, str]]:
    return await ready(parts.pool, parts.appender, seconds=0.5)


def test_a_running_process_is_live() -> None:
    assert live() == {"status": "ok"}


async def test_a_process_with_everything_at_hand_is_ready(parts: StoreParts) -> None:
    assert await checks(parts) == (True, ALL_WELL)


async def test_a_database_that_does_not_answer_makes_it_unready(parts: StoreParts) -> None:
    async with parts.owner.transaction():
        await parts.owner.execute("LOCK TABLE muniment.models")
        is_ready, found = await checks(parts)
    assert (is_ready, found["database"], found["models"]) == (False, "no answer within 0.5 s", "unknown")
    assert (await checks(parts))[0]


async def test_a_database_that_is_gone_makes_it_unready(parts: StoreParts) -> None:
    await parts.pool.close()
    is_ready, found = await checks(parts)
    assert (is_ready, found["database"]) == (False, "not reachable")


async def test_a_full_queue_makes_it_unready(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append.Appender, "pending", append.MAX_PENDING - 1)
    assert (await checks(parts))[0]
    monkeypatch.setattr(append.Appender, "pending", append.MAX_PENDING)
    assert await checks(parts) == (False, {**ALL_WELL, "queue": "the queue of appends is full"})


async def test_a_stopped_authorization_model_makes_it_unready_and_audit_does_not(parts: StoreParts) -> None:
    await parts.owner.execute("UPDATE muniment.models SET error = 'secret detail' WHERE name = 'audit'")
    assert (await checks(parts))[0]
    await parts.owner.execute("UPDATE muniment.models SET error = 'secret detail' WHERE name = 'tokens'")
    assert await checks(parts) == (False, {**ALL_WELL, "models": "tokens stopped"})


@pytest.mark.parametrize("name", ["audit", "tokens"])
async def test_another_version_of_a_model_makes_it_unready(parts: StoreParts, name: str) -> None:
    await parts.owner.execute("UPDATE muniment.models SET version = 99 WHERE name = $1", name)
    live_version = f"{name} is live in version 99, this program has {MODELS[name].version}"
    assert await checks(parts) == (False, {**ALL_WELL, "models": live_version})


async def test_another_generation_of_the_same_version_does_not_matter(parts: StoreParts) -> None:
    await parts.owner.execute("UPDATE muniment.models SET generation = 2 WHERE name = 'tokens'")
    assert await checks(parts) == (True, ALL_WELL)


async def test_a_model_that_this_program_does_not_write_makes_it_unready(parts: StoreParts) -> None:
    more = "INSERT INTO muniment.models (name, version, generation, mode) VALUES ('weather', 1, 1, 'immediate')"
    await parts.owner.execute(more)
    assert await checks(parts) == (
        False,
        {**ALL_WELL, "models": "another read model is live than this process writes"},
    )


async def test_a_model_that_is_not_installed_makes_it_unready(parts: StoreParts) -> None:
    more = [*MODELS.values(), replace(MODELS["tokens"], name="weather")]
    assert (await ready(parts.pool, parts.appender, more))[1]["models"] == "weather is not installed"
