"""Rebuilds as operators know them: asked for, followed, paused, given up, gone on with after a crash, and gone back."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from domain import refusals
from domain.account import Account
from domain.caller import SYSTEM
from projections import MODELS
from projections.row_model import Table, row_model
from service.store import connections, generation, rebuild, rebuilder, renewal
from service.store import rebuild_jobs as jobs
from service.store.connections import owner
from service.store.migrations import SchemaMismatch
from service.store.rebuild import differences, install
from service.store.rebuilder import Rebuilder, is_led
from service.store.renewal import told
from tests.projections.given import a_user, save
from tests.service.store.given import ACTOR, CLIENT, ORGANIZATION, REQUEST, a_token, an_account, until, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from projections.model import Context, Fact, Model
    from tests.store_fixture import StoreParts

CHECKOUT = Path(__file__).resolve().parents[3]
ROW = "SELECT * FROM muniment.models WHERE name = $1"
SCHEMAS = r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 'models\_%' ORDER BY 1"
END_WORK = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE query LIKE '%muniment.rebuilds SET position%' AND datname = current_database() AND pid <> pg_backend_pid()
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'models' AND tablename = ANY ($1) ORDER BY 1
"""
REQUESTS = "SELECT * FROM muniment.rebuild_requests ORDER BY id"
WAITED_FOR = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'models.accounts'::regclass AND NOT granted)"
ACCOUNTS, USERS, TOKENS = MODELS["accounts"], MODELS["users"], MODELS["tokens"]
NAMED = Table("named", key=("id",), columns={"id": "uuid NOT NULL", "name": "text NOT NULL"},
              indexes=("CREATE INDEX named_name ON named (name)",))  # fmt: skip


def _named(event: Account.Created, _: Context) -> Iterable[Fact]:
    if event.name == "poison":
        raise ValueError("cannot be named")
    yield NAMED.insert(id=event.originator_id, name=event.name)


def _mended(event: Account.Created, _: Context) -> Iterable[Fact]:
    yield NAMED.insert(id=event.originator_id, name=event.name)


