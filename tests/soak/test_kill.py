"""Whatever is killed at whatever moment: read models equal a fresh rebuild, no position is missing, no answer lied."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from tests.soak.watch import audit_catches_up, check, kill_session, owning, wait_for_end
from tests.store_fixture import install

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.postgres import EmbeddedPostgres
    from tests.soak.watch import Child

pytestmark = pytest.mark.soak
ROUNDS = 24


async def test_a_process_killed_at_any_moment_leaves_nothing_half_done(
    server: EmbeddedPostgres, spawn: Callable[[], Child]
) -> None:
    await install(server.address)
    dice, children = random.Random(1), []
    for number in range(ROUNDS):
        # Two at once: the survivor must not be held up by what the other one left.
        first, second = spawn(), spawn()
        children += [first, second]
        await first.become_busy()
        await second.become_busy()
        await asyncio.sleep(dice.random() * 0.3)
        first.kill()
        await second.become_busy()
        await asyncio.sleep(dice.random() * 0.1)
        second.kill()
        if number % 6 == 5:
            await check(server.address, children)
    last = spawn()
    await last.become_busy()
    await audit_catches_up(server.address)
    last.kill()
    assert await check(server.address, [*children, last]) > 100 * ROUNDS


async def test_a_database_that_crashes_under_its_clients_loses_no_answer(
    server: EmbeddedPostgres, spawn: Callable[[], Child]
) -> None:
    await install(server.address)
    dice, children = random.Random(2), [spawn(), spawn()]
    for number in range(ROUNDS):
        for child in children:
            await child.become_busy()
        await asyncio.sleep(dice.random() * 0.3)
        async with owning(server.address) as owner:
            # One process of PostgreSQL dies: it ends all sessions and recovers from its log.
            await kill_session(owner, ("child-%-append", "child-%", "child-%-projector")[number % 3])
            await wait_for_end(owner)
    for child in children:
        await child.become_busy()
    await audit_catches_up(server.address)
    for child in children:
        child.kill()
    assert await check(server.address, children) > 50 * ROUNDS


async def test_a_machine_that_stops_at_once_starts_again_where_it_was(
    server: EmbeddedPostgres, spawn: Callable[[], Child]
) -> None:
    await install(server.address)
    dice, children = random.Random(3), []
    for _ in range(ROUNDS // 3):
        children.append(spawn())
        await children[-1].become_busy()
        await asyncio.sleep(dice.random() * 0.5)
        os.kill(server.process_id, signal.SIGKILL)
        children[-1].kill()
        await asyncio.to_thread(server.stop)
        server.start()
        await check(server.address, children)
    assert await check(server.address, children) > 10 * ROUNDS
