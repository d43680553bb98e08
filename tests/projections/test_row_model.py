"""Plain tables: facts insert, update and delete rows by key, the same one by one and folded, live and rebuilt."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections import MODELS, registry
from projections.model import Context
from projections.row_model import Table, merged, row_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from projections.model import Fact, Numbered

PAIRS = Table(
    "pairs",
    key=("first", "second"),
    columns={"first": "integer NOT NULL", "second": "text NOT NULL", "a": "text", "b": "integer[]"},
    indexes=("CREATE INDEX pairs_a ON pairs (a)",),
    generated={"known": ("boolean NOT NULL", "a IS NOT NULL")},
)
MARKS = Table("marks", key=("id",), columns={"id": "integer NOT NULL"})
TYPED = Table(
    "typed",
    key=("id",),
    columns={
        "id": "uuid NOT NULL", "at": "timestamptz", "names": "text[]", "document": "jsonb", "number": "bigint",
        "yes": "boolean",
    },
)  # fmt: skip
MODEL = row_model("pairs", 1, (PAIRS, MARKS, TYPED), {})
APPLY = "SELECT apply_pairs($1, $2)"
keys = {"first": st.integers(1, 2), "second": st.sampled_from(["x", "y"])}
values = {
    "a": st.none() | st.sampled_from(["p", "q", 'quoted "é"']),
    "b": st.none() | st.lists(st.integers(0, 9), max_size=2),
}
facts = st.one_of(
    st.builds(PAIRS.insert, **keys, a=values["a"]),
    st.builds(PAIRS.insert, **keys, **values),
    st.builds(PAIRS.update, **keys, a=values["a"]),
    st.builds(PAIRS.update, **keys, b=values["b"]),
    st.builds(PAIRS.delete, **keys),
    st.builds(MARKS.insert, id=st.integers(1, 2)),
    st.builds(MARKS.delete, id=st.integers(1, 2)),
)


@pytest.fixture
async def connection(fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(MODEL.ddl)
    yield connection
    await connection.close()


async def apply(connection: asyncpg.Connection, numbered: list[Numbered], positions: list[int]) -> None:
    await connection.execute(APPLY, json.dumps([{**fact, "n": n} for n, fact in numbered]), positions)


async def state(connection: asyncpg.Connection) -> list[tuple[Any, ...]]:
    found = await connection.fetch("SELECT * FROM pairs ORDER BY first, second")
    return [tuple(row) for row in [*found, *await connection.fetch("SELECT * FROM marks ORDER BY id")]]


@asynccontextmanager
async def undone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Undo whatever is done to the tables in here."""
    transaction = connection.transaction()
    await transaction.start()
    yield
    await transaction.rollback()


def expected(numbered: list[Numbered], positions: list[int]) -> list[tuple[Any, ...]]:
    """Tell what must be there, in plain Python."""
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {"pairs": {}, "marks": {}}
    for n, fact in numbered:
        if positions[n - 1] == 0:
            continue
        table = PAIRS if fact["t"] == "pairs" else MARKS
        key = tuple(fact["v"][name] for name in table.key)
        row, here = found[table.name].get(key), {**fact["v"], "position": positions[n - 1]}
        if fact["o"] == "d":
            found[table.name].pop(key, None)
        elif fact["o"] == "i":
            found[table.name][key] = {**dict.fromkeys(table.columns), **here}
        elif row is not None:
            row.update(here)
    for row in found["pairs"].values():
        row["known"] = row["a"] is not None
    return [
        tuple(row[name] for name in (*table.columns, *table.generated, "position"))
        for table in (PAIRS, MARKS)
        for _, row in sorted(found[table.name].items())
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(facts, max_size=3), history=st.lists(facts, max_size=8))
async def test_a_folded_page_leaves_what_its_facts_leave_one_by_one(
    connection: asyncpg.Connection, before: list[Fact], history: list[Fact]
) -> None:
    numbered = list(enumerate([*before, *history], 1))
    positions = [10 * n for n, _ in numbered]
    page = [(n, fact) for n, fact in numbered if n > len(before)]
    async with undone(connection):
        for one in numbered:
            await apply(connection, [one], positions)
        one_by_one = await state(connection)
    async with undone(connection):
        for one in numbered[: len(before)]:
            await apply(connection, [one], positions)
        await apply(connection, MODEL.merge(page), positions)
        folded = await state(connection)
    assert folded == one_by_one == expected(numbered, positions)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(facts, max_size=6), data=st.data())