def naming(mode: Any = "immediate", handler: Any = _named, version: int = 1, **more: Any) -> Model:
    return row_model("named", version, (NAMED,), {Account.Created.TOPIC: handler}, mode=mode, **more)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_SECONDS", "STANDBY_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(rebuilder, name, 0.02)
    monkeypatch.setattr(rebuilder, "SUPERSEDED_SECONDS", 0.2)
    monkeypatch.setattr(renewal, "TURN_SECONDS", 0.02)
    monkeypatch.setattr(renewal, "PAUSES", (0.02,))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page be one event, and take a moment."""
    noted = jobs.progress

    async def slowly(*arguments: Any, **more: Any) -> None:
        await asyncio.sleep(0.05)
        await noted(*arguments, **more)

    monkeypatch.setattr(jobs, "progress", slowly)
    monkeypatch.setattr(rebuild, "PAGE_SIZE", 1)


@asynccontextmanager
async def at_work(parts: StoreParts, *models: Model) -> AsyncIterator[Rebuilder]:
    worker = a_rebuilder(parts, *models)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


def a_rebuilder(parts: StoreParts, *models: Model) -> Rebuilder:
    return Rebuilder(lambda: owner(parts.dsn), models or MODELS.values(), parts.vault)


async def ask(parts: StoreParts, command: str, model: Model = ACCOUNTS) -> asyncpg.Record:
    asked = jobs.Asked(parts.clock.new_id(), model.name, command, model.version, ORGANIZATION, ACTOR, CLIENT, REQUEST)
    return await jobs.ask(parts.pool, asked)


async def in_state(parts: StoreParts, job: asyncpg.Record, *states: str) -> asyncpg.Record:
    async def there() -> bool:
        return (await jobs.one(parts.owner, job["id"]))["state"] in states

    await until(there)
    return await jobs.one(parts.owner, job["id"])


async def ended(parts: StoreParts, job: asyncpg.Record) -> asyncpg.Record:
    async def there() -> bool:
        return (await jobs.one(parts.owner, job["id"]))["ended_at"] is not None

    await until(there, 60)
    return await jobs.one(parts.owner, job["id"])


async def carried_out(parts: StoreParts, command: str, model: Model = ACCOUNTS, *models: Model) -> asyncpg.Record:
    job = await ask(parts, command, model)
    async with at_work(parts, *models):
        done = await ended(parts, job)
        await until(lambda: without_litter(parts))
        return done


async def without_litter(parts: StoreParts) -> bool:
    rows = await parts.owner.fetch(generation.IN_USE)
    used = {generation.schema_of(row["model"], row["generation"]) for row in rows}
    return {row[0] for row in await parts.owner.fetch(generation.SCHEMAS, generation.SCHEMA)} <= used


async def some_accounts(parts: StoreParts, count: int = 5) -> list[Account]:
    accounts = [an_account(parts, f"Account {n}") for n in range(count)]
    for account in accounts:
        await write(parts, account)
    return accounts


async def contents(parts: StoreParts, table: str = "accounts") -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await parts.owner.fetch(f"SELECT * FROM models.{table} ORDER BY position")]


async def live(parts: StoreParts, model: Model = ACCOUNTS) -> asyncpg.Record:
    return await parts.owner.fetchrow(ROW, model.name)


async def schemas(parts: StoreParts) -> list[str]:
    return [row[0] for row in await parts.owner.fetch(SCHEMAS)]


# What a rebuild does


async def test_a_rebuild_puts_an_equal_generation_in_the_live_ones_place(parts: StoreParts) -> None:
    await some_accounts(parts)
    before = await contents(parts)
    job = await carried_out(parts, "rebuild")
    assert (job["state"], job["generation"], job["former"], job["error"]) == ("promoted", 2, 1, None)
    assert (job["position"], job["applied"], job["head_at_start"]) == (5, 5, 5)
    assert json.loads(job["differences"]) == {"count": 0, "more": False, "rows": []}
    assert job["asked_at"] <= job["started_at"] <= job["updated_at"] <= job["ended_at"]
    assert (await live(parts))["generation"] == 2
    assert await contents(parts) == before
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


@pytest.mark.parametrize("name", MODELS)
async def test_every_model_can_be_rebuilt_and_has_its_indexes_again(parts: StoreParts, name: str) -> None:
    await write(parts, an_account(parts), a_token(parts))
    model = MODELS[name]
    before = await parts.owner.fetch(INDEXES, list(model.tables))
    assert len(before) >= len(model.indexes)
    assert (await carried_out(parts, "rebuild", model))["state"] == "promoted"
    assert await parts.owner.fetch(INDEXES, list(model.tables)) == before
    assert await differences(parts.owner, model, parts.vault) == []


async def test_the_service_has_the_same_rights_on_a_rebuilt_generation(parts: StoreParts) -> None:
    await some_accounts(parts)
    await carried_out(parts, "rebuild")
    await carried_out(parts, "rebuild", MODELS["audit"])
    assert len(await parts.pool.fetch("SELECT * FROM accounts")) == 5
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await parts.pool.execute("DELETE FROM accounts")
    await parts.pool.execute("DELETE FROM audit")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema models_accounts_1"):
        await parts.pool.fetch("SELECT * FROM models_accounts_1.accounts")


async def test_a_rebuild_mends_wrong_rows_and_names_them_without_their_contents(parts: StoreParts) -> None:
    first, second, third, *_ = await some_accounts(parts)
    before = await contents(parts)
    await parts.owner.execute("UPDATE models.accounts SET name = 'Secret', depth = 9 WHERE id = $1", first.id)
    await parts.owner.execute("DELETE FROM models.accounts WHERE id = $1", second.id)
    await parts.owner.execute("UPDATE models.accounts SET id = $2 WHERE id = $1", third.id, REQUEST)
    job = await carried_out(parts, "rebuild")
    assert job["state"] == "promoted"
    found = json.loads(job["differences"])
    assert {row["key"]: row["difference"] for row in found["rows"]} == {
        str(first.id): ["depth", "name"],
        str(second.id): "only rebuilt",
        str(third.id): "only rebuilt",
        str(REQUEST): "only live",
    }
    assert (found["count"], found["more"]) == (4, False)
    assert "Secret" not in job["differences"]
    assert await contents(parts) == before


def test_what_is_told_of_a_comparison_says_when_there_is_more() -> None:
    lines = [f'- named {{"id": {n}, "name": "x"}}' for n in range(20)]
    found = told(lines, {"named": ["id"]})
    assert (found["count"], found["more"], len(found["rows"])) == (20, True, 20)


async def test_what_is_appended_meanwhile_is_in_the_new_generation_too(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 5)
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await in_state(parts, job, "building")
        written = 0
        while (await jobs.one(parts.owner, job["id"]))["ended_at"] is None:
            await write(parts, an_account(parts, f"Later {written}"))
            written += 1
            await asyncio.sleep(0.02)
    await write(parts, an_account(parts, "After"))
    assert written > 5
    assert len(await contents(parts)) == 5 + written + 1
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_an_appender_adopts_a_generation_of_the_same_version_at_once(parts: StoreParts) -> None:
    await carried_out(parts, "rebuild")
    assert f"accounts:{ACCOUNTS.version}:1" in parts.appender.writers
    assert (await write(parts, an_account(parts))).position == 1
    assert f"accounts:{ACCOUNTS.version}:2" in parts.appender.writers
    assert len(await contents(parts)) == 1


async def test_an_eventual_model_goes_on_from_where_it_was(parts: StoreParts) -> None:
    await some_accounts(parts)
    job = await carried_out(parts, "rebuild", MODELS["audit"])
    assert (job["state"], job["position"]) == ("promoted", 0)
    assert (await live(parts, MODELS["audit"]))["position"] == 0, "it is not promoted past what it showed"


# One job a model


async def test_of_two_rebuilds_asked_for_at_once_one_is_refused(parts: StoreParts) -> None:
    asked = await asyncio.gather(*(ask(parts, "rebuild") for _ in range(5)), return_exceptions=True)
    assert sorted(type(one) is refusals.RebuildUnderWay for one in asked) == [False, True, True, True, True]
    for command in ("verify", "retry", "switch_back"):
        with pytest.raises(refusals.RebuildUnderWay):
            await ask(parts, command)
    assert (await ask(parts, "rebuild", USERS))["state"] == "waiting"


async def test_jobs_are_worked_off_one_by_one(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 4)
    first, second = await ask(parts, "rebuild"), await ask(parts, "verify", USERS)
    async with at_work(parts):
        await in_state(parts, first, "building")
        assert (await jobs.one(parts.owner, second["id"]))["state"] == "waiting"
        await ended(parts, second)
    assert (await jobs.one(parts.owner, first["id"]))["state"] == "promoted"


async def test_of_several_processes_one_leads_and_another_takes_over(parts: StoreParts) -> None:
    async with at_work(parts) as first:
        await until(lambda: first.leading)
        assert await is_led(parts.pool)
        async with at_work(parts) as second:
            await asyncio.sleep(0.1)
            assert not second.leading
            await first.stop()
            await until(lambda: second.leading)
            assert (await ended(parts, await ask(parts, "rebuild")))["state"] == "promoted"
    await until(lambda: nobody_leads(parts))


async def nobody_leads(parts: StoreParts) -> bool:
    return not await is_led(parts.pool)


async def test_a_login_that_may_not_make_tables_stands_aside(parts: StoreParts) -> None:
    restricted = Rebuilder(connections.connector(parts.dsn, name="restricted"), MODELS.values(), parts.vault)
    await restricted.start()
    await asyncio.sleep(0.2)
    assert not restricted.leading
    assert (await carried_out(parts, "rebuild"))["state"] == "promoted"
    await restricted.stop()


# Pause, resume, cancel


async def test_a_paused_rebuild_rests_and_goes_on_where_it_was(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 10)
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await until(lambda: beyond(parts, job, 2))
        await ask(parts, "pause")
        with pytest.raises(refusals.RebuildNotRunning):
            await ask(parts, "pause")
        paused = await in_state(parts, job, "paused")
        assert 2 < paused["position"] < 10
        await asyncio.sleep(0.2)
        assert (await jobs.one(parts.owner, job["id"]))["position"] == paused["position"]
        count = await parts.owner.fetchval("SELECT count(*) FROM models_accounts_2.accounts")
        assert count == paused["position"], "rows and progress are committed together"
        await ask(parts, "resume")
        done = await ended(parts, job)
    assert (done["state"], done["generation"], done["applied"]) == ("promoted", 2, 10)
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_others_go_on_while_a_rebuild_rests(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 10)
    job = await ask(parts, "rebuild")
    await ask(parts, "pause")
    assert (await jobs.one(parts.owner, job["id"]))["state"] == "paused", "nobody had begun"
    assert (await carried_out(parts, "rebuild", USERS))["state"] == "promoted"
    assert (await jobs.one(parts.owner, job["id"]))["state"] == "paused"
    await ask(parts, "resume")
    with pytest.raises(refusals.RebuildNotPaused):
        await ask(parts, "resume")
    async with at_work(parts):
        assert (await ended(parts, job))["state"] == "promoted"


async def test_a_cancelled_rebuild_leaves_the_live_generation_and_no_tables(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 10)
    before = await contents(parts)
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await until(lambda: beyond(parts, job, 2))
        assert await schemas(parts) == ["models_accounts_2"]
        await ask(parts, "cancel")
        assert (await ended(parts, job))["state"] == "cancelled"
        await until(lambda: tidied(parts))
    assert (await live(parts))["generation"] == 1
    assert await contents(parts) == before
    with pytest.raises(refusals.NoRebuild):
        await ask(parts, "cancel")


@pytest.mark.parametrize("before", [[], ["pause"]])
async def test_a_rebuild_that_waits_or_rests_is_cancelled_at_once(parts: StoreParts, before: list[str]) -> None:
    job = await ask(parts, "rebuild")
    for command in before:
        await ask(parts, command)
    assert (await ask(parts, "cancel"))["state"] == "cancelled"
    assert (await jobs.one(parts.owner, job["id"]))["ended_at"] is not None
    for command in ("pause", "resume", "cancel"):
        with pytest.raises(refusals.NoRebuild):
            await ask(parts, command)


async def test_a_comparison_under_way_can_be_cancelled_and_not_paused(
    parts: StoreParts, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_accounts(parts, 10)
    job = await ask(parts, "verify")
    async with at_work(parts):
        await in_state(parts, job, "comparing")
        with pytest.raises(refusals.NoRebuild):
            await ask(parts, "pause")
        await ask(parts, "cancel")
        with pytest.raises(refusals.RebuildCancelled):
            await ask(parts, "cancel")
        assert (await ended(parts, job))["state"] == "cancelled"


async def beyond(parts: StoreParts, job: asyncpg.Record, position: int) -> bool:
    return (await jobs.one(parts.owner, job["id"]))["position"] > position


async def tidied(parts: StoreParts) -> bool:
    return await schemas(parts) == []


# Crashes


async def test_a_rebuild_whose_leader_stopped_is_gone_on_with(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 10)
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await until(lambda: beyond(parts, job, 3))
    left = await jobs.one(parts.owner, job["id"])
    assert left["state"] == "building"
    async with at_work(parts):
        done = await ended(parts, job)
    assert (done["state"], done["generation"], done["applied"]) == ("promoted", 2, 10)
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


KILLED = """
import asyncio, sys
from projections import MODELS
from service.secrets.master_key import MasterKeys
from service.secrets.subject_keys import SubjectKeys
from service.store import rebuild
from service.store import rebuild_jobs as jobs
from service.store.connections import owner
from service.store.migrations import SchemaMismatch
from service.store.rebuilder import Rebuilder
from service.store.vault import Vault

