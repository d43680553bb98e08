"""Eventual models: each event once, in order, by one leader; what cannot be applied stops its model and is named."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from domain.account import Account
from projections import MODELS, registry
from projections.registry import Superseded
from projections.row_model import Table, row_model
from service.store import connections, poison, projector, rebuild
from service.store.follower import Bell
from service.store.pending import Append, Encoded
from service.store.poison import Poison
from service.store.projector import Projector
from tests.service.store.given import ENVELOPE, an_account, until, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from projections.model import Context, Fact, Model
    from tests.store_fixture import StoreParts

AUDIT = MODELS["audit"]
ROWS = "SELECT position FROM models.audit ORDER BY position"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
LEADERS = """
SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
 WHERE locktype = 'advisory' AND granted AND application_name LIKE 'projector-%'
"""
PROCESS = "SELECT pid FROM pg_stat_activity WHERE application_name = $1"
ROW = "SELECT * FROM muniment.models WHERE name = $1"

SEEN = Table("seen", key=("stream",), columns={"stream": "uuid NOT NULL", "name": "text NOT NULL"})


def _seen(event: Account.Created, _: Context) -> Iterable[Fact]:
    if event.name == "poison":
        raise ValueError("secret of the poison")
    yield SEEN.insert(stream=event.originator_id, name=None if event.name == "empty" else event.name)


SEEING = row_model("seen", 1, (SEEN,), {Account.Created.TOPIC: _seen}, mode="eventual")
EXPLAINING = row_model(
    "seen", 1, (SEEN,), {Account.Created.TOPIC: _seen}, mode="eventual", rows_change=False, on_poison="quarantine"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETRY_SECONDS", "STANDBY_SECONDS", "GATHER_SECONDS"):
        monkeypatch.setattr(projector, name, 0.02)
    monkeypatch.setattr(projector, "SUPERSEDED_SECONDS", 0.1)
    monkeypatch.setattr(projector, "STOPPED_SECONDS", 0.05)


@pytest.fixture
async def connection(parts: StoreParts) -> AsyncIterator[asyncpg.Connection]:
    connection = await connections.connector(parts.dsn, name="following")()
    yield connection
    await connection.close()


def a_projector(parts: StoreParts, *models: Model, name: str = "projector") -> Projector:
    connect = connections.connector(parts.dsn, name=name)
    return Projector(connect, models or [AUDIT], parts.vault, Bell(connect))


@asynccontextmanager
async def running(*several: Projector) -> AsyncIterator[None]:
    for one in several:
        await one.start()
    try:
        yield
    finally:
        for one in several:
            await one.stop()


async def reached(parts: StoreParts, position: int, model: str = "audit") -> bool:
    return await registry.position(parts.owner, model) == position


async def rows(parts: StoreParts) -> list[int]:
    return [row[0] for row in await parts.owner.fetch(ROWS)]


async def note(parts: StoreParts, topic: str, state: bytes = b"{}") -> None:
    """Append an event as another program might."""
    await parts.appender.append(Append(uuid4(), ENVELOPE, [Encoded(uuid4(), 1, topic, state, token=False, touches=())]))


async def test_a_page_commits_its_rows_with_its_position(
    parts: StoreParts, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(parts, *(an_account(parts) for _ in range(5)))
    following = a_projector(parts)
    assert await following.advance(connection, AUDIT, limit=2)
    assert (await rows(parts), await registry.position(parts.owner, "audit")) == ([1, 2], 2)

    async def fails(*_: Any) -> None:
        raise asyncpg.InterfaceError("lost")

    with monkeypatch.context() as patched:
        patched.setattr(registry, "advance", fails)
        with pytest.raises(asyncpg.InterfaceError):
            await following.advance(connection, AUDIT, limit=2)
    assert (await rows(parts), await registry.position(parts.owner, "audit")) == ([1, 2], 2)
    assert not await following.advance(connection, AUDIT)
    assert (await rows(parts), await registry.position(parts.owner, "audit")) == ([1, 2, 3, 4, 5], 5)
    assert not await following.advance(connection, AUDIT)


async def test_events_that_a_model_does_not_handle_are_passed_over(
    parts: StoreParts, connection: asyncpg.Connection
) -> None:
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    account = an_account(parts)
    await write(parts, account)
    account.rename("Renamed", parts.clock.now())
    await write(parts, account)
    await a_projector(parts, SEEING).advance(connection, SEEING)
    assert await registry.position(parts.owner, "seen") == 2
    assert await parts.owner.fetchval("SELECT name FROM models.seen") == "Acme"


async def test_of_several_processes_one_leads_and_another_takes_over(parts: StoreParts) -> None:
    several = [a_projector(parts, name=f"projector-{n}") for n in range(3)]
    async with running(*several):
        for position in (1, 2, 3):
            await write(parts, an_account(parts))
            await until(lambda position=position: reached(parts, position))  # type: ignore[misc]
            [leader] = await parts.owner.fetch(LEADERS)
            await parts.owner.execute(END, leader[0])
    assert await rows(parts) == [1, 2, 3]


async def test_two_that_both_believe_to_lead_still_apply_each_event_once(parts: StoreParts) -> None:
    await write(parts, *(an_account(parts) for _ in range(30)))
    sessions = [await connections.connector(parts.dsn, name=f"leader-{n}")() for n in range(2)]

    async def follow(connection: asyncpg.Connection) -> None:
        following = a_projector(parts)
        while await following.advance(connection, AUDIT, limit=3):
            pass

    await asyncio.gather(*(follow(connection) for connection in sessions))
    assert await rows(parts) == list(range(1, 31))
    for connection in sessions:
        await connection.close()


async def test_a_restart_goes_on_where_the_last_one_stopped(parts: StoreParts) -> None:
    async with running(a_projector(parts)):
        await write(parts, an_account(parts))
        await until(lambda: reached(parts, 1))
    await write(parts, an_account(parts))
    assert await rows(parts) == [1]
    async with running(a_projector(parts)):
        await until(lambda: reached(parts, 2))
    assert await rows(parts) == [1, 2]


async def test_a_poison_event_stops_its_model_and_is_named(parts: StoreParts) -> None:
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    await write(parts, *(an_account(parts, name) for name in ("a", "b", "poison", "c")))
    async with running(a_projector(parts, SEEING, AUDIT)):
        await until(lambda: stopped(parts))
        await until(lambda: reached(parts, 4))
        await write(parts, an_account(parts, "d"))
        await until(lambda: reached(parts, 5))
    row = await parts.owner.fetchrow(ROW, "seen")
    assert row["position"] == 2, "it stands right before the poison"
    assert row["error"].startswith("position 3, account.created (version 1 of ")
    assert row["error"].endswith("ValueError: secret of the poison")
    assert (await parts.owner.fetchrow(ROW, "audit"))["error"] is None
    assert await parts.owner.fetchval("SELECT count(*) FROM models.seen") == 2


async def test_what_the_database_will_not_have_is_named_as_well(parts: StoreParts) -> None:
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    await write(parts, an_account(parts, "a"), an_account(parts, "empty"))
    async with running(a_projector(parts, SEEING)):
        await until(lambda: stopped(parts))
    row = await parts.owner.fetchrow(ROW, "seen")
    assert row["position"] == 1
    assert "position 2" in row["error"]
    assert "NotNullViolationError" in row["error"]


async def test_a_model_goes_on_once_the_program_that_could_not_apply_an_event_is_mended(parts: StoreParts) -> None:
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    await write(parts, an_account(parts, "poison"), an_account(parts, "after"))
    async with running(a_projector(parts, SEEING)):
        await until(lambda: stopped(parts))

    def mended(event: Account.Created, _: Context) -> Iterable[Fact]:
        yield SEEN.insert(stream=event.originator_id, name=event.name)

    async with running(a_projector(parts, replace(SEEING, handlers={Account.Created.TOPIC: mended}))):
        await until(lambda: reached(parts, 2, "seen"))
    assert (await parts.owner.fetchrow(ROW, "seen"))["error"] is None
    assert await parts.owner.fetchval("SELECT count(*) FROM models.seen") == 2


async def test_a_stopped_model_tries_again_when_it_is_told_to(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    await write(parts, an_account(parts, "poison"), an_account(parts, "after"))
    following = a_projector(parts, SEEING)
    async with running(following):
        await until(lambda: stopped(parts))
        await registry.resume(parts.owner, "seen")
        await until(lambda: stopped(parts))
        assert await registry.position(parts.owner, "seen") == 0

        def mended(event: Account.Created, _: Context) -> Iterable[Fact]:
            yield SEEN.insert(stream=event.originator_id, name=event.name)

        monkeypatch.setattr(following, "_models", [replace(SEEING, handlers={Account.Created.TOPIC: mended})])
        await registry.resume(parts.owner, "seen")
        await until(lambda: reached(parts, 2, "seen"))
    assert (await parts.owner.fetchrow(ROW, "seen"))["error"] is None


async def test_a_model_that_explains_sets_a_poison_event_aside_and_goes_on(parts: StoreParts) -> None:
    await rebuild.install(parts.owner, [EXPLAINING], parts.vault)
    names = ("a", "poison", "empty", "b", "poison", "c")
    await write(parts, *(an_account(parts, name) for name in names))
    async with running(a_projector(parts, EXPLAINING)):
        await until(lambda: reached(parts, 6, "seen"))
        await write(parts, an_account(parts, "d"))
        await until(lambda: reached(parts, 7, "seen"))
    assert (await parts.owner.fetchrow(ROW, "seen"))["error"] is None
    assert await parts.owner.fetchval("SELECT count(*) FROM models.seen") == 4
    aside = await parts.owner.fetch("SELECT * FROM muniment.quarantine ORDER BY position")
    assert [(row["model"], row["generation"], row["position"], row["topic"]) for row in aside] == [
        ("seen", 1, position, "account.created") for position in (2, 3, 5)
    ]
    assert aside[0]["error"] == "ValueError: secret of the poison"
    assert "NotNullViolationError" in aside[1]["error"]


async def test_a_model_that_would_have_to_set_too_much_aside_stops(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poison, "MOST_SET_ASIDE", 2)
    await rebuild.install(parts.owner, [EXPLAINING], parts.vault)
    await write(parts, *(an_account(parts, "poison") for _ in range(4)))
    async with running(a_projector(parts, EXPLAINING)):
        await until(lambda: stopped(parts))
    row = await parts.owner.fetchrow(ROW, "seen")
    assert (row["position"], row["error"].startswith("position 3, ")) == (2, True)


@pytest.mark.parametrize("model", [AUDIT, SEEING], ids=lambda model: model.name)
async def test_a_topic_that_this_program_does_not_know_stops_even_who_would_not_handle_it(
    parts: StoreParts, connection: asyncpg.Connection, model: Model
) -> None:
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    await note(parts, "planet.formed")
    following = a_projector(parts, model)
    with pytest.raises(Poison, match=r"position 1, planet\.formed .* UnknownTopic"):
        await following.advance(connection, model, limit=1)
    await write(parts, an_account(parts))
    async with running(following):
        await until(lambda: stopped(parts, model.name))
        # It does not sit on the lead: a newer program might know.
        await until(lambda: not following.leading)
    assert await registry.position(parts.owner, model.name) == 0


async def test_a_program_of_another_version_does_not_write_and_does_not_lead(
    parts: StoreParts, connection: asyncpg.Connection
) -> None:
    await write(parts, an_account(parts))
    await parts.owner.execute("UPDATE muniment.models SET version = version + 1 WHERE name = 'audit'")
    next_one = replace(AUDIT, version=AUDIT.version + 1)
    older, newer = a_projector(parts, name="older"), a_projector(parts, next_one, name="newer")
    with pytest.raises(Superseded):
        await older.advance(connection, AUDIT)
    async with running(older):
        await asyncio.sleep(0.1)
        async with running(newer):
            await until(lambda: reached(parts, 1))
    row = await parts.owner.fetchrow(ROW, "audit")
    assert row["error"] is None
    assert await rows(parts) == [1]


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT * FROM muniment.models WHERE name = 'audit' FOR UPDATE",
        "LOCK TABLE models.audit IN ACCESS EXCLUSIVE MODE",
    ],
)
async def test_a_lock_that_is_held_too_long_is_waited_for_and_no_poison(parts: StoreParts, lock: str) -> None:
    await parts.owner.execute("SET idle_in_transaction_session_timeout = 0")

    async def impatient() -> asyncpg.Connection:
        session = await connections.connector(parts.dsn, name="projector")()
        await session.execute("SET lock_timeout = '30ms'")
        return session

    following = Projector(impatient, [AUDIT], parts.vault, Bell(impatient))
    held = parts.owner.transaction()
    await held.start()
    await parts.owner.execute(lock)
    await write(parts, an_account(parts))
    async with running(following):
        await asyncio.sleep(0.2)
        await held.rollback()
        await until(lambda: reached(parts, 1))
    assert (await parts.owner.fetchrow(ROW, "audit"))["error"] is None


async def test_a_leader_that_is_stopped_does_not_keep_the_lead(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "NEVER_IDLE", projector.NEVER_IDLE.replace("5s", "200ms"))
    stopped_leader, other = a_projector(parts), a_projector(parts, name="other")
    async with running(stopped_leader):
        await until(lambda: stopped_leader.leading)
        # It holds its session and does nothing any more, as a process does that was stopped.
        monkeypatch.setattr(stopped_leader, "advance", lambda *_: asyncio.sleep(60))
        await asyncio.sleep(0.3)
        async with running(other):
            await write(parts, an_account(parts))
            await until(lambda: reached(parts, 1))


async def test_a_leader_whose_models_are_all_stopped_keeps_the_lead(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "NEVER_IDLE", projector.NEVER_IDLE.replace("5s", "500ms"))
    await rebuild.install(parts.owner, [SEEING], parts.vault)
    await write(parts, an_account(parts, "poison"))
    async with running(a_projector(parts, SEEING)):
        await until(lambda: stopped(parts))
        before = await parts.owner.fetchval(PROCESS, "projector")
        await asyncio.sleep(0.8)
        assert await parts.owner.fetchval(PROCESS, "projector") == before


async def test_a_leader_that_loses_its_connection_in_a_page_repeats_it(parts: StoreParts) -> None:
    held = parts.owner.transaction()
    await held.start()
    await parts.owner.execute("LOCK TABLE models.audit IN ACCESS EXCLUSIVE MODE")
    await write(parts, an_account(parts))
    async with running(a_projector(parts)):
        waits = "SELECT count(*) FROM pg_locks WHERE relation = 'models.audit'::regclass AND NOT granted"
        await until(lambda: count(parts, waits))
        await parts.owner.execute(END, "projector")
        await held.rollback()
        await until(lambda: reached(parts, 1))
    assert await rows(parts) == [1]


async def count(parts: StoreParts, statement: str) -> bool:
    return bool(await parts.owner.fetchval(statement))


async def stopped(parts: StoreParts, model: str = "seen") -> bool:
    return (await parts.owner.fetchrow(ROW, model))["error"] is not None
