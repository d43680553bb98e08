"""The call log is paged newest first, by any filters together, and looks at so many rows at most."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.access.call_log import IN_FULL, CallLog
from service.store import interface_call_pages
from service.store.interface_call_pages import page
from tests.service.access.calling import APPLICATION, GATEWAY, INTERFACE, ORGANIZATION, OTHER, RESOURCE, USER, Gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.store_fixture import StoreParts

    Found = Callable[..., Awaitable[list[UUID]]]


@pytest.fixture
async def gateway(parts: StoreParts) -> AsyncIterator[Gateway]:
    log = CallLog(parts.pool, parts.clock)
    await log.start()
    yield Gateway(parts, log)
    await log.stop()


@pytest.fixture
def found(parts: StoreParts, gateway: Gateway) -> Found:
    """A function that writes what was noted, and returns the ids of the calls that filters let pass."""

    async def found(organization: UUID | None = ORGANIZATION, **filters: Any) -> list[UUID]:
        await gateway.log.stop()
        return [row["id"] for row in (await page(parts.pool, organization, **filters)).rows]

    return found


async def test_pages_run_newest_first_through_an_organizations_calls(parts: StoreParts, gateway: Gateway) -> None:
    calls = [gateway.asked(client_id=f"c{n}") for n in range(5)]
    gateway.asked(organization=OTHER)
    await gateway.log.stop()
    seen, before = [], None
    for size in (2, 2, 1):
        rows, before = await page(parts.pool, ORGANIZATION, limit=2, before=before)
        assert len(rows) == size
        seen += [row["id"] for row in rows]
    assert before is None
    assert seen == calls[::-1]
    assert len((await page(parts.pool, None)).rows) == 6
    assert await page(parts.pool, UUID(int=3)) == ([], None)


@pytest.mark.parametrize("leading", ["interface", "application", "user"])
async def test_another_organizations_calls_give_no_cursor(parts: StoreParts, gateway: Gateway, leading: str) -> None:
    for _ in range(3):
        gateway.asked(organization=OTHER, user=USER)
    await gateway.log.stop()
    theirs = {"interface": INTERFACE, "application": APPLICATION, "user": USER}[leading]
    assert await page(parts.pool, ORGANIZATION, **{leading: theirs}, scanned=2) == ([], None)
    assert (await page(parts.pool, OTHER, **{leading: theirs}, scanned=2, limit=9)).before is not None


FILTERS = {
    "resource": RESOURCE, "interface": INTERFACE, "gateway": GATEWAY, "application": APPLICATION, "user": USER,
    "client_id": "shop", "address": "192.0.2.7", "cause": "grant_missing", "method": "POST", "path": "/orders/7",
    "test": True,
}  # fmt: skip
OTHERS = {
    "resource": OTHER, "interface": OTHER, "gateway": OTHER, "application": OTHER, "user": OTHER, "client_id": "other",
    "address": "192.0.2.8", "cause": "grant_expired", "method": "PUT", "path": "/order", "test": False,
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
async def test_each_filter_finds_what_it_names_alone_and_among_all(gateway: Gateway, found: Found, name: str) -> None:
    wanted = gateway.refused(**FILTERS)
    gateway.refused(**{**FILTERS, name: OTHERS[name]})
    assert await found(**{name: FILTERS[name]}) == [wanted]
    assert await found(**FILTERS) == [wanted]
    assert await found(OTHER, **{name: FILTERS[name]}) == []


async def test_what_was_allowed_and_what_was_refused_are_told_apart(gateway: Gateway, found: Found) -> None:
    allowed, refused = gateway.asked(), gateway.refused()
    assert await found(allowed=True) == [allowed]
    assert await found(allowed=False) == [refused]
    assert await found(allowed=True, cause="grant_missing") == []
    assert await found(allowed=False, cause="grant_missing") == [refused]
    assert await found(None, allowed=False) == [refused]


async def test_a_path_is_found_by_how_it_begins_and_nothing_in_it_is_a_wildcard(gateway: Gateway, found: Found) -> None:
    one, other = gateway.asked(path="/orders/7"), gateway.asked(path="/orders%2F_")
    assert await found(path="/orders") == [other, one]
    assert await found(path="/orders/") == [one]
    assert await found(path="/orders%") == [other]
    assert await found(path="/orders_") == []
    assert await found(path="/Orders") == []


async def test_a_call_is_found_by_its_request(gateway: Gateway, found: Found) -> None:
    gateway.asked()
    wanted = gateway.asked()
    assert await found(request=wanted) == [wanted]
    assert await found(OTHER, request=wanted) == []


async def test_times_are_inclusive(parts: StoreParts, gateway: Gateway, found: Found) -> None:
    began, moment = parts.clock.now(), timedelta(microseconds=1)
    first = gateway.asked()
    parts.clock.move(timedelta(seconds=1))
    second = gateway.asked()
    assert await found(since=began) == [second, first]
    assert await found(since=began + moment) == [second]
    assert await found(until=began) == [first]
    assert await found(until=began - moment) == []
    assert await found(since=began, until=began, application=APPLICATION) == [first]


async def test_the_count_of_a_minute_is_found_within_it(parts: StoreParts, gateway: Gateway, found: Found) -> None:
    for _ in range(IN_FULL + 3):
        gateway.refused()
    minute = parts.clock.now().replace(second=0)
    parts.clock.move(timedelta(minutes=1))
    gateway.refused()
    await found()
    [counted] = (await page(parts.pool, ORGANIZATION, since=minute, until=minute, cause="grant_missing", limit=1)).rows
    assert (counted["count"], counted["method"]) == (3, None)


async def test_a_rare_filter_looks_at_so_many_rows_and_then_hands_out_a_cursor(
    parts: StoreParts, gateway: Gateway
) -> None:
    rare = gateway.asked(address="192.0.2.99")
    for _ in range(20):
        gateway.asked()
    await gateway.log.stop()
    first = await page(parts.pool, ORGANIZATION, address="192.0.2.99", scanned=15)
    assert first.rows == []
    assert first.before is not None
    rows, before = await page(parts.pool, ORGANIZATION, address="192.0.2.99", scanned=15, before=first.before)
    assert [row["id"] for row in rows] == [rare]
    assert before is None
    assert interface_call_pages.SCANNED == 20_000


@pytest.mark.parametrize("filters", [{}, *({name: value} for name, value in FILTERS.items()), {"allowed": False}])
async def test_every_page_goes_by_an_index(parts: StoreParts, gateway: Gateway, filters: dict[str, Any]) -> None:
    gateway.asked()
    await gateway.log.stop()
    asked: list[str] = []

    class Explaining:
        async def fetch(self, sql: str, *values: Any) -> list[Any]:
            async with parts.pool.acquire() as connection, connection.transaction():
                await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
                asked.extend(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values))
            return []

        async def fetchrow(self, *_: Any) -> None:
            return None

    await page(Explaining(), ORGANIZATION, **filters)  # type: ignore[arg-type] # what a pool is asked for here
    calls = [line for line in asked if "interface_calls_" in line]
    assert calls
    assert not [line for line in calls if "Seq Scan" in line], "\n".join(asked)
    assert not [line for line in asked if re.match(r" *->  (Incremental )?Sort ", line)], "\n".join(asked)


async def test_what_was_called_is_named_while_it_exists(parts: StoreParts, gateway: Gateway) -> None:
    gateway.asked()
    await gateway.log.stop()
    [row] = (await page(parts.pool, ORGANIZATION)).rows
    assert (row["resource_identifier"], row["interface_identifier"]) == (None, None)
