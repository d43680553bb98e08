"""Rows are written soon, in batches, again when the database comes back, and never more are held than agreed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from service.store import write_behind
from service.store.write_behind import BATCH, TRIES, WriteBehind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Table:
    """Takes rows, or fails as it was told to: once for each failure listed, and always at a row named "bad"."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.batches: list[list[object]] = []

    async def write(self, rows: Sequence[object]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if "bad" in rows:
            raise asyncpg.DataError
        self.batches.append(list(rows))

    @property
    def rows(self) -> list[object]:
        return [row for batch in self.batches for row in batch]


async def test_rows_are_written_within_a_quarter_of_a_second_and_together() -> None:
    table = Table()
    behind = WriteBehind(table.write, name="test")
    await behind.start()
    for row in range(10):
        assert behind.put(row)
    assert table.rows == []
    await asyncio.sleep(0.35)
    assert table.batches == [list(range(10))]
    assert (behind.written, behind.lost, len(behind)) == (10, 0, 0)
    await behind.stop()


async def test_stopping_writes_what_is_queued_without_lingering() -> None:
    table = Table()
    behind = WriteBehind(table.write, name="test")
    await behind.start()
    for row in range(BATCH + 1):
        behind.put(row)
    began = asyncio.get_running_loop().time()
    await behind.stop()
    assert asyncio.get_running_loop().time() - began < 0.2
    assert [len(batch) for batch in table.batches] == [BATCH, 1]
    assert table.rows == list(range(BATCH + 1))


async def test_a_full_queue_counts_what_it_does_not_take() -> None:
    table = Table()
    behind = WriteBehind(table.write, name="test", capacity=3)
    assert [behind.put(row) for row in range(5)] == [True, True, True, False, False]
    assert behind.full
    assert (len(behind), behind.lost) == (3, 2)
    await behind.start()
    await behind.stop()
    assert table.rows == [0, 1, 2]


async def test_rows_wait_for_a_database_that_is_away() -> None:
    table = Table(ConnectionRefusedError(), asyncpg.ConnectionDoesNotExistError("gone"), TimeoutError())
    behind = WriteBehind(table.write, name="test")
    await behind.start()
    behind.put("row")
    await behind.stop()
    assert table.rows == ["row"]
    assert behind.lost == 0


async def test_a_bad_row_is_lost_alone() -> None:
    table = Table()
    behind = WriteBehind(table.write, name="test")
    await behind.start()
    for row in (1, 2, "bad", 3):
        behind.put(row)
    await behind.stop()
    assert table.rows == [1, 2, 3]
    assert (behind.written, behind.lost) == (3, 1)


async def test_a_batch_that_the_database_keeps_refusing_is_given_up_and_counted() -> None:
    table = Table(*(asyncpg.InsufficientPrivilegeError() for _ in range(TRIES)))
    behind = WriteBehind(table.write, name="test")
    await behind.start()
    behind.put("lost")
    await behind.stop()
    assert (table.rows, behind.lost) == ([], 1)


async def test_stopping_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "FAREWELL_SECONDS", 0.05)
    table = Table(*(ConnectionRefusedError() for _ in range(1000)))
    behind = WriteBehind(table.write, name="test")
    await behind.start()
    behind.put("one")
    behind.put("two")
    await behind.stop()
    assert (behind.lost, len(behind)) == (2, 0)
