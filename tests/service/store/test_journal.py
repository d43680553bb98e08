"""The journal remembers where requests came from, and nobody waits for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from service.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.store_fixture import StoreParts

ROWS = "SELECT request_id, at, address, user_agent FROM muniment.request_journal ORDER BY request_id"


@pytest.fixture
async def journal(parts: StoreParts) -> AsyncIterator[Journal]:
    journal = Journal(parts.pool)
    await journal.start()
    yield journal
    await journal.stop()


async def test_a_request_is_found_by_its_id_in_the_partition_of_its_month(parts: StoreParts, journal: Journal) -> None:
    request, now = parts.clock.new_id(), parts.clock.now()
    journal.note(request, now, "192.0.2.7", "curl/8.9")
    await journal.stop()
    assert [tuple(row) for row in await parts.pool.fetch(ROWS)] == [(request, now, "192.0.2.7", "curl/8.9")]
    partition = await parts.pool.fetchval("SELECT tableoid::regclass::text FROM muniment.request_journal")
    assert partition == f"request_journal_{now:%Y%m}"


async def test_a_request_noted_twice_is_one_row(parts: StoreParts, journal: Journal) -> None:
    request, now = parts.clock.new_id(), parts.clock.now()
    journal.note(request, now, "192.0.2.7", "first")
    journal.note(request, now + timedelta(seconds=1), "192.0.2.8", "second")
    await journal.stop()
    assert [row["user_agent"] for row in await parts.pool.fetch(ROWS)] == ["first"]


async def test_a_user_agent_is_cut_to_300_characters_and_what_would_act_is_replaced(
    parts: StoreParts, journal: Journal
) -> None:
    for agent in ("a" * 301, "nul\0 bell\a escape\x1b[2J c1\x85", "turned\u202eround", "not utf-8 \udc80", ""):
        journal.note(parts.clock.new_id(), parts.clock.now(), "192.0.2.7", agent)
    await journal.stop()
    assert [row["user_agent"] for row in await parts.pool.fetch(ROWS)] == [
        "a" * 300,
        "nul� bell� escape�[2J c1�",
        "turned�round",
        "not utf-8 �",
        "",
    ]


async def test_nothing_noted_is_lost_when_connections_break(parts: StoreParts, journal: Journal) -> None:
    wanted = []
    for _ in range(6):
        for _ in range(50):
            request = parts.clock.new_id()
            wanted.append(request)
            journal.note(request, parts.clock.now(), "192.0.2.7", "curl/8.9")
        await parts.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name !~ 'append'"
        )
        await asyncio.sleep(0.1)
    await journal.stop()
    assert [row["request_id"] for row in await parts.owner.fetch(ROWS)] == wanted
    assert journal.rows.lost == 0
