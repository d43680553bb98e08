"""Which ranges of the audit's indexes are looked through for a page, and the statements that look through them.

The given filter that leaves least picks the index; the others are checked row by row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from projections.audit import OFTEN

# A condition on both columns at once: with a plain equality, the planner might follow the log's own order instead and
# read all that is not wanted.
RANGE = """
SELECT a.* FROM audit a
 WHERE ({columns}) >= ({values}, {low}) AND ({columns}) <= ({values}, {high}) AND {condition}
 ORDER BY {order} LIMIT {most}
"""
WHOLE = """
SELECT a.* FROM audit a WHERE a.position >= {low} AND a.position <= {high} ORDER BY {order} LIMIT {most}
"""
# A stream is found by the key of the log. (The sums keep the planner from beginning at the positions.)
STREAM = """
SELECT a.*, l.originator_version AS version FROM muniment.log l JOIN audit a ON a.position = l.notification_id
 WHERE l.originator_id = {values} AND a.position + 0 >= {low} AND a.position + 0 <= {high}
 ORDER BY l.originator_version {direction} LIMIT {most}
"""
HITS = "(SELECT {number} AS number, s.position FROM ({scan}) s WHERE {checks} ORDER BY {order} LIMIT {limit})"
BOUND = "SELECT s.position FROM ({scan}) s ORDER BY {order} OFFSET {most} - 1 LIMIT 1"
CHECKS = {
    "organization": "s.organization = {value}",
    "actor": "coalesce(s.actor, s.client) = {value}",
    "client": "s.client = {value}",
    "subject": "coalesce(s.subject, s.client) = {value}",
    "account": "s.account = {value}",
    "request_id": "s.request_id = {value}",
    "topics": "s.topic = ANY ({value})",
}
TYPES = {"topic": "text", "topics": "text[]"}  # the others are ids

# Of the given filters, the first of these picks the index; topics only if each of them is rare.
NARROWEST = ("stream", "request_id", "subject", "actor", "topics", "account", "client", "organization")
SIDES = ("actor", "client", "subject")
CONDITIONS = {
    "actor": "a.actor IS NOT NULL",
    "client": "a.actor IS NOT NULL",
    "subject": "a.subject IS NOT NULL",
    "account": "a.account IS NOT NULL",
}


@dataclass(frozen=True)
class Range:
    """A range of an index: its leading columns' values, the index's own condition, the filters it answers whole."""

    leading: dict[str, Any]
    condition: str = "true"
    answers: frozenset[str] = frozenset()


def ranges(wanted: dict[str, Any]) -> list[Range]:
    """Return the ranges that together hold every row which the filters let pass, each row in one of them only."""
    rare = "topics" in wanted and OFTEN not in wanted["topics"]
    name = next((name for name in NARROWEST if name in wanted and (name != "topics" or rare)), None)
    if name is None:
        return [Range({})]
    if name == "topics":
        return _of_topics(wanted)
    whole = Range({name: wanted[name]}, CONDITIONS.get(name, "true"), frozenset((name,)))
    return [whole, *_own(wanted)] if name in SIDES and not rare else [whole]


def _of_topics(wanted: dict[str, Any]) -> list[Range]:
    leading = {"organization": wanted["organization"]} if "organization" in wanted else {}
    answers = frozenset((*leading, "topics"))
    return [Range({**leading, "topic": topic}, f"a.topic <> '{OFTEN}'", answers) for topic in wanted["topics"]]


def _own(wanted: dict[str, Any]) -> list[Range]:
    """Return the range of a machine's own tokens; none where actor, client and subject are to differ."""
    sides = {name: wanted[name] for name in SIDES if name in wanted}
    if len(set(sides.values())) > 1:
        return []
    return [Range({"client": next(iter(sides.values()))}, "a.actor IS NULL", frozenset((*sides, "topics")))]


@dataclass
class Search:
    """What is looked for between two positions (both inclusive), and the parameters of the statement being made."""

    wanted: dict[str, Any]
    low: int
    high: int
    newest_first: bool
    limit: int
    parameters: list[Any] = field(default_factory=list)

    def unanswered(self, part: Range) -> list[str]:
        """Return the filters that the rows of a range have to be checked for."""
        return [name for name in self.wanted if name not in part.answers]

    def hits(self, parts: list[tuple[Range, int]]) -> str:
        """Return the statement that finds, for each range, the first of at most so many rows that pass the checks."""
        self.parameters.clear()
        return " UNION ALL ".join(
            HITS.format(
                number=number,
                scan=self._scan(part, most),
                checks=" AND ".join(
                    CHECKS[name].format(value=self._bind(name, self.wanted[name])) for name in self.unanswered(part)
                )
                or "true",
                order=self._order(part, "s"),
                limit=self.limit,
            )
            for number, (part, most) in enumerate(parts)
        )

    def bound(self, part: Range, most: int) -> str:
        """Return the statement that tells the last of so many rows of a range, nothing where there are fewer."""
        self.parameters.clear()
        return BOUND.format(scan=self._scan(part, most), order=self._order(part, "s"), most=most)

    @property
    def _direction(self) -> str:
        return "DESC" if self.newest_first else "ASC"

    def _scan(self, part: Range, most: int) -> str:
        template = STREAM if "stream" in part.leading else RANGE if part.leading else WHOLE
        return template.format(
            columns=", ".join(f"a.{column}" for column in (*part.leading, "position")),
            values=", ".join(self._bind(name, value) for name, value in part.leading.items()),
            low=self._bind("low", self.low),
            high=self._bind("high", self.high),
            condition=part.condition,
            order=self._order(part, "a"),
            direction=self._direction,
            most=most,
        )

    def _order(self, part: Range, alias: str) -> str:
        columns = ("version",) if "stream" in part.leading else (*part.leading, "position")
        return ", ".join(f"{alias}.{column} {self._direction}" for column in columns)

    def _bind(self, name: str, value: Any) -> str:
        self.parameters.append(value)
        kind = "bigint" if isinstance(value, int) else TYPES.get(name, "uuid")
        return f"${len(self.parameters)}::{kind}"
