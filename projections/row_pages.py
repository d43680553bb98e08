"""Fills plain tables in bulk: a page's facts are folded to one a row, staged by kind, and applied kind by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from projections.bulk import Copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from projections.bulk import Handler, Read, Step
    from projections.model import Fact, Numbered
    from projections.row_model import Table

DELETE, INSERT, UPDATE = "d", "i", "u"
ORDER = (DELETE, INSERT, UPDATE)  # as the apply function has it

# What COPY does not take as facts hold it.
CONVERSIONS: dict[str, Callable[[Any], Any]] = {"jsonb": lambda value: msgspec.json.encode(value).decode()}


class AppendedRows:
    """Each fact is a row of its own, with the columns of the table as its names: nothing is folded or staged."""

    plain, personal = False, False
    staging = ()

    def __init__(self, table: str, columns: Sequence[str], handlers: Mapping[str, Handler]) -> None:
        """Take the columns that facts may name, nothing personal among them; every row also has `position`."""
        self.topics = frozenset(handlers)
        self._table, self._columns, self._handlers = table, tuple(columns), handlers

    def page(self, events: Iterable[Read]) -> Iterator[Step]:
        """Return the rows of a page."""
        yield Copy(self._table, (*self._columns, "position"), self._rows(events))

    def _rows(self, events: Iterable[Read]) -> Iterator[tuple[Any, ...]]:
        for position, _, _, topic, event, context in events:
            for fact in self._handlers[topic](event, context):
                yield (*map(fact.get, self._columns), position)


class StagedRows:
    """Facts of a model with rules of its own are staged as they are, each with its `position`, for one statement."""

    plain, personal = False, False

    def __init__(self, columns: Mapping[str, str], handlers: Mapping[str, Handler], statement: str) -> None:
        """Take the columns with their types, and what applies the rows of `staged_facts`."""
        self.topics = frozenset(handlers)
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        self.staging = (f"CREATE TEMPORARY TABLE staged_facts ({typed}, position bigint) ON COMMIT DELETE ROWS",)
        self._rows = AppendedRows("staged_facts", tuple(columns), handlers)
        self._statement = statement

    def page(self, events: Iterable[Read]) -> Iterator[Step]:
        """Return the copy that stages a page's facts, and the statement."""
        yield from self._rows.page(events)
        yield self._statement


class FoldedRows:
    """Facts insert, update and delete rows found by their key."""

    plain, personal = False, True

    def __init__(
        self,
        tables: Sequence[Table],
        handlers: Mapping[str, Handler],
        merge: Callable[[list[Numbered]], list[Numbered]],
    ) -> None:
        """Take the model's tables, its handlers and what folds facts to one a row."""
        self.topics = frozenset(handlers)
        self.staging = tuple(
            f"CREATE TEMPORARY TABLE staged_{table.name} ON COMMIT DELETE ROWS AS"  # noqa: S608 - the table's own name
            f" SELECT t.*, 0 AS step FROM {table.name} t WITH NO DATA"
            for table in tables
        )
        self._tables = {table.name: table for table in tables}
        self._columns = {table.name: tuple(table.columns) for table in tables}
        self._handlers, self._merge = handlers, merge

    def page(self, events: Iterable[Read]) -> Iterator[Step]:
        """Return the copies that stage a page's facts, those of a kind together, and the statements that apply them."""
        facts = [
            (position, fact)
            for position, _, _, topic, event, context in events
            for fact in self._handlers[topic](event, context)
        ]
        kinds: dict[tuple[str, str, tuple[str, ...]], list[tuple[int, Fact]]] = {}
        for position, fact in self._merge(facts):
            table, operation = fact["t"], fact["o"]
            columns = self._columns[table] if operation == INSERT else tuple(fact["v"])
            kinds.setdefault((table, operation, columns), []).append((position, fact["v"]))
        statements = []
        ordered = sorted(kinds.items(), key=lambda kind: ORDER.index(kind[0][1]))
        for step, ((name, operation, columns), rows) in enumerate(ordered):
            table = self._tables[name]
            yield Copy(f"staged_{name}", (*columns, "position", "step"), _rows(table, columns, rows, step))
            statements.append(STATEMENTS[operation](table, columns, step))
        if statements:
            yield ";\n".join(statements)


def _rows(
    table: Table, columns: Sequence[str], rows: Iterable[tuple[int, Fact]], step: int
) -> Iterator[tuple[Any, ...]]:
    kinds = [table.columns[name].split()[0] for name in columns]
    conversions = [(n, CONVERSIONS[kind]) for n, kind in enumerate(kinds) if kind in CONVERSIONS]
    for position, values in rows:
        row = [*map(values.get, columns), position, step]
        for n, convert in conversions:
            if row[n] is not None:
                row[n] = convert(row[n])
        yield tuple(row)


def _deletion(table: Table, _: Sequence[str], step: int) -> str:
    return f"DELETE FROM {table.name} kept USING staged_{table.name} s WHERE s.step = {step} AND {_same(table)}"  # noqa: S608


def _insertion(table: Table, columns: Sequence[str], step: int) -> str:
    named = ", ".join((*columns, "position"))
    replaced = ", ".join(f"{name} = excluded.{name}" for name in (*columns, "position"))
    return f"""INSERT INTO {table.name} ({named}) SELECT {named} FROM staged_{table.name} s WHERE s.step = {step}
ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {replaced}"""  # noqa: S608


def _change(table: Table, columns: Sequence[str], step: int) -> str:
    changed = ", ".join(f"{name} = s.{name}" for name in (*columns, "position") if name not in table.key)
    return f"""UPDATE {table.name} kept SET {changed} FROM staged_{table.name} s
 WHERE s.step = {step} AND {_same(table)}"""  # noqa: S608


def _same(table: Table) -> str:
    return " AND ".join(f"kept.{name} = s.{name}" for name in table.key)


STATEMENTS = {DELETE: _deletion, INSERT: _insertion, UPDATE: _change}
