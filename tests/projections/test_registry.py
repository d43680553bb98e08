"""The registry tells which version and generation of each read model is live, to writers as the database sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from projections import EVENTUAL, IMMEDIATE, MODELS, registry
from projections.registry import Superseded

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


async def test_what_a_program_writes_is_what_the_database_expects(parts: StoreParts) -> None:
    expected = registry.expected_writers(MODELS.values(), await registry.rows(parts.pool))
    assert await registry.writers(parts.pool) == expected == parts.appender.writers
    assert expected == ",".join(f"{name}:{IMMEDIATE[name].version}:1" for name in sorted(IMMEDIATE))


async def test_another_version_generation_or_model_is_another_writer(parts: StoreParts) -> None:
    live = await registry.writers(parts.pool)
    rows = await registry.rows(parts.pool)
    tokens = MODELS["tokens"]
    others = [replace(model, version=model.version + 1) if model is tokens else model for model in MODELS.values()]
    assert registry.expected_writers(others, rows) != live
    assert registry.expected_writers([*MODELS.values(), replace(tokens, name="sessions")], rows) != live
    assert registry.expected_writers([model for model in MODELS.values() if model is not tokens], rows) != live
    await parts.owner.execute("UPDATE muniment.models SET generation = 2 WHERE name = 'tokens'")
    assert await registry.writers(parts.pool) != live
    assert registry.expected_writers(MODELS.values(), await registry.rows(parts.pool)) == await registry.writers(
        parts.pool
    )


async def test_a_program_of_the_same_versions_adopts_whatever_generation_is_live(parts: StoreParts) -> None:
    await parts.owner.execute("UPDATE muniment.models SET generation = 7 WHERE name = 'tokens'")
    live = await registry.writers(parts.pool)
    assert await registry.adoptable(parts.owner, MODELS.values()) == live
    assert await registry.adoptable(parts.owner, [*MODELS.values(), replace(MODELS["tokens"], name="sessions")]) is None
    assert await registry.adoptable(parts.owner, [m for m in MODELS.values() if m.name != "tokens"]) is None
    await parts.owner.execute("UPDATE muniment.models SET version = 77 WHERE name = 'tokens'")
    assert await registry.adoptable(parts.owner, MODELS.values()) is None


async def test_eventual_models_are_no_writers(parts: StoreParts) -> None:
    assert not EVENTUAL.keys() & {part.split(":")[0] for part in (await registry.writers(parts.pool)).split(",")}


async def test_a_model_that_is_promoted_is_registered_without_its_past_errors(parts: StoreParts) -> None:
    await registry.stop(parts.pool, "audit", "poison")
    await registry.register(parts.owner, MODELS["audit"], generation=2, position=7)
    [row] = [row for row in await registry.rows(parts.pool) if row["name"] == "audit"]
    assert (row["version"], row["generation"], row["mode"], row["position"], row["error"]) == (
        MODELS["audit"].version,
        2,
        "eventual",
        7,
        None,
    )


async def test_a_stopped_model_is_named_until_it_moves_on(parts: StoreParts) -> None:
    await registry.stop(parts.pool, "audit", "position 3, user.created: poison")
    [row] = [row for row in await registry.rows(parts.pool) if row["name"] == "audit"]
    assert row["error"] == "position 3, user.created: poison"
    await registry.advance(parts.pool, "audit", 3)
    [row] = [row for row in await registry.rows(parts.pool) if row["name"] == "audit"]
    assert (row["error"], row["position"]) == (None, 3)


async def test_a_position_is_held_by_one_writer_at_a_time(parts: StoreParts) -> None:
    async with parts.owner.transaction():
        assert await registry.lock_position(parts.owner, MODELS["audit"]) == 0
        held = "SELECT count(*) FROM muniment.models WHERE name = 'audit'"
        assert await parts.pool.fetchval(held) == 1, "readers do not wait"
        assert (
            await parts.pool.fetch("SELECT name FROM muniment.models WHERE name = 'audit' FOR UPDATE SKIP LOCKED") == []
        )


async def test_the_position_of_another_version_is_not_handed_out(parts: StoreParts) -> None:
    for model in (
        replace(MODELS["audit"], version=MODELS["audit"].version + 1),
        replace(MODELS["audit"], name="statistics"),
    ):
        with pytest.raises(Superseded):
            await registry.lock_position(parts.pool, model)