async def test_facts_of_an_append_that_was_refused_are_passed_over(
    connection: asyncpg.Connection, history: list[Fact], data: st.DataObject
) -> None:
    # Two appends of one batch never change one row, so each fact here stands for a row of its own.
    alone = list({(fact["t"], *sorted(fact["v"].items())[-2:]): fact for fact in map(_keyed, history)}.values())
    numbered = list(enumerate(alone, 1))
    positions = [data.draw(st.sampled_from([0, 10 * n])) for n, _ in numbered]
    async with undone(connection):
        await apply(connection, numbered, positions)
        found = await state(connection)
    assert found == expected(numbered, positions)


def _keyed(fact: Fact) -> Fact:
    table = PAIRS if fact["t"] == "pairs" else MARKS
    return table.insert(**{name: fact["v"][name] for name in table.key})


def test_a_page_of_any_length_has_at_most_one_fact_a_row() -> None:
    history = [
        PAIRS.insert(first=1, second="x", a="p"),
        *(PAIRS.update(first=1, second="x", b=[n]) for n in range(1000)),
    ]
    [(n, fact)] = merged((PAIRS,))(list(enumerate(history, 1)))
    assert (n, fact) == (1001, PAIRS.insert(first=1, second="x", a="p", b=[999]))


def test_a_row_that_is_gone_stays_gone_whatever_changes_it_afterwards() -> None:
    history = [PAIRS.delete(first=1, second="x"), PAIRS.update(first=1, second="x", a="late")]
    assert merged((PAIRS,))(list(enumerate(history, 1))) == [(1, PAIRS.delete(first=1, second="x"))]


async def test_values_come_back_with_their_types(connection: asyncpg.Connection) -> None:
    at = datetime(2026, 2, 28, 23, 59, 59, 123_456, tzinfo=UTC)
    stored = {
        "id": UUID(int=7), "at": at, "names": ["a", "é\n"], "document": {"a": [1, None]},
        "number": 2**53 + 1, "yes": False,
    }  # fmt: skip
    sent = {**stored, "id": str(stored["id"]), "at": at.isoformat()}
    await apply(connection, [(1, TYPED.insert(**sent))], [5])
    row = await connection.fetchrow("SELECT * FROM typed")
    assert {**row, "document": json.loads(row["document"])} == {**stored, "position": 5}
    await apply(connection, [(1, TYPED.update(id=sent["id"], document=None, names=None, yes=True))], [6])
    row = await connection.fetchrow("SELECT names, document, yes, number, position FROM typed")
    assert tuple(row) == (None, None, True, 2**53 + 1, 6)


async def test_a_fact_that_does_not_fit_its_table_is_an_error(connection: asyncpg.Connection) -> None:
    for fact in (PAIRS.insert(first=1), PAIRS.insert(first="one", second="x")):
        with pytest.raises(asyncpg.PostgresError):
            await apply(connection, [(1, fact)], [5])


async def test_an_update_of_a_row_that_is_not_there_makes_none(connection: asyncpg.Connection) -> None:
    await apply(connection, [(1, PAIRS.update(first=1, second="x", a="p"))], [5])
    assert await state(connection) == []


def test_a_model_knows_its_tables_and_its_handlers() -> None:
    assert MODEL.tables == ("pairs", "marks", "typed")
    for name, model in MODELS.items():
        assert model.name == name
        assert f"CREATE FUNCTION apply_{name}(" in model.ddl
        assert all(f"CREATE TABLE {table} (" in model.ddl for table in model.tables)
        assert registry.LIVE not in model.ddl.split("CREATE FUNCTION")[0].split(), "the search path decides"


def test_an_event_that_a_model_does_not_handle_yields_nothing() -> None:
    class Unheard:
        TOPIC = "planet.formed"

    context = Context(UUID(int=1), UUID(int=2), None, UUID(int=3))
    assert all(model.facts(Unheard(), context, 1) == [] for model in MODELS.values())  # type: ignore[arg-type]