rebuild.PAGE_SIZE = 1
noted = jobs.progress

async def slowly(*arguments, **more):
    await asyncio.sleep(0.1)
    await noted(*arguments, **more)

jobs.progress = slowly

async def main():
    keys = MasterKeys([bytes(range(32))])
    vault = Vault(await owner(sys.argv[1]), SubjectKeys(keys, lambda: 0.0), keys)
    await Rebuilder(lambda: owner(sys.argv[1]), MODELS.values(), vault).start()
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_rebuild_whose_process_was_killed_is_gone_on_with(parts: StoreParts) -> None:
    await some_accounts(parts, 30)
    job = await ask(parts, "rebuild")
    process = subprocess.Popen([sys.executable, "-c", KILLED, parts.dsn], cwd=CHECKOUT, env={**os.environ})  # noqa: ASYNC220
    try:
        await until(lambda: beyond(parts, job, 3))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    await until(lambda: nobody_leads(parts))
    left = await jobs.one(parts.owner, job["id"])
    assert left["state"] == "building"
    assert 3 < left["position"] == await parts.owner.fetchval("SELECT count(*) FROM models_accounts_2.accounts") < 30
    async with at_work(parts):
        done = await ended(parts, job)
    assert (done["state"], done["generation"], done["applied"]) == ("promoted", 2, 30)
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_a_lost_connection_is_told_and_passes(parts: StoreParts, slow: None) -> None:
    await some_accounts(parts, 10)
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await until(lambda: beyond(parts, job, 3))
        await parts.owner.execute(END_WORK)
        done = await ended(parts, job)
    assert (done["state"], done["applied"]) == ("promoted", 10)
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_what_nobody_refers_to_is_dropped_and_nothing_else(parts: StoreParts) -> None:
    await parts.owner.execute("CREATE SCHEMA models_accounts_7; CREATE TABLE models_accounts_7.accounts (litter int)")
    await parts.owner.execute("CREATE SCHEMA models_private")
    await carried_out(parts, "rebuild")
    assert await schemas(parts) == ["models_accounts_1", "models_private"]
    await parts.owner.execute("CREATE SCHEMA models_accounts_7")
    await parts.owner.execute("SELECT pg_advisory_lock(5567012645)")
    other = await owner(parts.dsn)
    assert await generation.tidy(other) == [], "somebody may be building there"
    await parts.owner.execute("SELECT pg_advisory_unlock(5567012645)")
    assert await generation.tidy(other) == ["models_accounts_7"]
    await other.close()


