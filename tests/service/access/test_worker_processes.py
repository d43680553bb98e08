"""Two worker processes, as operators start them: calls are counted together, and what ended passes on neither (T11)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.service.access.asked import told, verify
from tests.service.access.guarded import guarded
from tests.service.oauth.attacks.test_worker_processes import crowd, service, workers

if TYPE_CHECKING:
    from tests.app_fixture import Running

__all__ = ["crowd", "service", "workers"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSES, TOO_OFTEN = (200, None), (429, "frequency_exceeded")
ROUNDS = 8
LATEST = 40  # the second of a minute in which counting still begins: it must end in the same one


async def a_minute_with_time_left() -> None:
    second = datetime.now(UTC).second
    if second > LATEST:
        await asyncio.sleep(60.5 - second)


async def test_both_together_let_pass_exactly_as_many_as_the_limit(crowd: Running) -> None:
    firm = await guarded(crowd)
    await firm.grant(await firm.interface(path="/orders", granted=False), frequency=300)
    await firm.interface(path="/news", scope="anonymous", frequency=11, granted=False)
    await a_minute_with_time_left()
    asked = [verify(firm, "GET", "/news" if number % 4 == 0 else "/orders") for number in range(640)]
    counted = Counter(map(told, await asyncio.gather(*asked)))
    assert counted == {PASSES: 311, TOO_OFTEN: 329}


async def test_a_grant_that_one_worker_deleted_lets_nothing_pass_on_the_other(
    workers: list[Running], crowd: Running
) -> None:
    """The other worker is kept busy with the same call: nobody may share a look-up that began too early."""
    firm = await guarded(crowd)
    interface = await firm.interface(path="/orders", frequency=1_000_000, granted=False)
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        grant = await firm.grant(interface)
        assert told(await verify(firm, "GET", "/orders", at=there)) == PASSES
        asking = [asyncio.ensure_future(verify(firm, "GET", "/orders")) for _ in range(48)]
        await asyncio.sleep(0)
        assert (await here.call("DELETE", f"/api/interface-grants/{grant}")).status == 204
        assert told(await verify(firm, "GET", "/orders", at=there)) == (403, "grant_missing")
        assert {told(each) for each in await asyncio.gather(*asking)} <= {PASSES, (403, "grant_missing")}


async def test_an_interface_that_one_worker_changed_is_another_one_on_the_other(
    workers: list[Running], crowd: Running
) -> None:
    firm = await guarded(crowd)
    interface = await firm.interface(path="/orders", frequency=1_000_000, granted=False)
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        for scope, expected in (("anonymous", PASSES), ("authorized", (401, "token_missing"))):
            asking = [asyncio.ensure_future(verify(firm, "GET", "/orders", "")) for _ in range(16)]
            await asyncio.sleep(0)
            reply = await here.call("PATCH", f"/api/interfaces/{interface['id']}", json={"scope": scope})
            assert reply.status == 200, reply.text
            assert told(await verify(firm, "GET", "/orders", "", at=there)) == expected
            assert {told(each) for each in await asyncio.gather(*asking)} <= {PASSES, (401, "token_missing")}
