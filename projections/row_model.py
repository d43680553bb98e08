"""The mechanism of the plain read models: an event inserts, updates or deletes rows found by their key.

`Table` generates the SQL that applies such facts in bulk; `merged` folds the facts of one row into one, in order, so
that a page of any length takes three statements a table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from projections.model import Model
from projections.row_pages import FoldedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from projections.model import Context, Fact, Numbered

INSERT, UPDATE, DELETE = "i", "u", "d"


@dataclass(frozen=True)
class Table:
    """A table of a read model: its columns with types, in order, and which of them are the key.

    Every row also has `position`, that of the last event which changed it, and the `generated` columns: each a type and
    how it follows from the others, as SQL has it. No fact names those.
    """

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    indexes: tuple[str, ...] = ()
    generated: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def insert(self, **values: Any) -> Fact:
        """Return the fact that a row appeared (or, with its key taken, that it was replaced)."""
        return {"t": self.name, "o": INSERT, "v": values}

    def update(self, **values: Any) -> Fact:
        """Return the fact that some columns changed; the key must be among the values."""
        return {"t": self.name, "o": UPDATE, "v": values}

    def delete(self, **key: Any) -> Fact:
        """Return the fact that a row is gone."""
        return {"t": self.name, "o": DELETE, "v": key}

    def ddl(self) -> str:
        """Return the statement that makes the table, with its key."""
        lines = [f"    {name} {kind}" for name, kind in self.columns.items()]
        lines += [
            f"    {name} {kind} GENERATED ALWAYS AS ({rule}) STORED" for name, (kind, rule) in self.generated.items()
        ]
        lines += ["    position bigint NOT NULL", f"    PRIMARY KEY ({', '.join(self.key)})"]
        body = ",\n".join(lines)
        return f"CREATE TABLE {self.name} (\n{body}\n);"

    def statements(self) -> str:
        """Return the body that applies this table's facts: deletions, insertions, updates."""
        columns = ", ".join(self.columns)
        values = ", ".join(f"p.{name}" for name in self.columns)
        replaced = ", ".join(f"{name} = excluded.{name}" for name in (*self.columns, "position"))
        changed = [name for name in self.columns if name not in self.key]
        matches = " AND ".join(f"kept.{name} = (f.v ->> '{name}')::{self._type(name)}" for name in self.key)
        source = "json_to_recordset(facts) AS f(n int, t text, o text, v jsonb)"
        here = f"f.t = '{self.name}' AND positions[f.n] > 0 AND f.o ="
        body = f"""
    DELETE FROM {self.name} kept USING {source} WHERE {here} '{DELETE}' AND {matches};
    INSERT INTO {self.name} ({columns}, position)
    SELECT {values}, positions[f.n] FROM {source}, jsonb_populate_record(NULL::{self.name}, f.v) p
     WHERE {here} '{INSERT}'
    ON CONFLICT ({", ".join(self.key)}) DO UPDATE SET {replaced};"""  # noqa: S608 - made of this file's and the table's own names
        if changed:
            targets = ", ".join((*changed, "position"))
            sources = ", ".join((*(f"p.{name}" for name in changed), "positions[f.n]"))
            body += f"""
    UPDATE {self.name} kept SET ({targets}) = (SELECT {sources} FROM jsonb_populate_record(kept, f.v) p)
      FROM {source} WHERE {here} '{UPDATE}' AND {matches};"""  # noqa: S608
        return body

    def _type(self, column: str) -> str:
        return self.columns[column].split()[0]


def merged(tables: tuple[Table, ...]) -> Callable[[list[Numbered]], list[Numbered]]:
    """Return the function that folds numbered facts, in order, into one a row; the last one's number stays."""
    keys = {table.name: itemgetter(*table.key) for table in tables}

    def merge(facts: list[Numbered]) -> list[Numbered]:
        if len(facts) < 2:  # noqa: PLR2004 - one fact has nothing to fold with
            return facts
        rows: dict[tuple[Any, ...], Numbered] = {}
        for n, fact in facts:
            row = (fact["t"], keys[fact["t"]](fact["v"]))
            before = rows.get(row)
            if before is None or fact["o"] != UPDATE:
                rows[row] = (n, fact)
            elif before[1]["o"] != DELETE:  # there is nothing to update in a row that is gone
                rows[row] = (n, {**before[1], "v": {**before[1]["v"], **fact["v"]}})
        return list(rows.values())

    return merge


def row_model(
    name: str,
    version: int,
    tables: tuple[Table, ...],
    handlers: Mapping[str, Callable[[Any, Context], Iterable[Fact]]],
    *,
    mode: Literal["immediate", "eventual"] = "immediate",
    rows_change: bool = True,
    on_poison: Literal["stop", "quarantine"] = "stop",
) -> Model:
    """Return a read model made of plain tables, with its generated apply function.

    `rows_change` False promises that every fact inserts a row of its own, so there is nothing to fold.
    """
    if on_poison == "quarantine" and rows_change:
        msg = f"rows of {name} change: what is set aside could not be applied late"
        raise ValueError(msg)
    merge = merged(tables) if rows_change else list
    body = "\n".join(table.statements() for table in tables)
    apply = f"""
CREATE FUNCTION apply_{name}(facts json, positions bigint[]) RETURNS void LANGUAGE plpgsql AS $apply$
BEGIN{body}
END $apply$;
"""
    return Model(
        name=name,
        version=version,
        mode=mode,
        tables=tuple(table.name for table in tables),
        ddl="\n".join([*(table.ddl() for table in tables), apply]),
        handlers=handlers,
        merge=merge,
        indexes=tuple(index for table in tables for index in table.indexes),
        on_poison=on_poison,
        bulk=FoldedRows(tables, handlers, merge),
    )