# Promotion


@pytest.mark.parametrize("lock", ["LOCK TABLE models.accounts IN ACCESS SHARE MODE", rebuild.APPEND_LOCK])
async def test_a_promotion_that_cannot_have_its_locks_waits_without_holding_anybody_up(
    parts: StoreParts, lock: str
) -> None:
    await some_accounts(parts)
    await parts.owner.execute("SET idle_in_transaction_session_timeout = 0")
    held = parts.owner.transaction()
    await held.start()
    await parts.owner.execute(lock)
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await until(lambda: waits(parts, job))
        if lock != rebuild.APPEND_LOCK:
            async with asyncio.timeout(2):
                await write(parts, an_account(parts, "Meanwhile"))
                assert len(await parts.pool.fetch("SELECT * FROM accounts")) == 6
        await held.rollback()
        done = await ended(parts, job)
    assert (done["state"], done["error"]) == ("promoted", None)
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_nobody_waits_behind_a_promotion_that_waits_for_a_vacuum(parts: StoreParts) -> None:
    await some_accounts(parts)
    async with AsyncExitStack() as stack:
        vacuum, reader = [await owner(parts.dsn) for _ in range(2)]
        stack.push_async_callback(vacuum.close)
        stack.push_async_callback(reader.close)
        await reader.execute("SET lock_timeout = '50ms'")
        held = vacuum.transaction()
        await held.start()
        await vacuum.execute("LOCK TABLE models.accounts IN SHARE UPDATE EXCLUSIVE MODE")
        job = await ask(parts, "rebuild")
        async with at_work(parts):
            await until(lambda: parts.owner.fetchval(WAITED_FOR))
            for n in range(10):
                await write(parts, an_account(parts, "Meanwhile"))
                assert len(await reader.fetch("SELECT * FROM models.accounts")) == 6 + n
            assert await parts.owner.fetchval(WAITED_FOR)
            await held.rollback()
            assert (await ended(parts, job))["state"] == "promoted"
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def waits(parts: StoreParts, job: asyncpg.Record) -> bool:
    return "waits for its promotion" in ((await jobs.one(parts.pool, job["id"]))["error"] or "")


