"""Rebuilds that are killed, paused, cancelled and promoted at whatever moment: read models equal a fresh rebuild."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from projections import MODELS
from tests.soak import operations
from tests.soak.operations import asking
from tests.soak.watch import audit_catches_up, check, kill_session, owning, wait_for_end
from tests.store_fixture import install

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.postgres import EmbeddedPostgres
    from tests.soak.watch import Child

pytestmark = pytest.mark.soak
ROUNDS = 12
DUTIES = ("rebuild", "operate")


async def all_is_well(server: EmbeddedPostgres, children: list[Child], last: Child) -> None:
    """Check that every job comes to its end, leaves nothing behind, and that everything can be built anew and back."""
    await last.become_busy()
    async with asking(server.address) as pool:
        await operations.come_to_an_end(pool)
        before = await operations.told(pool)
        assert before["promoted"] > ROUNDS
        assert before["cancelled"] > 0
        assert "failed" not in before, await pool.fetch(operations.FAILED)
        for command, state in (("rebuild", "promoted"), ("switch_back", "switched_back")):
            for model in MODELS:
                job = await operations.end_of(pool, await operations.ask(pool, model, command))
                assert (job["state"], job["error"]) == (state, None), model
        await operations.come_to_an_end(pool)
        differing = await pool.fetch(operations.DIFFERING)
        assert differing == []
    await audit_catches_up(server.address)
    last.kill()
    await check(server.address, [*children, last])


async def test_a_process_killed_in_the_middle_of_rebuilds_leaves_nothing_half_done(
    server: EmbeddedPostgres, spawn: Callable[..., Child]
) -> None:
    await install(server.address)
    dice, children = random.Random(11), []
    for number in range(ROUNDS):
        first, second = spawn(*DUTIES), spawn(*DUTIES)
        children += [first, second]
        await first.become_busy()
        await second.become_busy()
        await asyncio.sleep(dice.random() * 2)
        first.kill()
        await second.become_busy()
        await asyncio.sleep(dice.random())
        second.kill()
        if number % 4 == 3:
            await check(server.address, children)
    await all_is_well(server, children, spawn("rebuild"))


async def test_a_database_that_crashes_in_the_middle_of_rebuilds_leaves_nothing_half_done(
    server: EmbeddedPostgres, spawn: Callable[..., Child]
) -> None:
    await install(server.address)
    dice, children = random.Random(12), [spawn(*DUTIES), spawn(*DUTIES)]
    for _ in range(ROUNDS):
        for child in children:
            await child.become_busy()
        await asyncio.sleep(dice.random() * 2)
        async with owning(server.address) as owner:
            await kill_session(owner, "child-%-rebuilder")
            await wait_for_end(owner)
    for child in children:
        await child.become_busy()
        child.kill()
    await all_is_well(server, children, spawn("rebuild"))


async def test_a_machine_that_stops_in_the_middle_of_rebuilds_goes_on_where_it_was(
    server: EmbeddedPostgres, spawn: Callable[..., Child]
) -> None:
    await install(server.address)
    dice, children = random.Random(13), []
    for _ in range(ROUNDS // 2):
        children.append(spawn(*DUTIES))
        await children[-1].become_busy()
        await asyncio.sleep(dice.random() * 3)
        os.kill(server.process_id, signal.SIGKILL)
        children[-1].kill()
        await asyncio.to_thread(server.stop)
        server.start()
        await check(server.address, children)
    await all_is_well(server, children, spawn("rebuild"))
