"""Upkeep makes the coming months' partitions and removes what has served its time, and only that."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from service.store import call_counts, connections, upkeep
from service.store.job_reports import reports
from service.store.throttle import Bucket, Throttle
from service.store.upkeep import DAY, Upkeep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from tests.store_fixture import StoreParts

PARTITIONS = (
    "SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = $1::regclass"
)
EXPIRING = """
INSERT INTO muniment.idempotency (key, request_mac, answer, causation, expires_at)
SELECT $1::text::bytea || int4send(n), '', '', gen_random_uuid(), $2 FROM generate_series(1, $3::int) n
"""
POLLED = """
INSERT INTO muniment.device_polls SELECT gen_random_uuid(), $1, 5, false, $1 FROM generate_series(1, $2::int)
"""
SPENT = "INSERT INTO muniment.client_assertions SELECT int4send(n), $1 FROM generate_series(1, $2::int) n"
CALLED = """
INSERT INTO muniment.interface_calls (id, at, count, status, test, path)
VALUES (gen_random_uuid(), $1, 1, 200, false, $2)
"""
GUARD = "INSERT INTO muniment.guards (key, position) VALUES ($1, $2)"
BATCH = "INSERT INTO muniment.batches (last, first, recorded_at) VALUES ($1, $1, $2)"


@pytest.fixture
async def connection(parts: StoreParts) -> AsyncIterator[asyncpg.Connection]:
    connection = await connections.connector(parts.dsn, name="upkeep-test")()
    yield connection
    await connection.close()


@pytest.fixture
def tidy(parts: StoreParts) -> Upkeep:
    return Upkeep(connections.connector(parts.dsn, name="upkeep-test"), parts.clock)


async def partitions(parts: StoreParts, parent: str) -> set[str]:
    return {row["relname"] for row in await parts.owner.fetch(PARTITIONS, f"muniment.{parent}")}


def week(moment: datetime, days: int = 0) -> str:
    """Return the name of the partition of calls that holds a moment, or one so many days later."""
    day = moment.date() + timedelta(days=days)
    return f"interface_calls_{day - timedelta(days=day.weekday()):%Y%m%d}"


async def run(tidy: Upkeep, connection: asyncpg.Connection) -> dict[str, Any]:
    with capture_logs() as lines:
        await tidy.run(connection)
    [line] = [line for line in lines if line["event"] == "upkeep"]
    return dict(line)


async def test_partitions_reach_two_months_ahead(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection
) -> None:
    parts.clock.move(timedelta(days=300))
    tidy._cleaned_at = parts.clock.now()  # the database's own clock stood still and would refuse to remove anything
    assert await tidy.run(connection)
    months = {f"{parts.clock.now():%Y%m}", f"{parts.clock.now().replace(day=1) + timedelta(days=32):%Y%m}"}
    for parent in ("token_events", "request_journal", "refusals"):
        assert {f"{parent}_{month}" for month in months} <= await partitions(parts, parent)


async def test_months_past_their_retention_go(parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection) -> None:
    long_ago = parts.clock.now() - timedelta(days=200)
    await parts.owner.execute("SELECT muniment.ensure_partitions($1)", long_ago)
    line = await run(tidy, connection)
    assert {f"request_journal_{long_ago:%Y%m}", f"refusals_{long_ago:%Y%m}"} <= set(line["months_dropped"])
    assert f"token_events_{long_ago:%Y%m}" in await partitions(parts, "token_events")
    kept = parts.clock.now() - timedelta(days=90)
    assert f"request_journal_{kept:%Y%m}" not in line["months_dropped"]


async def test_weeks_of_calls_reach_two_ahead_and_go_past_their_own_retention(
    parts: StoreParts, connection: asyncpg.Connection
) -> None:
    now = parts.clock.now()
    for days in (0, 7, 14, 40, 70):
        await parts.owner.execute("SELECT muniment.ensure_partitions($1)", now - timedelta(days=days))
    tidy = Upkeep(connections.connector(parts.dsn, name="upkeep-test"), parts.clock, call_log_days=30)
    line = await run(tidy, connection)
    left = await partitions(parts, "interface_calls")
    dropped = set(line["weeks_dropped"])
    assert {week(now, 7 * ahead) for ahead in (0, 1, 2, -1, -2)} <= left
    assert {week(now, -40), week(now, -70)} <= dropped
    assert week(now, -30) in left  # a part of it may not be so old
    assert week(now, -37) in dropped
    assert not dropped & left


async def test_a_week_of_calls_goes_at_the_very_end_of_its_retention(parts: StoreParts) -> None:
    monday = parts.clock.now().replace(hour=0, minute=0, second=0) - timedelta(days=parts.clock.now().weekday() + 28)
    await parts.owner.execute("SELECT muniment.ensure_partitions($1)", monday)
    end = monday + timedelta(days=7)
    assert await parts.pool.fetch(upkeep.DROP_CALLS, end - timedelta(microseconds=1)) == []
    assert [row["name"] for row in await parts.pool.fetch(upkeep.DROP_CALLS, end)] == [week(monday)]


async def test_old_calls_that_no_week_holds_go_too(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection
) -> None:
    for days, path in ((91, "/old"), (89, "/kept")):
        await parts.owner.execute(CALLED, parts.clock.now() - timedelta(days), path)
    assert (await run(tidy, connection))["calls_rest"] == 1
    assert await parts.owner.fetchval("SELECT path FROM muniment.interface_calls_rest") == "/kept"


async def test_old_rows_that_no_month_holds_go_too(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection
) -> None:
    now = parts.clock.now()
    for days, text in ((91, "old"), (89, "kept")):
        await parts.owner.execute(
            "INSERT INTO muniment.request_journal VALUES (gen_random_uuid(), $1, $2, '')", now - timedelta(days), text
        )
        await parts.owner.execute(
            "INSERT INTO muniment.refusals (id, at, operation, status, code) VALUES (gen_random_uuid(), $1, $2, 1, '')",
            now - timedelta(days), text,
        )  # fmt: skip
    assert (await run(tidy, connection))["journal_rest"] == 2
    assert await parts.owner.fetchval("SELECT address FROM muniment.request_journal_rest") == "kept"
    assert await parts.owner.fetchval("SELECT operation FROM muniment.refusals_rest") == "kept"


async def test_answers_assertions_and_polls_go_when_they_have_expired(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHUNK", 10)
    now = parts.clock.now()
    await parts.owner.execute(EXPIRING, "expired", now, 25)
    await parts.owner.execute(EXPIRING, "live", now + timedelta(microseconds=1), 3)
    await parts.owner.execute(SPENT, now, 20)
    await parts.owner.execute(POLLED, now, 15)
    await parts.owner.execute(POLLED, now + timedelta(microseconds=1), 2)
    line = await run(tidy, connection)
    assert (line["answers"], line["client_assertions"], line["device_polls"]) == (25, 20, 15)
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.device_polls") == 2
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.idempotency") == 3
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.client_assertions") == 0


async def test_what_counts_attempts_goes_at_each_run_once_it_says_nothing_more(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection
) -> None:
    throttle = Throttle(parts.pool, parts.clock)
    await throttle.wait(Bucket.of("test", "soon", burst=9, every=60))
    await throttle.wait(Bucket.of("test", "later", burst=9, every=60.000001))
    await run(tidy, connection)
    parts.clock.move(timedelta(seconds=60))
    assert (await run(tidy, connection))["attempts"] == 1
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.throttle") == 1


async def test_guards_of_revoked_tokens_go_a_day_after_the_longest_token_is_dead(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection
) -> None:
    await parts.owner.execute("DELETE FROM muniment.batches")
    boundary = parts.clock.now() - 2 * DAY
    await parts.owner.execute(BATCH, 10, boundary - timedelta(microseconds=1))
    await parts.owner.execute(BATCH, 11, boundary)
    for key, position in (
        ("revocation:token:old", 10), ("revocation:token:new", 11), ("revocation:application:old", 1),
        ("revocation:token", 1), ("application:old", 1),
    ):  # fmt: skip
        await parts.owner.execute(GUARD, key, position)
    assert (await run(tidy, connection))["token_guards"] == 1
    left = {row["key"] for row in await parts.owner.fetch("SELECT key FROM muniment.guards")}
    assert left == {"revocation:token:new", "revocation:application:old", "revocation:token", "application:old"}


async def test_no_guard_goes_before_anything_was_recorded(parts: StoreParts) -> None:
    await parts.owner.execute(GUARD, "revocation:token:one", 0)
    gone = await parts.pool.fetchval(upkeep.PURGE_TOKEN_GUARDS, parts.clock.now() - 2 * DAY, 10)
    assert gone == 0


@pytest.mark.parametrize("statement", [upkeep.PURGE_TOKEN_GUARDS, upkeep.PURGE_JOURNAL_REST, upkeep.PURGE_CALLS_REST])
async def test_the_database_itself_refuses_to_purge_the_last_day(parts: StoreParts, statement: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await parts.pool.fetchval(statement, parts.clock.now() - DAY + timedelta(minutes=5), 10)


async def test_a_guard_held_by_an_append_is_left_for_the_next_run(parts: StoreParts) -> None:
    await parts.owner.execute("UPDATE muniment.batches SET recorded_at = now() - interval '9 days'")
    await parts.owner.execute(GUARD, "revocation:token:held", 0)
    async with parts.owner.transaction():
        await parts.owner.execute("UPDATE muniment.guards SET position = 0")
        held = await parts.pool.fetchval(upkeep.PURGE_TOKEN_GUARDS, parts.clock.now() - 2 * DAY, 10)
    free = await parts.pool.fetchval(upkeep.PURGE_TOKEN_GUARDS, parts.clock.now() - 2 * DAY, 10)
    assert (held, free) == (0, 1)


async def test_removals_are_due_once_a_day(parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection) -> None:
    assert "answers" in await run(tidy, connection)
    parts.clock.move(DAY - timedelta(microseconds=1))
    assert "answers" not in await run(tidy, connection)
    parts.clock.move(timedelta(microseconds=1))
    assert "answers" in await run(tidy, connection)


async def test_a_failed_part_stops_no_other_and_is_done_again(
    parts: StoreParts, tidy: Upkeep, connection: asyncpg.Connection
) -> None:
    await parts.owner.execute(EXPIRING, "expired", parts.clock.now(), 1)
    await parts.owner.execute("REVOKE EXECUTE ON FUNCTION muniment.drop_journal_before FROM muniment_service")
    line = await run(tidy, connection)
    assert (line["failed"], line["answers"]) == (["months_dropped"], 1)
    [told] = await reports(parts.pool)
    assert (told["name"], told["counts"]["answers"], told["succeeded_at"]) == ("upkeep", 1, None)
    assert told["error"].startswith("months_dropped: ")
    await parts.owner.execute("GRANT EXECUTE ON FUNCTION muniment.drop_journal_before TO muniment_service")
    line = await run(tidy, connection)
    assert (line["failed"], line["months_dropped"]) == ([], [])
    [told] = await reports(parts.pool)
    assert (told["error"], told["counts"]["months_dropped"], told["succeeded_at"]) == (None, 0, told["ended_at"])


async def test_of_several_processes_one_works_and_another_takes_over(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "RETRY_SECONDS", 0.02)
    several = [Upkeep(connections.connector(parts.dsn, name=f"upkeep-{n}"), parts.clock) for n in range(3)]
    for one in several:
        await one.start()

    async def leader() -> Upkeep:
        async with asyncio.timeout(5):
            while True:
                leading = [one for one in several if one.leading]
                if leading:
                    [only] = leading
                    return only
                await asyncio.sleep(0.01)

    first = await leader()
    await first.stop()
    assert not first.leading
    second = await leader()
    assert second is not first
    for one in several:
        await one.stop()


async def test_counts_of_past_minutes_do_not_wait_for_the_hour(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "OFTEN", 0.01)
    tidy = Upkeep(connections.connector(parts.dsn, name="upkeep-often"), parts.clock)
    await tidy.start()
    past = parts.clock.now().replace(second=0, microsecond=0) - call_counts.KEPT
    try:
        for number in range(3):  # the first may be one of the hour's
            await call_counts.take(parts.pool, past, [b"%d" % number], [1], [1])
            async with asyncio.timeout(5):
                while await parts.owner.fetchval("SELECT count(*) FROM muniment.call_counts"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    finally:
        await tidy.stop()


async def test_a_lost_connection_is_no_reason_to_give_up(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(upkeep, "HOUR", 0.02)
    tidy = Upkeep(connections.connector(parts.dsn, name="upkeep-lost"), parts.clock)
    await tidy.start()
    for _ in range(3):
        async with asyncio.timeout(5):
            while not await parts.owner.fetchval(  # noqa: ASYNC110 - another task's work is awaited from outside
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'upkeep-lost'"
            ):
                await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        while not tidy.leading:  # noqa: ASYNC110 - another task's work is awaited from outside
            await asyncio.sleep(0.01)
    await tidy.stop()