async def test_a_promotion_waits_for_a_comparison_that_looks_at_the_tables(parts: StoreParts) -> None:
    await some_accounts(parts)
    await parts.owner.execute("SELECT pg_advisory_lock(5567012645)")
    job = await ask(parts, "rebuild")
    async with at_work(parts):
        await until(lambda: waits_for_turn(parts, job))
        await parts.owner.execute("SELECT pg_advisory_unlock(5567012645)")
        assert (await ended(parts, job))["state"] == "promoted"


async def waits_for_turn(parts: StoreParts, job: asyncpg.Record) -> bool:
    return "waits for a comparison" in ((await jobs.one(parts.pool, job["id"]))["error"] or "")


async def test_a_log_that_outgrows_the_promotion_is_caught_up_with_first(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_accounts(parts)
    monkeypatch.setattr(renewal, "MOST", 3)
    monkeypatch.setattr(renewal, "SMALL", 0)
    caught_up = renewal.Renewal._catch_up
    grown = []

    async def and_then_more(self: renewal.Renewal) -> None:
        await caught_up(self)
        if len(grown) < 3:
            grown.append(await write(parts, *(an_account(parts, f"More {n}") for n in range(5))))

    monkeypatch.setattr(renewal.Renewal, "_catch_up", and_then_more)
    assert (await carried_out(parts, "rebuild"))["state"] == "promoted"
    assert len(grown) == 3
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_what_a_newer_program_has_installed_is_left_to_it(parts: StoreParts) -> None:
    newer = naming(version=2)
    await install(parts.owner, [naming()], parts.vault)
    await install(parts.owner, [newer], parts.vault)
    job = await ask(parts, "rebuild", naming())
    async with at_work(parts, naming()) as older:
        await until(lambda: waits_for_newer(parts, job))
        await until(lambda: not older.leading)
        assert (await live(parts, newer))["generation"] == 2
        async with at_work(parts, newer):
            done = await ended(parts, job)
    assert (done["state"], done["version"], done["error"]) == ("promoted", 2, None)


async def waits_for_newer(parts: StoreParts, job: asyncpg.Record) -> bool:
    return "waits for a newer program" in ((await jobs.one(parts.pool, job["id"]))["error"] or "")


async def test_a_version_that_was_installed_during_a_rebuild_is_not_replaced(parts: StoreParts, slow: None) -> None:
    newer = naming(version=2)
    await some_accounts(parts, 30)
    await install(parts.owner, [naming()], parts.vault)
    await parts.owner.execute("UPDATE muniment.models SET mode = 'eventual' WHERE name = 'named'")  # nobody writes it
    job = await ask(parts, "rebuild", naming())
    async with at_work(parts, naming("eventual")):
        await until(lambda: beyond(parts, job, 2))
        await ask(parts, "pause", naming())
        await in_state(parts, job, "paused")
        await install(parts.owner, [newer], parts.vault)
        await ask(parts, "resume", naming())
        await until(lambda: waits_for_newer(parts, job))
    assert (await live(parts, newer))["version"] == 2
    assert len(await contents(parts, "named")) == 30


async def test_a_model_that_this_program_does_not_have_is_left_alone(parts: StoreParts) -> None:
    job = await carried_out(parts, "rebuild", ACCOUNTS, USERS)
    assert (job["state"], job["error"]) == ("failed", "this program has no read model accounts")


# Switching back


async def test_the_former_generation_is_brought_up_to_date_and_switched_back_to(parts: StoreParts) -> None:
    await some_accounts(parts)
    await carried_out(parts, "rebuild")
    await write(parts, an_account(parts, "Later"))
    before = await contents(parts)
    job = await carried_out(parts, "switch_back")
    assert (job["state"], job["generation"], job["former"], job["applied"]) == ("switched_back", 1, 2, 1)
    assert json.loads(job["differences"])["count"] == 0
    assert (await live(parts))["generation"] == 1
    assert await contents(parts) == before
    await write(parts, an_account(parts, "Last"))
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []
    assert await schemas(parts) == ["models_accounts_2"]
    again = await carried_out(parts, "switch_back")
    assert (again["state"], again["generation"]) == ("switched_back", 2)
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_one_former_generation_is_kept(parts: StoreParts) -> None:
    await some_accounts(parts)
    for number in (2, 3, 4):
        assert (await carried_out(parts, "rebuild"))["generation"] == number
    assert await schemas(parts) == ["models_accounts_3"]
    job = await carried_out(parts, "switch_back")
    assert (job["generation"], job["former"]) == (3, 4)


async def test_without_a_former_generation_there_is_nothing_to_switch_back_to(parts: StoreParts) -> None:
    with pytest.raises(refusals.NoFormerGeneration):
        await ask(parts, "switch_back")


async def test_a_former_generation_of_another_version_is_not_switched_back_to(parts: StoreParts) -> None:
    await carried_out(parts, "rebuild")
    await parts.owner.execute("UPDATE muniment.former_generations SET version = 7")
    with pytest.raises(refusals.FormerVersion):
        await ask(parts, "switch_back")


async def test_a_switch_back_can_be_given_up_and_asked_for_again(parts: StoreParts, slow: None) -> None:
    await carried_out(parts, "rebuild")
    await some_accounts(parts, 5)
    job = await ask(parts, "switch_back")
    await ask(parts, "pause")
    await ask(parts, "cancel")
    assert (await jobs.one(parts.owner, job["id"]))["state"] == "cancelled"
    assert (await carried_out(parts, "switch_back"))["state"] == "switched_back"
    assert len(await contents(parts)) == 5


async def test_an_installed_version_leaves_no_former_generation(parts: StoreParts) -> None:
    await install(parts.owner, [naming()], parts.vault)
    assert (await carried_out(parts, "rebuild", naming(), naming()))["state"] == "promoted"
    await install(parts.owner, [naming(version=2)], parts.vault)
    with pytest.raises(refusals.NoFormerGeneration):
        await ask(parts, "switch_back", naming(version=2))
    assert (await live(parts, naming()))["generation"] == 3
    await generation.tidy(parts.owner)
    assert await schemas(parts) == []


async def test_who_is_erased_leaves_the_former_generation_too(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilder, "FOLLOW_SECONDS", 0.05)
    user = a_user(parts, "Ada")
    await save(parts, user)
    await carried_out(parts, "rebuild", USERS)
    kept = "SELECT count(*) FROM models_users_1.users WHERE name = 'Ada'"
    assert await parts.owner.fetchval(kept) == 1
    user.delete(SYSTEM, parts.clock.now())
    await save(parts, user)
    async with at_work(parts):
        await until(lambda: none_left(parts, kept))


async def none_left(parts: StoreParts, count: str) -> bool:
    return await parts.owner.fetchval(count) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_a_rebuild_that_is_disturbed_again_and_again_ends_well(parts: StoreParts, slow: None, seed: int) -> None:
    """Sessions are ended at any moment, in the promotion too, while events come in."""
    chance = random.Random(seed)
    await some_accounts(parts, 10)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'disturbed'"

    async def disturbed() -> asyncpg.Connection:
        connection = await owner(parts.dsn)
        await connection.execute("SET application_name = 'disturbed'")
        return connection

    worker = Rebuilder(disturbed, MODELS.values(), parts.vault)
    await worker.start()
    job = await ask(parts, "rebuild")
    for turn in range(12):
        await asyncio.sleep(chance.random() * 0.4)
        await parts.owner.execute(end)
        await write(parts, an_account(parts, f"Meanwhile {turn}"))
    assert (await ended(parts, job))["state"] == "promoted"
    await worker.stop()
    assert len(await contents(parts)) == 22
    assert await differences(parts.owner, ACCOUNTS, parts.vault) == []


async def test_a_former_generation_is_given_up_after_a_day(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilder, "FOLLOW_SECONDS", 0.05)
    await carried_out(parts, "rebuild")
    kept = "UPDATE muniment.former_generations SET kept_at = clock_timestamp() - $1::text::interval"
    async with at_work(parts):
        await parts.owner.execute(kept, "23 hours 59 minutes")
        await asyncio.sleep(0.2)
        assert await schemas(parts) == ["models_accounts_1"]
        await parts.owner.execute(kept, "24 hours")
        await until(lambda: tidied(parts))
    with pytest.raises(refusals.NoFormerGeneration):
        await ask(parts, "switch_back")


# Poison


async def test_a_poison_event_ends_the_rebuild_of_an_authorization_model_and_is_named(parts: StoreParts) -> None:
    await write(parts, *(an_account(parts, name) for name in ("a", "b", "poison", "c")))
    await install(parts.owner, [naming(handler=_mended)], parts.vault)
    job = await carried_out(parts, "rebuild", naming(), naming())
    assert job["state"] == "failed"
    assert job["error"].startswith("position 3, account.created (version 1 of ")
    assert job["error"].endswith("ValueError: cannot be named")
    assert (await live(parts, naming()))["generation"] == 1
    assert len(await contents(parts, "named")) == 4
    assert await schemas(parts) == []
    assert await parts.owner.fetch("SELECT * FROM muniment.quarantine") == []


@pytest.mark.parametrize(
    ("name", "position", "topic"), [("accounts", 3, "account.created"), ("tokens", 6, "token.issued")]
)
async def test_an_event_at_which_the_bulk_path_fails_is_found_and_named(
    parts: StoreParts, name: str, position: int, topic: str
) -> None:
    await some_accounts(parts, 4)
    await write(parts, *(a_token(parts) for _ in range(4)))
    before = await contents(parts, name)
    for table in ("events", "token_events"):
        await parts.owner.execute(f"UPDATE muniment.{table} SET state = '{{}}' WHERE notification_id = {position}")
    job = await carried_out(parts, "rebuild", MODELS[name])
    assert job["state"] == "failed"
    assert job["error"].startswith(f"position {position}, {topic} (version 1 of ")
    assert await contents(parts, name) == before


async def test_an_event_at_which_the_audits_bulk_path_fails_is_set_aside(parts: StoreParts) -> None:
    await some_accounts(parts, 4)
    await parts.owner.execute("UPDATE muniment.events SET state = '{}' WHERE notification_id = 3")
    await parts.owner.execute("UPDATE muniment.models SET position = 4 WHERE name = 'audit'")
    job = await carried_out(parts, "rebuild", MODELS["audit"])
    assert (job["state"], job["applied"]) == ("promoted", 4)
    assert [row["position"] for row in await jobs.quarantined(parts.pool, "audit", limit=9)] == [3]
    assert [row["position"] for row in await parts.owner.fetch("SELECT position FROM models.audit ORDER BY 1")] == [
        1, 2, 4,
    ]  # fmt: skip


async def test_a_model_that_cannot_be_installed_for_an_event_names_it(parts: StoreParts) -> None:
    await write(parts, an_account(parts, "a"), an_account(parts, "poison"))
    with pytest.raises(SchemaMismatch, match=r"named cannot be built: position 2, account\.created .*cannot be named$"):
        await install(parts.owner, [naming()], parts.vault)
    assert await live(parts, naming()) is None


async def test_a_failed_rebuild_is_tried_again_from_the_beginning(parts: StoreParts) -> None:
    await write(parts, *(an_account(parts, name) for name in ("a", "poison")))
    await install(parts.owner, [naming(handler=_mended)], parts.vault)
    job = await carried_out(parts, "rebuild", naming(), naming())
    mended = naming(handler=_mended)
    again = await carried_out(parts, "retry", mended, mended)
    assert again["id"] == job["id"]
    assert (again["state"], again["error"], again["applied"]) == ("promoted", None, 2)
    assert len(await contents(parts, "named")) == 2
    with pytest.raises(refusals.NothingToRetry):
        await ask(parts, "retry", mended)


async def test_a_display_model_is_rebuilt_without_what_it_cannot_apply(parts: StoreParts) -> None:
    model = naming("eventual", rows_change=False, on_poison="quarantine")
    await install(parts.owner, [model], parts.vault)
    await write(parts, *(an_account(parts, name) for name in ("a", "poison", "b", "poison")))
    await parts.owner.execute("UPDATE muniment.models SET position = 4 WHERE name = 'named'")
    job = await carried_out(parts, "rebuild", model, model)
    assert (job["state"], job["generation"]) == ("promoted", 2)
    aside = await jobs.quarantined(parts.pool, "named", limit=10)
    assert [(row["position"], row["topic"]) for row in aside] == [(2, "account.created"), (4, "account.created")]
    assert len(await contents(parts, "named")) == 2
    assert await differences(parts.owner, model, parts.vault) == []


async def test_events_set_aside_are_applied_again_in_order_once_the_program_is_mended(parts: StoreParts) -> None:
    model = naming("eventual", rows_change=False, on_poison="quarantine")
    await write(parts, *(an_account(parts, name) for name in ("poison", "a", "poison", "b")))
    await install(parts.owner, [model], parts.vault)
    assert len(await jobs.quarantined(parts.pool, "named", limit=10)) == 2
    job = await carried_out(parts, "retry", model, model)
    assert (job["state"], job["error"]) == ("failed", "2 events still cannot be applied")
    mended = replace(model, handlers={Account.Created.TOPIC: _mended})
    job = await carried_out(parts, "retry", mended, mended)
    assert (job["state"], job["error"]) == ("retried", None)
    assert await jobs.quarantined(parts.pool, "named", limit=10) == []
    assert [row[2] for row in await contents(parts, "named")] == [1, 2, 3, 4]
    assert await differences(parts.owner, mended, parts.vault) == []


async def test_more_than_odd_events_stop_a_display_model_too(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.poison.MOST_SET_ASIDE", 2)
    model = naming("eventual", rows_change=False, on_poison="quarantine")
    await install(parts.owner, [model], parts.vault)
    await write(parts, *(an_account(parts, "poison") for _ in range(3)))
    await parts.owner.execute("UPDATE muniment.models SET position = 3 WHERE name = 'named'")
    job = await carried_out(parts, "rebuild", model, model)
    assert job["state"] == "failed"
    assert job["error"].startswith("position 3, account.created")


def test_a_model_that_decides_cannot_be_told_to_pass_over_events() -> None:
    with pytest.raises(ValueError, match="decides about access"):
        replace(ACCOUNTS, on_poison="quarantine")
    with pytest.raises(ValueError, match="rows of named change"):
        naming("eventual", on_poison="quarantine")


# Verification, and what is kept of all this


async def test_a_verification_tells_the_rows_that_differ_and_changes_nothing(parts: StoreParts) -> None:
    accounts = await some_accounts(parts)
    await parts.owner.execute("UPDATE models.accounts SET name = 'Other' WHERE id = $1", accounts[0].id)
    before = await contents(parts)
    job = await carried_out(parts, "verify")
    assert (job["state"], job["position"]) == ("verified", 5)
    assert json.loads(job["differences"])["rows"] == [
        {"table": "accounts", "key": str(accounts[0].id), "difference": ["name"]}
    ]
    assert await contents(parts) == before
    assert (await live(parts))["generation"] == 1


async def test_every_command_leaves_who_gave_it(parts: StoreParts) -> None:
    job = await ask(parts, "rebuild")
    for command in ("pause", "resume", "cancel"):
        await ask(parts, command)
    rows = await parts.owner.fetch(REQUESTS)
    assert [row["command"] for row in rows] == ["rebuild", "pause", "resume", "cancel"]
    for row in rows:
        assert (row["rebuild"], row["actor"], row["client"], row["organization"], row["request_id"]) == (
            job["id"], ACTOR, CLIENT, ORGANIZATION, REQUEST,
        )  # fmt: skip


async def test_a_refused_command_leaves_nothing(parts: StoreParts) -> None:
    for command in ("pause", "resume", "cancel", "retry", "switch_back"):
        with pytest.raises(refusals.Conflict):
            await ask(parts, command)
    assert await parts.owner.fetch(REQUESTS) == []
    assert await jobs.latest(parts.pool) == {}


async def test_the_service_may_ask_and_look_and_no_more(parts: StoreParts) -> None:
    await ask(parts, "rebuild")
    for statement in (
        "UPDATE muniment.rebuilds SET state = 'promoted'",
        "INSERT INTO muniment.rebuilds (id, model, kind) VALUES (gen_random_uuid(), 'users', 'rebuild')",
        "DELETE FROM muniment.rebuilds",
        "DELETE FROM muniment.rebuild_requests",
        "UPDATE muniment.rebuild_requests SET actor = gen_random_uuid()",
        "DELETE FROM muniment.former_generations",
        "DELETE FROM muniment.quarantine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await parts.pool.execute(statement)
