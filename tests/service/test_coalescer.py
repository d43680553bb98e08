"""Many look-ups, few queries, and never an answer that was on its way before the question."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from service.coalescer import MAX_KEYS, Coalescer


@dataclass
class Database:
    """Answers with the version it had when the query began, once it is told to."""

    version: int = 0
    asked: list[list[str]] = field(default_factory=list)
    gates: list[asyncio.Event] = field(default_factory=list)
    open: bool = False
    error: Exception | None = None

    async def fetch(self, keys: list[str]) -> dict[str, int]:
        found, gate = dict.fromkeys(keys, self.version), asyncio.Event()
        self.asked.append(keys)
        self.gates.append(gate)
        if not self.open:
            await gate.wait()
        if self.error is not None:
            raise self.error
        return {key: value for key, value in found.items() if not key.startswith("no")}


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_callers_who_ask_together_share_a_query_and_a_key() -> None:
    database = Database(open=True)
    lookups = Coalescer(database.fetch)
    found = await asyncio.gather(*(lookups.get(key) for key in ("a", "b", "a", "nobody", "a")))
    assert found == [0, 0, 0, None, 0]
    assert database.asked == [["a", "b", "nobody"]]


async def test_nobody_joins_a_query_that_is_under_way() -> None:
    database = Database()
    lookups = Coalescer(database.fetch)
    early = lookups.get("a")
    await turn()
    database.version = 1  # a revocation, say, answered before the next one asks
    late = [lookups.get("a"), lookups.get("b"), lookups.get("a")]
    await turn()
    database.open = True
    database.gates[0].set()
    assert await early == 0
    assert await asyncio.gather(*late) == [1, 1, 1]
    assert database.asked == [["a"], ["a", "b"]]


async def test_a_query_asks_for_a_bounded_number_of_keys() -> None:
    database = Database(open=True)
    lookups = Coalescer(database.fetch)
    await asyncio.gather(*(lookups.get(str(number)) for number in range(2 * MAX_KEYS + 5)))
    assert [len(keys) for keys in database.asked] == [MAX_KEYS, MAX_KEYS, 5]


async def test_an_error_reaches_each_caller_and_the_next_query_works() -> None:
    database = Database(open=True, error=ConnectionError("lost"))
    lookups = Coalescer(database.fetch)
    for result in await asyncio.gather(*(lookups.get(key) for key in "aab"), return_exceptions=True):
        assert isinstance(result, ConnectionError)
    database.error = None
    assert await lookups.get("a") == 0


async def test_a_caller_that_leaves_takes_no_answer_from_the_others() -> None:
    database = Database()
    lookups = Coalescer(database.fetch)
    leaving, staying = lookups.get("a"), lookups.get("a")
    await turn()
    leaving.cancel()
    database.gates[0].set()
    assert await staying == 0
    with pytest.raises(asyncio.CancelledError):
        await leaving
    database.open = True
    assert await lookups.get("a") == 0
    await turn()
    assert not lookups._busy
    assert not lookups._waiting


async def test_who_comes_while_a_query_waits_for_more_joins_it_and_nobody_later_does() -> None:
    database = Database()
    lookups = Coalescer(database.fetch, laps=2)
    early = [lookups.get("a")]
    await asyncio.sleep(0)
    early.append(lookups.get("b"))
    await turn()
    database.version = 1
    late = lookups.get("a")
    await turn()
    database.open = True
    database.gates[0].set()
    assert await asyncio.gather(*early) == [0, 0]
    assert await late == 1
    assert database.asked == [["a", "b"], ["a"]]
