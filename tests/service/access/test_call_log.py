"""Every decision is in the call log, in full or in a count; nothing waits for it and no flood grows it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from service.access import call_log
from service.access.call_log import IN_FULL, IN_FULL_OVERALL, MAX_COUNTS, CallLog
from service.store import write_behind
from service.store.interface_calls import MAX_PATH
from service.store.write_behind import CAPACITY
from tests.service.access.calling import (
    APPLICATION,
    GATEWAY,
    INTERFACE,
    ORGANIZATION,
    OTHER,
    RESOURCE,
    USER,
    Gateway,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.store_fixture import StoreParts

SECRET = "mun_at_" + "s" * 43


@pytest.fixture
async def log(parts: StoreParts) -> AsyncIterator[CallLog]:
    log = CallLog(parts.pool, parts.clock)
    await log.start()
    yield log
    await log.stop()


@pytest.fixture
def gateway(parts: StoreParts, log: CallLog) -> Gateway:
    return Gateway(parts, log)


async def test_a_call_is_one_row_with_the_id_of_its_request(parts: StoreParts, log: CallLog, gateway: Gateway) -> None:
    allowed = gateway.asked(user=USER, test=True)
    refused = gateway.refused(status=429, cause="frequency_exceeded", method="POST", path="/orders/7")
    await log.stop()
    first, second = await gateway.stored()
    assert (first["id"], first["at"], first["count"]) == (allowed, parts.clock.now(), 1)
    assert (first["organization"], first["resource"], first["interface"]) == (ORGANIZATION, RESOURCE, INTERFACE)
    assert (first["gateway"], first["application"], first["user_id"]) == (GATEWAY, APPLICATION, USER)
    assert (first["client_id"], first["address"], first["test"]) == ("shop", "192.0.2.7", True)
    assert (first["method"], first["path"], first["status"], first["cause"]) == ("GET", "/orders", 200, None)
    assert (second["id"], second["method"], second["path"]) == (refused, "POST", "/orders/7")
    assert (second["status"], second["cause"], second["test"]) == (429, "frequency_exceeded", False)


async def test_a_call_of_nobody_known_to_no_interface_is_a_row_too(log: CallLog, gateway: Gateway) -> None:
    nobody = {"interface": None, "application": None, "client_id": None, "address": None}
    gateway.refused(cause="unknown_interface", resource=None, **nobody)
    await log.stop()
    [row] = await gateway.stored()
    assert [row[name] for name in (*nobody, "resource", "user_id")] == [None] * 6


async def test_a_call_stands_in_the_partition_of_its_week(parts: StoreParts, log: CallLog, gateway: Gateway) -> None:
    gateway.asked()
    await log.stop()
    monday = parts.clock.now().date() - timedelta(days=parts.clock.now().weekday())
    partition = await parts.pool.fetchval("SELECT tableoid::regclass::text FROM muniment.interface_calls")
    assert partition == f"interface_calls_{monday:%Y%m%d}"


async def test_what_is_allowed_is_kept_in_full_however_much_it_is(log: CallLog, gateway: Gateway) -> None:
    for _ in range(IN_FULL_OVERALL + 5):
        gateway.asked()
    await log.stop()
    rows = await gateway.stored()
    assert len(rows) == IN_FULL_OVERALL + 5
    assert {row["count"] for row in rows} == {1}
    assert log.counted == 0


async def test_from_the_61st_in_a_minute_on_a_source_is_counted(
    parts: StoreParts, log: CallLog, gateway: Gateway
) -> None:
    for _ in range(IN_FULL + 5):
        gateway.refused()
    # Another address, client or cause is another source.
    gateway.refused(address="192.0.2.8")
    gateway.refused(application=OTHER)
    gateway.refused(gateway=OTHER)
    gateway.refused(cause="grant_expired")
    await log.stop()
    rows = await gateway.stored()
    assert [row["count"] for row in rows] == [1] * (IN_FULL + 4) + [5]
    counted = rows[-1]
    assert (counted["organization"], counted["gateway"], counted["cause"]) == (ORGANIZATION, GATEWAY, "grant_missing")
    assert (counted["resource"], counted["interface"]) == (RESOURCE, INTERFACE)
    assert (counted["application"], counted["address"], counted["status"]) == (APPLICATION, "192.0.2.7", 403)
    assert [counted[name] for name in ("user_id", "client_id", "method", "path")] == [None] * 4
    assert counted["at"] == parts.clock.now().replace(second=0)


async def test_each_minute_and_each_interface_has_a_count_of_its_own(
    parts: StoreParts, log: CallLog, gateway: Gateway
) -> None:
    parts.clock.move(timedelta(minutes=1) - timedelta(seconds=parts.clock.now().second))
    for _ in range(2):
        for _ in range(IN_FULL):
            gateway.refused()
        gateway.refused(interface=OTHER)
        gateway.refused()
        gateway.refused()
        parts.clock.move(timedelta(minutes=1))
    await log.stop()
    counts = [(row["interface"], row["count"]) for row in await gateway.stored() if row["method"] is None]
    assert sorted(counts) == sorted([(INTERFACE, 2), (INTERFACE, 2), (OTHER, 1), (OTHER, 1)])


async def test_a_late_note_of_a_past_minute_opens_no_minute_again(parts: StoreParts, gateway: Gateway) -> None:
    now = parts.clock.now().replace(second=0)
    parts.clock.move(timedelta(minutes=1))
    log = gateway.log = CallLog(parts.pool, parts.clock)
    for _ in range(IN_FULL):
        gateway.refused()
    gateway.refused(at=now)
    gateway.refused()
    assert log.counted == 2


async def test_the_count_of_a_past_minute_is_written_although_nothing_more_arrives(
    parts: StoreParts, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_log, "TICK_SECONDS", 0.01)
    log = gateway.log = CallLog(parts.pool, parts.clock)
    await log.start()
    for _ in range(IN_FULL + 1):
        gateway.refused()
    parts.clock.move(timedelta(minutes=1))
    async with asyncio.timeout(5):
        while len(await gateway.stored()) <= IN_FULL:  # noqa: ASYNC110 - another task's work is awaited from outside
            await asyncio.sleep(0.02)
    assert (await gateway.stored())[-1]["count"] == 1
    await log.stop()


async def test_a_flood_grows_nothing_and_loses_no_count(log: CallLog, gateway: Gateway) -> None:
    total = 30_000
    for n in range(total):
        gateway.refused(application=None, client_id=None, address=f"2001:db8::{n:x}", path=f"/{n}")
    assert len(log.rows) <= IN_FULL_OVERALL
    assert len(log._sources) <= IN_FULL_OVERALL
    assert len(log._counts) <= MAX_COUNTS
    await log.stop()
    rows = await gateway.stored()
    assert sum(row["count"] for row in rows) == log.outcomes["grant_missing"] == total
    assert len(rows) <= IN_FULL_OVERALL + MAX_COUNTS
    [rest] = [row for row in rows if row["address"] is None]
    assert (rest["organization"], rest["gateway"], rest["cause"]) == (ORGANIZATION, GATEWAY, "grant_missing")
    assert rest["count"] > total - IN_FULL_OVERALL - MAX_COUNTS


async def test_not_even_invented_gateways_and_causes_grow_the_counts(
    parts: StoreParts, log: CallLog, gateway: Gateway
) -> None:
    for n in range(IN_FULL_OVERALL + 3 * MAX_COUNTS):
        gateway.refused(gateway=parts.clock.new_id(), cause=f"cause_{n}")
    assert len(log._counts) == MAX_COUNTS
    assert log._counts[call_log.UNNAMED] == log.counted - MAX_COUNTS + 1


async def test_a_full_log_lets_no_more_in_and_still_takes_what_was_let_in(
    parts: StoreParts, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = gateway.log = CallLog(parts.pool, parts.clock)  # it does not write
    monkeypatch.setattr(call_log, "CAPACITY", 3)
    gateway.asked()
    gateway.asked()
    assert not log.full
    gateway.asked()
    assert log.full
    gateway.asked()
    assert (len(log.rows), log.rows.lost) == (4, 0)
    assert log.rows._capacity == 2 * CAPACITY
    assert write_behind.CAPACITY == CAPACITY


async def test_a_queue_with_no_room_at_all_turns_refused_calls_into_counts(parts: StoreParts, gateway: Gateway) -> None:
    log = gateway.log = CallLog(parts.pool, parts.clock)
    log.rows._capacity = 2
    for _ in range(5):
        gateway.refused()
    assert (len(log.rows), log.counted, log.rows.lost) == (2, 3, 0)


async def test_outcomes_are_counted_by_cause(log: CallLog, gateway: Gateway) -> None:
    for _ in range(3):
        gateway.asked()
    for _ in range(IN_FULL + 1):
        gateway.refused(cause="token_missing", status=401)
    assert log.outcomes == {"allowed": 3, "token_missing": IN_FULL + 1}


async def test_secrets_and_control_characters_in_what_callers_chose_are_not_kept(
    log: CallLog, gateway: Gateway
) -> None:
    gateway.asked(path=f"/callback/{SECRET}/\x1b[2J\u202e\0", method="G\nT", address="192.0.2.7\r\nx")
    gateway.asked(path="/" + "x" * 5000, method="M" * 5000, address="a" * 5000)
    gateway.asked(path="/not-utf-8/\udcff")
    await log.stop()
    first, second, third = await gateway.stored()
    assert first["path"] == "/callback/[redacted]/\ufffd[2J\ufffd\ufffd"
    assert (first["method"], first["address"]) == ("G\ufffdT", "192.0.2.7\ufffd\ufffdx")
    assert (len(second["path"]), len(second["method"]), len(second["address"])) == (MAX_PATH, 20, 64)
    assert third["path"] == "/not-utf-8/\ufffd"


async def test_a_batch_that_is_written_again_stays_as_it_was(parts: StoreParts, log: CallLog, gateway: Gateway) -> None:
    request = gateway.asked()
    gateway.asked(request_id=request, path="/other")
    await log.stop()
    [row] = await gateway.stored()
    assert row["path"] == "/orders"


async def test_nothing_noted_is_lost_when_connections_break(parts: StoreParts, log: CallLog, gateway: Gateway) -> None:
    wanted: list[Any] = []
    for _ in range(6):
        wanted += [gateway.asked() for _ in range(50)]
        await parts.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name !~ 'append'"
        )
        await asyncio.sleep(0.1)
    await log.stop()
    assert [
        row["id"] for row in await parts.owner.fetch("SELECT id FROM muniment.interface_calls ORDER BY id")
    ] == wanted
    assert log.rows.lost == 0


async def test_the_service_can_neither_change_nor_remove_a_call(parts: StoreParts) -> None:
    for statement in ("UPDATE muniment.interface_calls SET cause = NULL", "DELETE FROM muniment.interface_calls"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await parts.pool.execute(statement)
