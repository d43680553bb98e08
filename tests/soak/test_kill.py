"""Whatever is killed at whatever moment: read models equal a fresh rebuild, no position is missing, no answer lied."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from service.postgres import EmbeddedPostgres
from tests.soak.watch import Child, audit_catches_up, check, kill_session, owning, wait_for_end
from tests.store_fixture import install

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.soak
ROUNDS = 24


@pytest.fixture
def server(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(open_folder / "var", durable=True, refuge=open_folder / "refuge")
    server.start()
    yield server
    server.stop()


async def test_a_process_killed_at_any_moment_leaves_nothing_half_done(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    await install(server.address)
    dice, children = random.Random(1), []
    for number in range(ROUNDS):
        # Two at once: the survivor must not be held up by what the other one left.
        children += [Child(server.address, 2 * number + each, tmp_path) for each in (1, 2)]
        first, second = children[-2:]
        await first.become_busy()
        await second.become_busy()
        await asyncio.sleep(dice.random() * 0.3)
        first.kill()
        await second.become_busy()
        await asyncio.sleep(dice.random() * 0.1)
        second.kill()
        if number % 6 == 5:
            await check(server.address, children)
    last = Child(server.address, 1_000, tmp_path)
    await last.become_busy()
    await audit_catches_up(server.address)
    last.kill()
    assert await check(server.address, [*children, last]) > 100 * ROUNDS


async def test_a_database_that_crashes_under_its_clients_loses_no_answer(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    await install(server.address)
    dice = random.Random(2)
    children = [Child(server.address, number, tmp_path) for number in (1, 2)]
    for number in range(ROUNDS):
        for child in children:
            await child.become_busy()
        await asyncio.sleep(dice.random() * 0.3)
        async with owning(server.address) as owner:
            # One process of PostgreSQL dies: it ends all sessions and recovers from its log.
            wanted = ("child-%-append", "child-%", "child-%-projector")[number % 3]
            await kill_session(owner, wanted)
            await wait_for_end(owner)
    for child in children:
        await child.become_busy()
    await audit_catches_up(server.address)
    for child in children:
        child.kill()
    assert await check(server.address, children) > 50 * ROUNDS


async def test_a_machine_that_stops_at_once_starts_again_where_it_was(server: EmbeddedPostgres, tmp_path: Path) -> None:
    await install(server.address)
    dice, children = random.Random(3), []
    for number in range(ROUNDS // 3):
        children.append(Child(server.address, number, tmp_path))
        await children[-1].become_busy()
        await asyncio.sleep(dice.random() * 0.5)
        os.kill(server.process_id, signal.SIGKILL)
        children[-1].kill()
        await asyncio.to_thread(server.stop)
        server.start()
        await check(server.address, children)
    assert await check(server.address, children) > 10 * ROUNDS
