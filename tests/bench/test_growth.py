"""What the growth section asks of a database that it made itself, and how it judges what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import filled, growth, look_ups, revoking, targets
from tests.bench.figures import AUDIT, BULK, ISSUE, LOOK_UP, REVOKE, Entrant, Result, Tail, Turn

if TYPE_CHECKING:
    import pytest

    from tests.store_fixture import StoreParts


EVENTS = "SELECT count(*) FROM muniment.events"


def a_result(kind: str, rate: float, wrong: str | None = None) -> Result:
    entrant = Entrant(kind, 1)
    return Result(ISSUE, entrant, 32, [Turn(ISSUE, entrant, 32, 1, rate, 1.0, 2.0, {}, wrong, 0.0, [])])


async def a_past(parts: StoreParts) -> filled.Filled:
    past = filled.Past(2_000, people=30, applications=10, organizations=2, favoured=11, end_users=9)
    made = await filled.fill(parts.owner, parts.master_keys, past)
    await filled.build_models(parts.owner, parts.master_keys)
    return made


async def test_every_look_up_finds_the_tokens_it_asks_for(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await a_past(parts)
    monkeypatch.setattr(look_ups, "TIMES", 20)
    found = await look_ups.measure(parts.dsn, 2_000, made)
    assert {one.job for one in found} == {LOOK_UP}
    assert len({one.question for one in found}) == len(found) == 28
    assert all(0 < one.p50 <= one.p99 for one in found)


async def test_revocations_end_what_they_name_and_half_of_all_tokens_by_one_event(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await a_past(parts)
    monkeypatch.setattr(revoking, "TIMES", 5)
    before = await parts.pool.fetchval(EVENTS)
    found = await revoking.measure(parts.store, 2_000, made)
    assert [one.job for one in found.tails] == [REVOKE] * 5 + [BULK]
    assert all(0 < one.p50 <= one.p99 for one in found.tails)
    assert await parts.pool.fetchval(EVENTS) - before == 4 * 5 + 1
    assert found.hit > 800


def test_the_largest_size_is_always_measured_and_the_smallest_too() -> None:
    assert growth.sizes(10_000_000) == [10_000, 1_000_000, 10_000_000]
    assert growth.sizes(growth.LARGEST) == [10_000, 1_000_000]
    assert growth.sizes(50_000) == [10_000, 50_000]
    assert growth.sizes(1) == [10_000]


def test_a_rate_is_held_against_that_of_the_smallest_database() -> None:
    smallest, kept, lost = a_result("few", 100.0), a_result("many", 80.0), a_result("most", 79.9)
    among = [smallest, kept, lost]
    verdicts = [targets.of_size(one, among) for one in among]
    assert [verdict and verdict.met for verdict in verdicts] == [None, True, False]
    assert targets.of_size(kept, [a_result("few", 100.0, "an error"), kept]) is None


def test_a_tail_is_judged_by_its_job() -> None:
    judged = [
        [targets.of_tail(Tail(job, "any", 1, 1.0, p99)).met for p99 in (19.9, 20.0, 50.0)]
        for job in (LOOK_UP, REVOKE, AUDIT, BULK)
    ]
    assert judged == [[True, False, False]] * 2 + [[True, True, False]] * 2
