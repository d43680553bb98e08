"""Refusals are kept in full up to a rate, then as counts: everything is accounted for and nothing grows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.store import refused, refused_pages
from service.store.refused import IN_FULL, IN_FULL_OVERALL, MAX_COUNTS, RefusalRecorder
from service.store.refused_pages import page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.store_fixture import StoreParts

ORGANIZATION, OTHER = UUID(int=1), UUID(int=2)
SECRET = "mun_sec_" + "s" * 49


class Caller:
    """Is refused, again and again."""

    def __init__(self, parts: StoreParts, recorder: RefusalRecorder) -> None:
        self.parts = parts
        self.recorder = recorder

    def refused(self, **changed: Any) -> UUID:
        request: UUID = self.parts.clock.new_id()
        told = {
            "organization": ORGANIZATION, "actor": None, "client": "app", "operation": "POST /oauth2/token",
            "status": 401, "code": "invalid_client", "detail": None, "request_id": request, "address": "192.0.2.7",
        }  # fmt: skip
        self.recorder.note(**{**told, **changed})
        return request


@pytest.fixture
async def recorder(parts: StoreParts) -> AsyncIterator[RefusalRecorder]:
    recorder = RefusalRecorder(parts.pool, parts.clock)
    await recorder.start()
    yield recorder
    await recorder.stop()


@pytest.fixture
def caller(parts: StoreParts, recorder: RefusalRecorder) -> Caller:
    return Caller(parts, recorder)


async def stored(parts: StoreParts) -> list[Any]:
    return await parts.pool.fetch("SELECT * FROM muniment.refusals ORDER BY id")


async def test_a_refusal_is_kept_in_full(parts: StoreParts, recorder: RefusalRecorder, caller: Caller) -> None:
    actor = UUID(int=9)
    request = caller.refused(actor=actor, status=403, code="missing_permission", detail="write_user")
    await recorder.stop()
    [row] = await stored(parts)
    assert row["at"] == parts.clock.now()
    assert (row["organization"], row["actor"], row["client"]) == (ORGANIZATION, actor, "app")
    assert (row["operation"], row["status"], row["code"]) == ("POST /oauth2/token", 403, "missing_permission")
    assert (row["detail"], row["request_id"], row["count"]) == ("write_user", request, 1)


async def test_from_the_61st_in_a_minute_on_a_client_at_an_address_is_counted(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    for _ in range(IN_FULL + 5):
        caller.refused()
    caller.refused(address="192.0.2.8")
    caller.refused(client="other")
    await recorder.stop()
    rows = await stored(parts)
    assert [row["count"] for row in rows] == [1] * (IN_FULL + 2) + [5]
    counted = rows[-1]
    assert (counted["client"], counted["organization"], counted["code"]) == ("app", ORGANIZATION, "invalid_client")
    assert (counted["request_id"], counted["actor"], counted["detail"]) == (None, None, None)
    assert counted["at"] == parts.clock.now().replace(second=0)


async def test_each_minute_and_each_kind_has_a_count_of_its_own(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    for _ in range(2):
        for _ in range(IN_FULL):
            caller.refused()
        caller.refused(code="invalid_scope", status=400)
        caller.refused()
        caller.refused()
        parts.clock.move(timedelta(minutes=1))
    await recorder.stop()
    assert sorted((row["code"], row["count"]) for row in await stored(parts) if row["request_id"] is None) == [
        ("invalid_client", 2), ("invalid_client", 2), ("invalid_scope", 1), ("invalid_scope", 1),
    ]  # fmt: skip


async def test_the_count_of_a_past_minute_is_written_although_nothing_more_arrives(
    parts: StoreParts, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused, "TICK_SECONDS", 0.01)
    recorder = caller.recorder = RefusalRecorder(parts.pool, parts.clock)
    await recorder.start()
    for _ in range(IN_FULL + 1):
        caller.refused()
    parts.clock.move(timedelta(minutes=1))
    async with asyncio.timeout(5):
        while len(await stored(parts)) <= IN_FULL:  # noqa: ASYNC110 - another task's work is awaited from outside
            await asyncio.sleep(0.02)
    assert [(row["count"], row["request_id"]) for row in await stored(parts)][-1] == (1, None)
    await recorder.stop()


async def test_a_flood_grows_nothing_and_loses_no_count(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    total = 30_000
    for n in range(total):
        caller.refused(organization=None, client=f"guess-{n % 15_000}", address=f"2001:db8::{n:x}")
    assert len(recorder.rows) <= IN_FULL_OVERALL
    assert len(recorder._sources) <= IN_FULL_OVERALL
    assert len(recorder._counts) <= MAX_COUNTS
    await recorder.stop()
    rows = await stored(parts)
    assert sum(row["count"] for row in rows) == recorder.noted == total
    assert len(rows) <= IN_FULL_OVERALL + MAX_COUNTS
    [rest] = [row for row in rows if row["client"] is None]
    assert (rest["operation"], rest["code"]) == ("POST /oauth2/token", "invalid_client")
    assert rest["count"] > 25_000


async def test_not_even_invented_operations_grow_the_counts(recorder: RefusalRecorder, caller: Caller) -> None:
    for n in range(IN_FULL_OVERALL + 3 * MAX_COUNTS):
        caller.refused(client=f"c{n}", operation=f"GET /{n}", code=f"code_{n}")
    assert len(recorder._counts) == MAX_COUNTS
    assert recorder._counts[refused.UNNAMED] == recorder.counted - MAX_COUNTS + 1


async def test_a_full_queue_turns_records_into_counts(parts: StoreParts, caller: Caller) -> None:
    recorder = caller.recorder = RefusalRecorder(parts.pool, parts.clock)
    recorder.rows._capacity = 2
    for _ in range(5):
        caller.refused()
    assert (len(recorder.rows), recorder.counted, recorder.rows.lost) == (2, 3, 0)


async def test_secrets_and_control_characters_in_what_was_presented_are_not_kept(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    caller.refused(client=SECRET, detail=f"Bearer {SECRET}\0\x1b[2J")
    caller.refused(client="x" * 100_000, detail="\udc80" * 100_000)
    await recorder.stop()
    first, second = await stored(parts)
    assert (first["client"], first["detail"]) == ("[redacted]", "Bearer [redacted]")
    assert (len(second["client"]), len(second["detail"])) == (200, 1000)


async def test_pages_run_newest_first_through_an_organizations_refusals(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    requests = [caller.refused(client=f"c{n}") for n in range(5)]
    caller.refused(organization=OTHER)
    caller.refused(organization=None)
    await recorder.stop()
    seen, before = [], None
    for size in (2, 2, 1):
        rows, before = await page(parts.pool, ORGANIZATION, limit=2, before=before)
        assert len(rows) == size
        seen += [row["request_id"] for row in rows]
    assert before is None
    assert seen == requests[::-1]
    assert len((await page(parts.pool, None)).rows) == 7
    assert await page(parts.pool, UUID(int=3)) == ([], None)


async def test_filters_hold_together_and_their_times_are_inclusive(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    began = parts.clock.now()
    wanted = caller.refused(code="invalid_scope")
    caller.refused(code="invalid_scope", client="other")
    caller.refused(code="invalid_scope", operation="POST /oauth2/introspect")
    caller.refused()
    parts.clock.move(timedelta(seconds=1))
    later = caller.refused(code="invalid_scope")
    await recorder.stop()

    async def found(**filters: Any) -> list[UUID]:
        rows, _ = await page(parts.pool, ORGANIZATION, client="app", operation="POST /oauth2/token",
                             code="invalid_scope", **filters)  # fmt: skip
        return [row["request_id"] for row in rows]

    assert await found() == [later, wanted]
    assert await found(until=began) == [wanted]
    assert await found(since=began) == [later, wanted]
    assert await found(since=began, until=began) == [wanted]
    assert await found(since=began + timedelta(microseconds=1)) == [later]
    assert await found(since=began + timedelta(seconds=1, microseconds=1)) == []
    assert await found(until=began - timedelta(microseconds=1)) == []


async def test_a_rare_filter_looks_at_so_many_rows_and_then_hands_out_a_cursor(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    rare = caller.refused(code="rare")
    for _ in range(20):
        caller.refused()
    await recorder.stop()
    first = await page(parts.pool, ORGANIZATION, code="rare", scanned=15)
    assert first.rows == []
    assert first.before is not None
    rows, before = await page(parts.pool, ORGANIZATION, code="rare", scanned=15, before=first.before)
    assert [row["request_id"] for row in rows] == [rare]
    assert before is None


async def test_a_refusal_shows_its_address_while_the_journal_keeps_it(
    parts: StoreParts, recorder: RefusalRecorder, caller: Caller
) -> None:
    request = caller.refused()
    await recorder.stop()
    await parts.pool.execute(
        "INSERT INTO muniment.request_journal VALUES ($1, $2, '192.0.2.7', 'curl')", request, parts.clock.now()
    )
    [row] = (await page(parts.pool, ORGANIZATION)).rows
    assert (row["address"], row["user_agent"]) == ("192.0.2.7", "curl")
    assert refused_pages.SCANNED == 20_000
