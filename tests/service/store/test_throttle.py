"""Attempts are counted to the one, by all workers together, and what waits in vain costs nobody else anything."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from service.store.throttle import Bucket, Throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts

INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(seconds=60)
THREE = Bucket.of("test", "three", burst=3, every=60)
ROWS = "SELECT count(*) FROM muniment.throttle"


@pytest.fixture
def throttle(parts: StoreParts) -> Throttle:
    return Throttle(parts.pool, parts.clock)


async def drained(throttle: Throttle, *buckets: Bucket) -> int:
    """Take attempts until there are none; return how many there were."""
    taken = 0
    while await throttle.wait(*buckets) == 0:
        taken += 1
    return taken


async def test_a_bucket_holds_as_many_attempts_as_it_says(throttle: Throttle) -> None:
    assert [await throttle.wait(THREE) for _ in range(5)] == [0, 0, 0, 60, 60]


async def test_one_more_is_let_through_each_time_that_its_seconds_have_passed(
    parts: StoreParts, throttle: Throttle
) -> None:
    assert await drained(throttle, THREE) == 3
    parts.clock.move(MINUTE - INSTANT)
    assert await throttle.wait(THREE) == 1
    parts.clock.move(INSTANT)
    assert [await throttle.wait(THREE), await throttle.wait(THREE)] == [0, 60]
    parts.clock.move(2 * MINUTE)
    assert await drained(throttle, THREE) == 2


async def test_a_bucket_never_holds_more_however_long_it_rests(parts: StoreParts, throttle: Throttle) -> None:
    assert await drained(throttle, THREE) == 3
    parts.clock.move(timedelta(days=300))
    assert await drained(throttle, THREE) == 3


async def test_a_clock_that_goes_back_lets_nobody_in(parts: StoreParts, throttle: Throttle) -> None:
    assert await drained(throttle, THREE) == 3
    parts.clock.move(-MINUTE)
    assert await throttle.wait(THREE) == 120


async def test_who_guessed_right_gets_the_attempt_back(parts: StoreParts, throttle: Throttle) -> None:
    for _ in range(10):
        assert await throttle.wait(THREE) == 0
        await throttle.succeeded(THREE)
    assert await throttle.wait(THREE) == 0
    parts.clock.move(timedelta(seconds=30))
    assert await throttle.wait(THREE) == 0
    await throttle.succeeded(THREE)
    assert await drained(throttle, THREE) == 2


async def test_nobody_empties_a_bucket_by_being_right_now_and_then(throttle: Throttle) -> None:
    assert [await throttle.wait(THREE) for _ in range(3)] == [0, 0, 0]
    await throttle.succeeded(THREE)
    assert await drained(throttle, THREE) == 1


async def test_an_attempt_is_taken_from_all_buckets_or_from_none(throttle: Throttle) -> None:
    one, many = Bucket.of("test", "one", burst=1, every=60), Bucket.of("test", "many", burst=10, every=600)
    assert await drained(throttle, one, many) == 1
    for _ in range(5):
        assert await throttle.wait(many, one) == 60
    assert await drained(throttle, many) == 9
    assert await throttle.wait(one, many) == 600, "the longest of them"


async def test_what_is_refused_leaves_no_row(parts: StoreParts, throttle: Throttle) -> None:
    assert await drained(throttle, THREE) == 3
    for number in range(20):
        assert await throttle.wait(THREE, Bucket.of("test", str(number), burst=3, every=60)) == 60
    assert await parts.pool.fetchval(ROWS) == 1


async def test_parts_are_told_apart_however_they_are_divided() -> None:
    keys = {
        Bucket.of(kind, *parts, burst=1, every=1).key
        for kind, parts in (
            ("a", ("b", "c")),
            ("a", ("bc",)),
            ("ab", ("c",)),
            ("a", ("b", "", "c")),
            ("a", (b"b\xff",)),
        )
    }
    assert len(keys) == 5
    assert Bucket.of("a", "b", burst=1, every=1).key == Bucket.of("a", b"b", burst=9, every=9).key


async def test_attempts_at_once_on_two_workers_are_as_many_as_there_are(
    open_parts: Callable[[], Awaitable[StoreParts]],
) -> None:
    workers = [await open_parts(), await open_parts()]
    throttles = [Throttle(worker.pool, worker.clock) for worker in workers]
    other = Bucket.of("test", "other", burst=1_000, every=1)
    ways = [(THREE, other), (other, THREE)]  # in whatever order they are named
    waits = await asyncio.gather(*(throttles[n % 2].wait(*ways[n // 2 % 2]) for n in range(60)))
    assert waits.count(0) == 3
    assert await drained(throttles[0], other) == 997
    await asyncio.gather(*(throttles[n % 2].succeeded(*ways[n // 2 % 2]) for n in range(3)))
    waits = await asyncio.gather(*(throttles[n % 2].wait(THREE) for n in range(60)))
    assert waits.count(0) == 3


async def test_managers_are_told_from_where_a_subject_is_locked_and_open_it(
    parts: StoreParts, throttle: Throttle
) -> None:
    def at(address: str, subject: bytes = b"ada") -> Bucket:
        return Bucket.of("at", subject, address, burst=1, every=60, subject=subject, address=address)

    everywhere = Bucket.of("as", b"ada", burst=2, every=60, subject=b"ada")
    await throttle.wait(at("192.0.2.1"), everywhere)
    await throttle.wait(at("2001:db8::/64"), everywhere)
    await throttle.wait(at("192.0.2.9", b"eve"))
    assert await throttle.locked_addresses([b"ada", b"nobody"]) == ["192.0.2.1", "2001:db8::/64"]
    parts.clock.move(MINUTE - INSTANT)
    await throttle.wait(Bucket.of("at", b"ada", "192.0.2.2", burst=2, every=60, subject=b"ada", address="192.0.2.2"))
    assert await throttle.locked_addresses([b"ada"]) == ["192.0.2.1", "2001:db8::/64"], "one has attempts left"
    await throttle.unlock([b"ada"])
    assert await throttle.locked_addresses([b"ada"]) == []
    assert await throttle.locked_addresses([b"eve"]) == ["192.0.2.9"]
    assert await drained(throttle, everywhere) == 2
    parts.clock.move(INSTANT)
    assert await throttle.locked_addresses([b"eve"]) == []
