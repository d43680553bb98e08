"""Whatever goes away in the middle, callers are answered within bounds and every acknowledged append is there, once."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from service.postgres import EmbeddedPostgres, PostgresProblem
from service.store import append as append_module
from service.store import batch, connections, lane, outcome
from service.store.pending import Append, Remembered
from service.store.refusals import Closing, Overloaded, Stale
from tests.fake_clock import FakeClock
from tests.service.store.given import (
    ENVELOPE,
    a_token,
    an_account,
    an_appender,
    assert_sound,
    history,
    keep_busy,
    log_held,
    names,
    prepared,
    until,
    waits,
    write,
)
from tests.store_fixture import install, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from uuid import UUID

    from service.store.append import Appender
    from tests.store_fixture import StoreParts

SESSION = "SELECT pid FROM pg_stat_activity WHERE application_name = $1"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


class LosesAnswers(asyncpg.Connection):
    """A connection that is lost right after its first appends were committed, before they are answered."""

    left = 1

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        row = await super().fetchrow(query, *args, **more)
        if query == batch.CALL and LosesAnswers.left > 0:
            LosesAnswers.left -= 1
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return row


class LosesCalls(asyncpg.Connection):
    """A connection that no append survives."""

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        if query == batch.CALL:
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return await super().fetchrow(query, *args, **more)


def connecting(
    parts: StoreParts, kind: type[asyncpg.Connection] = asyncpg.Connection, **settings: str
) -> Callable[[str], Awaitable[asyncpg.Connection]]:
    async def connect(name: str) -> asyncpg.Connection:
        told = {**connections.SERVICE_SETTINGS, **settings, "application_name": name}
        return await asyncpg.connect(parts.dsn, connection_class=kind, server_settings=told)

    return connect


def waiting(appender: Appender, *appends: Append) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(appender.append(append)) for append in appends]


async def test_a_caller_that_leaves_the_queue_takes_its_append_along(parts: StoreParts) -> None:
    async with log_held(parts.dsn):
        plug = await keep_busy(parts, parts.appender)
        left, stays = waiting(
            parts.appender, prepared(parts, an_account(parts, "left")), prepared(parts, an_account(parts, "stays"))
        )
        await until(lambda: parts.appender.pending == 2)
        left.cancel()
    await asyncio.gather(stays, plug)
    assert left.cancelled()
    assert await names(parts) == ["stays"]


async def test_a_caller_that_leaves_too_late_leaves_its_append_behind(parts: StoreParts) -> None:
    async with log_held(parts.dsn):
        [left] = waiting(parts.appender, prepared(parts, an_account(parts, "taken")))
        await until(lambda: waits(parts))
        left.cancel()
        with suppress(asyncio.CancelledError):
            await left
    await write(parts, an_account(parts, "next"))
    assert await names(parts) == ["taken", "next"]
    assert await assert_sound(parts.owner) == 2


async def test_a_full_queue_takes_no_more(parts: StoreParts) -> None:
    async with an_appender(parts, max_pending=2) as appender:
        async with log_held(parts.dsn):
            plug = await keep_busy(parts, appender)
            queued = waiting(appender, *(prepared(parts, an_account(parts)) for _ in range(2)))
            await until(lambda: appender.pending == 2)
            with pytest.raises(Overloaded):
                await appender.append(prepared(parts, an_account(parts)))
        await asyncio.gather(plug, *queued)
        await appender.append(prepared(parts, an_account(parts)))


async def test_a_shutdown_commits_all_that_is_queued_and_takes_no_more(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append_module, "MAX_BATCH", 7)
    async with log_held(parts.dsn):
        plug = await keep_busy(parts, parts.appender)
        queued = waiting(parts.appender, *(prepared(parts, an_account(parts)) for _ in range(60)))
        await until(lambda: parts.appender.pending == 60)
        stopping = asyncio.create_task(parts.appender.stop())
        await asyncio.sleep(0)
        with pytest.raises(Closing):
            await parts.appender.append(prepared(parts, an_account(parts)))
    await stopping
    assert len({task.result().position for task in (plug, *queued)}) == 60 + 1
    assert await assert_sound(parts.owner) == 60 + 1


async def test_a_connection_that_is_killed_while_it_waits_appends_once(parts: StoreParts) -> None:
    async with log_held(parts.dsn):
        plug = await keep_busy(parts, parts.appender)
        queued = waiting(parts.appender, *(prepared(parts, an_account(parts), a_token(parts)) for _ in range(9)))
        for _ in range(2):
            before = await session(parts)
            await parts.owner.execute(END, parts.appender._lane._name)
            await until(lambda before=before: is_anew(parts, before))  # type: ignore[misc]
    positions = [committed.position for committed in await asyncio.gather(plug, *queued)]
    assert len(set(positions)) == 9 + 1
    assert await assert_sound(parts.owner) == 18 + 1


async def test_an_answer_that_is_lost_after_the_commit_is_read_back_from_the_log(parts: StoreParts) -> None:
    LosesAnswers.left = 1
    async with an_appender(parts, connecting(parts, LosesAnswers)) as appender:
        token, account, other = a_token(parts), an_account(parts), an_account(parts, "later")
        committed = await appender.append(prepared(parts, account, token))
        assert LosesAnswers.left == 0
        assert committed.position == 2, "that of its last event, though it is in another stream"
        assert (await appender.append(prepared(parts, other))).position == 3
    assert [entry.stream for entry in await history(parts)] == [account.id, token.id, other.id]


async def test_an_answer_without_events_is_found_again_too(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    LosesAnswers.left = 1
    async with an_appender(parts, connecting(parts, LosesAnswers)) as appender:
        kept = Append(uuid4(), ENVELOPE, [], remembered=Remembered(b"key", b"mac", b"answer"))
        assert (await appender.append(kept)).position == 1
        assert LosesAnswers.left == 0


async def test_a_refusal_that_is_lost_is_found_again_by_asking_again(parts: StoreParts) -> None:
    account = an_account(parts)
    append, clash = prepared(parts, account), an_account(parts, "clash", id=account.id)
    await parts.appender.append(append)
    LosesAnswers.left = 1
    async with an_appender(parts, connecting(parts, LosesAnswers)) as appender:
        refused = prepared(parts, an_account(parts), reads={"application:1": -1})
        await parts.owner.execute("INSERT INTO muniment.guards VALUES ('application:1', 0)")
        with pytest.raises(Stale):
            await appender.append(refused)
        with pytest.raises(Stale):
            await appender.append(prepared(parts, clash))
    assert await names(parts) == ["Acme"]


async def test_an_append_that_no_connection_survives_is_given_up(parts: StoreParts) -> None:
    async with an_appender(parts, connecting(parts, LosesCalls)) as appender:
        append = prepared(parts, an_account(parts))
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await appender.append(append)
    assert append.losses == lane.LOSSES
    assert await assert_sound(parts.owner) == 0


async def test_a_database_that_stays_away_is_told_to_all_who_wait(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "PATIENCE", 0.3)
    away = asyncio.Event()

    async def connect(name: str) -> asyncpg.Connection:
        if away.is_set():
            raise ConnectionRefusedError
        return await connecting(parts)(name)

    async with an_appender(parts, connect) as appender:
        async with log_held(parts.dsn):
            plug = await keep_busy(parts, appender)
            queued = waiting(appender, *(prepared(parts, an_account(parts)) for _ in range(9)))
            away.set()
            await parts.owner.execute(END, appender._lane._name)
            async with asyncio.timeout(5):
                told = await asyncio.gather(plug, *queued, return_exceptions=True)
            assert all(isinstance(one, lane.LOST) for one in told)
            with pytest.raises(ConnectionRefusedError):
                await appender.append(prepared(parts, an_account(parts)))
        away.clear()
        await appender.append(prepared(parts, an_account(parts, "back")))
    assert await names(parts) == ["back"]


async def test_a_lock_that_is_held_too_long_is_told_to_all_who_wait(parts: StoreParts) -> None:
    async with an_appender(parts, connecting(parts, lock_timeout="300ms")) as appender:
        async with log_held(parts.dsn):
            appends = [prepared(parts, an_account(parts), reads={f"k:{n}": 0}) for n in range(20)]
            async with asyncio.timeout(2):  # far less than if each part of a batch waited in turn
                told = await asyncio.gather(*waiting(appender, *appends), return_exceptions=True)
        assert {type(one) for one in told} == {Overloaded}
        await appender.append(prepared(parts, an_account(parts, "afterwards")))
    assert await names(parts) == ["afterwards"]


async def test_a_stalled_holder_of_the_lock_is_ended_before_anybody_gives_up(parts: StoreParts) -> None:
    bounds = connections.SERVICE_SETTINGS
    assert float(bounds["idle_in_transaction_session_timeout"][:-1]) < float(bounds["lock_timeout"][:-1])
    async with log_held(parts.dsn) as holder:
        await holder.execute("SET idle_in_transaction_session_timeout = '200ms'")
        await write(parts, an_account(parts))
        assert holder.is_closed()


@pytest.mark.parametrize("opened", [connections.owner, lambda dsn: connections.connector(dsn, name="x")()])
async def test_every_session_of_ours_is_bounded_in_its_idleness(parts: StoreParts, opened: Any) -> None:
    connection = await opened(parts.dsn)
    assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == connections.STALLED
    await connection.close()


async def test_a_call_that_is_never_answered_is_given_up_and_appends_once(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "CALL_PATIENCE", 0.3)
    async with log_held(parts.dsn):
        [queued] = waiting(parts.appender, prepared(parts, an_account(parts)))
        await until(lambda: waits(parts))
        before = await session(parts)
        await until(lambda: is_anew(parts, before))
    await queued
    assert await assert_sound(parts.owner) == 1


async def test_as_long_as_a_lost_call_may_still_be_carried_out_its_outcome_is_unknown(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "CALL_PATIENCE", 0.2)
    monkeypatch.setattr(lane, "PATIENCE", 0.2)
    monkeypatch.setattr(outcome, "END_MILLISECONDS", 200)
    async with log_held(parts.dsn):
        [queued] = waiting(parts.appender, prepared(parts, an_account(parts)))
        await until(lambda: waits(parts))
        [pid] = await session(parts)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError):
                await queued
        finally:
            os.kill(pid, signal.SIGCONT)
    await write(parts, an_account(parts, "afterwards"))
    assert await names(parts) in (["afterwards"], ["Acme", "afterwards"])
    await assert_sound(parts.owner)


async def session(parts: StoreParts) -> list[int]:
    return [row[0] for row in await parts.owner.fetch(SESSION, parts.appender._lane._name)]


async def is_anew(parts: StoreParts, before: list[int]) -> bool:
    """Say whether the appender has another session, and that one alone."""
    now = await session(parts)
    return len(now) == 1 and now != before


async def test_a_restart_of_the_database_loses_no_acknowledged_append(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder / "var", durable=False, refuge=open_folder / "refuge") as server:
        await install(server.address)
        acknowledged: list[UUID] = []
        done = asyncio.Event()

        async def connect(name: str) -> asyncpg.Connection:
            try:
                address = server.address
            except PostgresProblem as stopped:  # between a stop and a start it has none
                raise ConnectionRefusedError from stopped
            return await connections.connector(address, name=name)()

        async def work(parts: StoreParts, appender: Appender) -> None:
            while not done.is_set():
                account = an_account(parts)
                await appender.append(prepared(parts, account))
                acknowledged.append(account.id)

        async with opened(server.address, FakeClock()) as parts, an_appender(parts, connect) as appender:
            working = [asyncio.create_task(work(parts, appender)) for _ in range(8)]
            for _ in range(2):
                before = len(acknowledged)
                await until(lambda before=before: len(acknowledged) > before + 50)  # type: ignore[misc]
                await asyncio.to_thread(server.stop)
                server.start()
            before = len(acknowledged)
            await until(lambda: len(acknowledged) > before + 50)
            done.set()
            await asyncio.gather(*working)
        owner = await connections.owner(server.address)
        assert await assert_sound(owner) == len(acknowledged)
        streams = {row[0] for row in await owner.fetch("SELECT originator_id FROM muniment.events")}
        assert streams == set(acknowledged)
        await owner.close()
