"""A read model is built anew from the log beside the live one: to replace it, or to find where they differ."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from domain.account import Account
from domain.caller import SYSTEM
from domain.user import User
from projections import MODELS, registry
from projections.row_model import Table, row_model
from service.secrets.subject_keys import SubjectKeys
from service.store import connections, rebuild
from service.store.follower import Bell
from service.store.migrations import SchemaMismatch
from service.store.projector import Projector
from service.store.rebuild import differences, install
from service.store.refusals import NewerGeneration
from service.store.vault import Vault
from tests.service.store.given import (
    CLIENT,
    ORGANIZATION,
    a_token,
    an_account,
    an_appender,
    an_origin,
    names,
    prepared,
    until,
    write,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from uuid import UUID

    from projections.model import Context, Fact, Model
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

NAMED = Table("named", key=("id",), columns={"id": "uuid NOT NULL", "name": "text NOT NULL", "length": "integer"})
PLAIN = replace(NAMED, columns={"id": "uuid NOT NULL", "name": "text NOT NULL"})
ROW = "SELECT name, version, generation, mode, position, error FROM muniment.models WHERE name = $1"
SCRATCH = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'models\\_%'"


def _named(event: Account.Created | Account.Renamed, _: Context) -> Iterable[Fact]:
    yield PLAIN.insert(id=event.originator_id, name=event.name)


def _measured(event: Account.Created | Account.Renamed, _: Context) -> Iterable[Fact]:
    yield NAMED.insert(id=event.originator_id, name=event.name, length=len(event.name))


TOPICS = (Account.Created.TOPIC, Account.Renamed.TOPIC)


def first(mode: Any = "immediate") -> Model:
    return row_model("named", 1, (PLAIN,), dict.fromkeys(TOPICS, _named), mode=mode)


def second(mode: Any = "immediate") -> Model:
    return row_model("named", 2, (NAMED,), dict.fromkeys(TOPICS, _measured), mode=mode)


@pytest.fixture
async def another_owner(parts: StoreParts) -> AsyncIterator[asyncpg.Connection]:
    connection = await connections.owner(parts.dsn)
    yield connection
    await connection.close()


async def a_history(parts: StoreParts) -> list[Account]:
    accounts = [an_account(parts, name) for name in ("Ada", "Bob", "Eve")]
    await write(parts, *accounts, a_token(parts))
    accounts[1].rename("Bobby", parts.clock.now())
    await write(parts, accounts[1])
    accounts[2].suspend(SYSTEM, parts.clock.now())
    await write(parts, accounts[2])
    return accounts


async def follow(parts: StoreParts, limit: int = 500) -> None:
    """Bring the audit one page further."""
    connect = connections.connector(parts.dsn, name="projector")
    session = await connect()
    await Projector(connect, [], parts.vault, Bell(connect)).advance(session, MODELS["audit"], limit=limit)
    await session.close()


async def test_every_model_is_equal_to_what_the_log_makes_of_it(parts: StoreParts) -> None:
    await a_history(parts)
    await follow(parts)
    for model in MODELS.values():
        assert await differences(parts.owner, model, parts.vault, page_size=2) == [], model.name
    assert await parts.owner.fetch(SCRATCH) == []


async def test_a_changed_a_missing_and_a_surplus_row_are_found(parts: StoreParts) -> None:
    ada, bob, _ = await a_history(parts)
    ghost = an_account(parts).id
    await parts.owner.execute("UPDATE models.accounts SET name = 'Adam' WHERE id = $1", ada.id)
    await parts.owner.execute("DELETE FROM models.accounts WHERE id = $1", bob.id)
    await parts.owner.execute(
        "INSERT INTO models.accounts"
        " SELECT (jsonb_populate_record(a, jsonb_build_object('id', $1::uuid, 'name', 'Ghost'))).*"
        " FROM models.accounts a LIMIT 1",
        ghost,
    )
    found = await differences(parts.owner, MODELS["accounts"], parts.vault)
    marked = {
        (line[0], next(name for name in ("Adam", "Ada", "Bobby", "Ghost") if f'"{name}"' in line)) for line in found
    }
    assert marked == {("-", "Adam"), ("-", "Ghost"), ("+", "Ada"), ("+", "Bobby")}
    assert all(line.split()[1] == "accounts" for line in found)


async def test_a_row_that_stands_elsewhere_in_the_log_is_a_difference(parts: StoreParts) -> None:
    await a_history(parts)
    await parts.owner.execute("UPDATE models.accounts SET position = position + 1 WHERE name = 'Ada'")
    assert len(await differences(parts.owner, MODELS["accounts"], parts.vault)) == 2


async def test_no_more_differences_are_reported_than_asked_for(parts: StoreParts) -> None:
    await a_history(parts)
    await parts.owner.execute("DELETE FROM models.accounts")
    assert len(await differences(parts.owner, MODELS["accounts"], parts.vault, limit=2)) == 2


async def test_what_an_eventual_model_does_not_show_yet_is_no_difference(parts: StoreParts) -> None:
    await a_history(parts)
    await follow(parts, limit=4)
    assert await differences(parts.owner, MODELS["audit"], parts.vault) == []
    await parts.owner.execute("DELETE FROM models.audit WHERE position = 3")
    assert len(await differences(parts.owner, MODELS["audit"], parts.vault)) == 1


async def test_a_comparison_holds_up_no_append(parts: StoreParts, another_owner: asyncpg.Connection) -> None:
    await a_history(parts)
    compared: list[list[str]] = []
    done = asyncio.Event()

    async def compare() -> None:
        while len(compared) < 3:
            compared.append(await differences(another_owner, MODELS["accounts"], parts.vault, page_size=3))
        done.set()

    async def append() -> int:
        count = 0
        while not done.is_set():
            await write(parts, an_account(parts))
            count += 1
        return count

    _, appended = await asyncio.gather(compare(), append())
    assert compared == [[], [], []]
    assert appended > 3


async def test_personal_fields_are_opened_for_a_rebuild_and_gone_with_their_key(parts: StoreParts) -> None:
    async def command(decision: Decision) -> UUID:
        user = User.create(
            id=parts.clock.new_id(), organization=ORGANIZATION, application=CLIENT, name="Ada", now=parts.clock.now()
        )
        decision.save(user)
        return user.id

    user = (await parts.store.decide(command, an_origin())).value
    assert await differences(parts.owner, MODELS["users"], parts.vault) == []
    await parts.owner.execute("UPDATE muniment.subject_keys SET wrapped = NULL")
    parts.vault.forget(user)
    found = await differences(parts.owner, MODELS["users"], parts.vault)
    assert [('"Ada"' in line, line[0]) for line in found] == [(True, "-"), (False, "+")]


async def test_who_is_erased_during_a_comparison_is_no_difference(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def command(decision: Decision) -> None:
        decision.save(
            User.create(
                id=ORGANIZATION, organization=ORGANIZATION, application=CLIENT, name="Ada", now=parts.clock.now()
            )
        )

    fill = rebuild.fill

    async def fill_late(connection: asyncpg.Connection, *arguments: Any, **more: Any) -> int:
        await parts.store.decide(command, an_origin())
        await connection.fetchval("SELECT count(*) FROM muniment.batches")  # from here on, the snapshot holds
        await parts.store.decide(erase, an_origin())
        return await fill(connection, *arguments, **more)

    async def erase(decision: Decision) -> None:
        user = await decision.load(User, ORGANIZATION)
        assert user is not None
        user.delete(SYSTEM, parts.clock.now())
        decision.save(user)
        decision.destroy_key(user.id)

    monkeypatch.setattr(rebuild, "fill", fill_late)
    other_process = Vault(parts.pool, SubjectKeys(parts.master_keys, parts.clock.monotonic), parts.master_keys)
    assert await differences(parts.owner, MODELS["users"], other_process) == []
    assert await parts.pool.fetchval("SELECT count(*) FROM muniment.subject_keys WHERE wrapped IS NULL") == 1


async def test_a_model_is_installed_once(parts: StoreParts) -> None:
    await a_history(parts)
    assert await install(parts.owner, [first()], parts.vault) == ["named"]
    assert await install(parts.owner, [first()], parts.vault) == []
    assert tuple(await parts.owner.fetchrow(ROW, "named")) == ("named", 1, 1, "immediate", 6, None)
    rows = await parts.owner.fetch("SELECT name, position FROM models.named ORDER BY position")
    assert [tuple(row) for row in rows] == [("Ada", 1), ("Eve", 3), ("Bobby", 5)]
    assert await parts.owner.fetch(SCRATCH) == []


async def test_two_processes_that_start_at_once_install_a_model_once(
    parts: StoreParts, another_owner: asyncpg.Connection
) -> None:
    await a_history(parts)
    done = await asyncio.gather(*(install(owner, [first()], parts.vault) for owner in (parts.owner, another_owner)))
    assert sorted(done) == [[], ["named"]]
    assert (await parts.owner.fetchrow(ROW, "named"))["generation"] == 1


async def test_an_older_program_does_not_replace_a_newer_model(parts: StoreParts) -> None:
    await install(parts.owner, [second()], parts.vault)
    with pytest.raises(SchemaMismatch, match="newer than this program's"):
        await install(parts.owner, [first()], parts.vault)
    assert await install(parts.owner, [second()], parts.vault) == []


async def test_a_new_version_is_promoted_while_appends_go_on_and_none_is_lost(
    parts: StoreParts, another_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "named", first())
    await install(parts.owner, [first()], parts.vault)
    monkeypatch.setattr(rebuild, "PAGE_SIZE", 10)
    stack = AsyncExitStack()
    old = await stack.enter_async_context(an_appender(parts))
    committed: list[str] = []
    refused = asyncio.Event()

    async def append(number: int) -> None:
        for turn in range(1_000):
            name = f"{number}-{turn}"
            append = prepared(parts, an_account(parts, name))
            fact = {"t": "named", "o": "i", "v": {"id": append.events[0].stream, "name": name}}
            append.facts["named"] = [(1, fact)]
            try:
                await old.append(append)
            except NewerGeneration:
                refused.set()
                return
            committed.append(name)

    writing = [asyncio.create_task(append(number)) for number in range(4)]
    await until(lambda: len(committed) > 60)
    assert await install(another_owner, [second()], parts.vault) == ["named"]
    await asyncio.wait_for(refused.wait(), 5)
    await asyncio.gather(*writing)
    await stack.aclose()
    rows = await parts.owner.fetch("SELECT name, length FROM models.named")
    assert sorted(row["name"] for row in rows) == sorted(committed) == sorted(await names(parts))
    assert all(row["length"] == len(row["name"]) for row in rows), "those, too, that came while it was built"
    assert tuple(await parts.owner.fetchrow(ROW, "named"))[:3] == ("named", 2, 2)
    assert await differences(parts.owner, second(), parts.vault) == []


async def test_an_eventual_model_is_promoted_beside_its_projector(
    parts: StoreParts, another_owner: asyncpg.Connection
) -> None:
    await a_history(parts)
    await install(parts.owner, [first("eventual")], parts.vault)
    connect = connections.connector(parts.dsn, name="projector")
    older = Projector(connect, [first("eventual")], parts.vault, Bell(connect))
    newer = Projector(connect, [second("eventual")], parts.vault, Bell(connect))
    await older.start()
    await write(parts, an_account(parts, "Zoe"))
    await until(lambda: reached(parts, 7))
    assert await install(another_owner, [second("eventual")], parts.vault) == ["named"]
    await older.stop()
    await newer.start()
    await write(parts, an_account(parts, "Zoe the second"))
    await until(lambda: reached(parts, 8))
    await newer.stop()
    rows = await parts.owner.fetch("SELECT name, length FROM models.named ORDER BY position")
    assert [tuple(row) for row in rows][-2:] == [("Zoe", 3), ("Zoe the second", 14)]
    assert await differences(parts.owner, second("eventual"), parts.vault) == []


async def test_a_build_that_broke_off_is_begun_anew(parts: StoreParts) -> None:
    await a_history(parts)
    await parts.owner.execute("CREATE SCHEMA models_named_1; CREATE TABLE models_named_1.named (litter int)")
    await parts.owner.execute("CREATE SCHEMA models_check; CREATE TABLE models_check.accounts (litter int)")
    assert await install(parts.owner, [first()], parts.vault) == ["named"]
    assert await differences(parts.owner, MODELS["accounts"], parts.vault) == []
    assert await parts.owner.fetch(SCRATCH) == []


async def test_a_log_that_this_program_does_not_know_wholly_is_not_rebuilt_from(parts: StoreParts) -> None:
    await a_history(parts)
    await parts.owner.execute("UPDATE muniment.events SET topic = 'planet.formed' WHERE notification_id = 2")
    with pytest.raises(SchemaMismatch, match=r"named cannot be built: position 2, planet\.formed .* UnknownTopic"):
        await install(parts.owner, [first()], parts.vault)
    assert await parts.owner.fetchrow(ROW, "named") is None
    await parts.owner.execute("UPDATE muniment.events SET topic = 'account.created' WHERE notification_id = 2")
    assert await install(parts.owner, [first()], parts.vault) == ["named"]


async def test_the_service_may_read_a_new_generation_at_once(parts: StoreParts) -> None:
    await install(parts.owner, [first()], parts.vault)
    assert await parts.pool.fetch("SELECT * FROM named") == []
    await install(parts.owner, [second()], parts.vault)
    assert await parts.pool.fetch("SELECT * FROM named") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await parts.pool.execute("DELETE FROM named")


async def reached(parts: StoreParts, position: int) -> bool:
    return await registry.position(parts.owner, "named") == position
