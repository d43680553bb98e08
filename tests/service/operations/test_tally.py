"""Counts land in the right place, stay bounded, and add up."""

from __future__ import annotations

import pytest

from service.operations.tally import BATCH_BUCKETS, MAX_KINDS, REQUEST_BUCKETS, Tally


@pytest.mark.parametrize("place", range(len(REQUEST_BUCKETS)))
def test_a_request_of_exactly_a_bound_is_within_it(place: int) -> None:
    tally = Tally()
    bound = REQUEST_BUCKETS[place]
    tally.request("/r", "GET", 200, bound)
    tally.request("/r", "GET", 200, bound + 1e-9)
    counted = tally.requests[("/r", "GET", 200)]
    assert counted[:2] == [2, pytest.approx(2 * bound)]
    assert [n for n, value in enumerate(counted[2:]) if value] == [place, place + 1]


def test_batches_count_their_appends_and_events() -> None:
    tally = Tally()
    tally.batch(512, 600)
    tally.batch(1, 0)
    assert tally.batches[:3] == [2, 513, 1]
    assert tally.batches[1 + len(BATCH_BUCKETS)] == 1
    assert tally.events == 600


def test_methods_that_nobody_knows_are_one() -> None:
    tally = Tally()
    for n in range(100):
        tally.request("/r", f"METHOD{n}", 405, 0.001)
    assert list(tally.requests) == [("/r", "other", 405)]


def test_kinds_are_bounded_and_the_rest_is_still_counted() -> None:
    tally = Tally()
    for n in range(MAX_KINDS + 50):
        tally.request(f"/{n}", "GET", 200, 0.001)
        tally.request(f"/{n}", "GET", n, 0.001)
    assert len(tally.requests) <= MAX_KINDS + 4
    assert sum(counted[0] for counted in tally.requests.values()) == 2 * (MAX_KINDS + 50)


def test_no_two_tallies_share_their_counts() -> None:
    one, other = Tally(), Tally()
    one.request("/r", "GET", 200, 0.001)
    one.batch(1, 1)
    one.counters["x"] = 1
    assert other == Tally()


def test_the_sum_of_tallies_is_the_tally_of_the_sum() -> None:
    one, other, both = Tally(), Tally(), Tally()
    for n in range(20):
        for tally in (one if n % 3 else other, both):
            tally.request(f"/{n % 4}", "GET", 200, 0.001 * n)
            tally.batch(n + 1, n)
    one.counters, other.counters, both.counters = {"a": 1}, {"a": 2, "b": 5}, {"a": 3, "b": 5}
    one.add(other)
    assert one.requests.keys() == both.requests.keys()
    for kind, counted in one.requests.items():
        assert counted == pytest.approx(both.requests[kind])
    assert (one.batches, one.events, one.counters) == (both.batches, both.events, both.counters)
