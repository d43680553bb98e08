"""How often an interface is called in a minute: counted exactly, on all workers together."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from service.access.frequency import Frequency, of_address, of_grant
from tests.service.access.asked import told, verify
from tests.service.access.guarded import guarded

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSES, TOO_OFTEN = (200, None), (429, "frequency_exceeded")


def from_address(address: str) -> dict[str, dict[str, str]]:
    return {"headers": {"X-Forwarded-For": address}}


async def test_an_interface_is_called_as_often_as_the_grant_says_and_again_in_the_next_minute(
    timed: tuple[Running, FakeClock],
) -> None:
    app, clock = timed
    clock.move(timedelta(seconds=60 - clock.now().second))
    firm = await guarded(app)
    interface = await firm.interface(path="/orders", frequency=100, granted=False)
    await firm.grant(interface, frequency=3)
    for minute in range(2):
        assert [told(await verify(firm, "GET", "/orders")) for _ in range(5)] == [PASSES] * 3 + [TOO_OFTEN] * 2, minute
        clock.move(timedelta(seconds=59, microseconds=999_999))
        reply = await verify(firm, "GET", "/orders")
        assert (told(reply), reply.headers["Retry-After"]) == (TOO_OFTEN, "1")
        clock.move(timedelta(microseconds=1))
    clock.move(timedelta(seconds=13))
    for _ in range(3):
        await verify(firm, "GET", "/orders")
    assert (await verify(firm, "GET", "/orders")).headers["Retry-After"] == "47"


async def test_what_was_refused_for_another_reason_counts_for_nothing(timed: tuple[Running, FakeClock]) -> None:
    firm = await guarded(timed[0])
    interface = await firm.interface(path="/orders", granted=False)
    await firm.grant(interface, frequency=1)
    for _ in range(3):
        assert (await verify(firm, "GET", "/orders", "nonsense")).status == 401
        assert (await verify(firm, "GET", "/nothing")).status == 403
    assert told(await verify(firm, "GET", "/orders")) == PASSES
    assert told(await verify(firm, "GET", "/orders")) == TOO_OFTEN


async def test_each_grant_has_a_count_of_its_own(timed: tuple[Running, FakeClock]) -> None:
    firm = await guarded(timed[0])
    for path in ("/orders", "/invoices"):
        await firm.grant(await firm.interface(path=path, granted=False), frequency=1)
    for path in ("/orders", "/invoices"):
        assert [told(await verify(firm, "GET", path)) for _ in range(2)] == [PASSES, TOO_OFTEN]


async def test_test_calls_are_counted_apart(timed: tuple[Running, FakeClock]) -> None:
    firm = await guarded(timed[0])
    interface = await firm.interface(path="/orders", granted=False)
    await firm.grant(interface, frequency=1, test_frequency=2)
    query = {"query": {"test": "true"}}
    assert [told(await verify(firm, "GET", "/orders", **query)) for _ in range(3)] == [PASSES, PASSES, TOO_OFTEN]
    assert [told(await verify(firm, "GET", "/orders")) for _ in range(2)] == [PASSES, TOO_OFTEN]


async def test_a_caller_cannot_say_that_a_call_is_a_test(timed: tuple[Running, FakeClock]) -> None:
    firm = await guarded(timed[0])
    await firm.grant(await firm.interface(path="/orders", granted=False), frequency=1, test_frequency=9)
    headers = {"Test": "true", "Muniment-Test": "true", "X-Test": "true"}
    assert told(await verify(firm, "GET", "/orders?test=true", headers=headers)) == PASSES
    assert told(await verify(firm, "GET", "/orders?test=true", headers=headers)) == TOO_OFTEN


async def test_an_anonymous_interface_is_counted_by_address(timed: tuple[Running, FakeClock]) -> None:
    firm = await guarded(timed[0])
    await firm.interface(path="/news", scope="anonymous", frequency=1, test_frequency=1, granted=False)

    async def asked(address: str, **query: str) -> tuple[int, str | None]:
        return told(await verify(firm, "GET", "/news", "", query=query, **from_address(address)))

    assert [await asked("192.0.2.1") for _ in range(2)] == [PASSES, TOO_OFTEN]
    assert await asked("192.0.2.2") == PASSES
    assert await asked("192.0.2.1", test="true") == PASSES
    assert await asked("192.0.2.1", test="true") == TOO_OFTEN
    assert await asked("192.0.2.2, 192.0.2.1") == TOO_OFTEN, "what stands before the last one is the caller's own word"
    assert await asked("::ffff:192.0.2.1") == TOO_OFTEN


async def test_an_application_does_not_use_up_what_is_anonymous_for_others(timed: tuple[Running, FakeClock]) -> None:
    firm = await guarded(timed[0])
    await firm.interface(path="/news", scope="anonymous", frequency=1, granted=False)
    assert told(await verify(firm, "GET", "/news", **from_address("192.0.2.1"))) == PASSES
    assert told(await verify(firm, "GET", "/news", "", **from_address("192.0.2.1"))) == TOO_OFTEN
    assert told(await verify(firm, "GET", "/news", "", **from_address("192.0.2.9"))) == PASSES


async def test_two_workers_together_let_pass_exactly_as_many_as_the_limit(two: tuple[Running, Running]) -> None:
    firm = await guarded(two[0])
    await firm.grant(await firm.interface(path="/orders", granted=False), frequency=50)
    await firm.grant(await firm.interface(path="/invoices", granted=False), frequency=7)

    async def asked(number: int) -> tuple[str, int]:
        path = "/invoices" if number % 3 == 0 else "/orders"
        return path, (await verify(firm, "GET", path, at=two[number % 2])).status

    counted = Counter(await asyncio.gather(*(asked(number) for number in range(240))))
    assert counted == {("/orders", 200): 50, ("/orders", 429): 110, ("/invoices", 200): 7, ("/invoices", 429): 73}


async def test_a_lower_limit_holds_for_all_that_are_counted_together(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    frequency = Frequency(app.parts.store.pool, clock)
    key = of_grant(uuid4(), test=False)
    first = frequency.take(key, 9)  # under way alone
    others = [frequency.take(key, limit) for limit in (9, 3, 9, 9)]
    assert [await each for each in (first, *others)] == [True, True, True, False, False]
    assert [await frequency.take(key, limit) for limit in (3, 4, 4)] == [False, True, False]


async def test_who_left_before_it_was_counted_takes_nothing(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    frequency = Frequency(app.parts.store.pool, clock)
    busy, key = frequency.take(of_grant(uuid4(), test=False), 1), of_grant(uuid4(), test=False)
    leaving, staying = frequency.take(key, 1), frequency.take(key, 1)
    leaving.cancel()
    assert await staying
    assert await busy
    assert not frequency._waiting


async def test_more_keys_than_one_statement_takes_are_all_counted(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    frequency = Frequency(app.parts.store.pool, clock)
    keys = [of_grant(uuid4(), test=False) for _ in range(1_100)]
    assert all(await asyncio.gather(*(frequency.take(key, 1) for key in keys)))
    assert not any(await asyncio.gather(*(frequency.take(key, 1) for key in keys)))


async def test_a_count_that_fails_is_told_to_everyone_who_waits(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    frequency = Frequency(app.parts.store.pool, clock)
    key = of_grant(uuid4(), test=False)
    too_much = 2**31  # more than the database can hold
    outcomes = await asyncio.gather(*(frequency.take(key, too_much) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert await frequency.take(key, 1)


async def test_a_network_of_version_6_is_one_place_and_counts_never_meet() -> None:
    interface, other = UUID(int=1), UUID(int=2)
    here = of_address(interface, "2001:db8:1:2::1", test=False)
    assert here == of_address(interface, "2001:db8:1:2:ffff::", test=False)
    assert of_address(interface, "192.0.2.1", test=False) == of_address(interface, "192.0.2.1", test=False)
    distinct = [
        here,
        of_address(interface, "2001:db8:1:3::1", test=False),
        of_address(interface, "192.0.2.1", test=False),
        of_address(interface, "", test=False),
        of_address(interface, "2001:db8:1:2::1", test=True),
        of_address(other, "2001:db8:1:2::1", test=False),
        of_grant(interface, test=False),
        of_grant(interface, test=True),
    ]
    assert len(set(distinct)) == len(distinct)
