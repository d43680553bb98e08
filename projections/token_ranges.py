"""The range of an index that a look-up of tokens goes through, newest first, and the statements that do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from projections.token_look_ups import LookUp

FURTHEST = 2**63 - 1
# The narrowest that is named picks the index, which has tokens in their order; the others are checked row by row, in
# words that no index answers, or the planner might go through all of an application's tokens for those of one person.
# Nor is it told of an equality: knowing how few tokens an average application has, it would rather sort all of those of
# one that has millions.
RANGE = """
SELECT * FROM {table}
 WHERE ({columns}, position) >= ({values}, {low}) AND ({columns}, position) <= ({values}, {high})
   AND {found} IS NOT NULL
 ORDER BY {order} LIMIT {most}
"""
ROWS = "(SELECT l.* FROM ({range}) l WHERE {checks} ORDER BY {order} LIMIT {most})"
COUNT = """
SELECT count(*) FROM (
    SELECT FROM ({range}) t WHERE {checks} AND t.position > {epoch} ORDER BY {order} LIMIT {most}
) counted
"""
BOUND = "SELECT {id} AS id, l.position FROM ({range}) l ORDER BY {order} OFFSET {most} LIMIT 1"
COLUMNS = {"end_user": "end_user", "user": "user_id", "account": "account", "application": "application"}
TYPES = {"end_user": "text"}  # the others are ids


@dataclass
class Scan:
    """What is looked for between two positions (both inclusive), and the parameters of the statement being made."""

    look_up: LookUp
    low: int
    high: int
    scanned: int
    now: datetime
    parameters: list[Any] = field(default_factory=list)
    _bound_before: int = 0

    def rows(self, most: int, *, bound: int) -> str:
        """Return what finds the first of at most `scanned` rows that pass the checks, after `bound` parameters."""
        self._begin(bound)
        return ROWS.format(range=self._range(self.scanned), checks=self._checks("l"), order=self._order("l"), most=most)

    def count(self, most: int, *, epoch: str) -> str:
        """Return the statement that counts those rows, up to `most`, which no revocation epoch reaches."""
        self._begin(0)
        return COUNT.format(
            range=self._range(self.scanned), checks=self._checks("t"), epoch=epoch, order=self._order("t"), most=most
        )

    def bound(self, id: str) -> str:
        """Return the statement that tells the first row that is not looked at, nothing where there is none."""
        self._begin(0)
        return BOUND.format(id=id, range=self._range(self.scanned + 1), order=self._order("l"), most=self.scanned)

    @property
    def _leading(self) -> list[str]:
        """Return the names whose columns lead the index, the one that was found narrowest last. Raises ValueError."""
        for name in COLUMNS:
            if getattr(self.look_up, name) is not None:
                if name != "end_user":
                    return [name]
                if self.look_up.organization is not None:
                    return ["organization", name]
        msg = "tokens are looked up by application, user, account or an organization's end user"
        raise ValueError(msg)

    def _begin(self, bound: int) -> None:
        self.parameters = []
        self._bound_before = bound

    def _range(self, most: int) -> str:
        leading = self._leading
        columns = [COLUMNS.get(name, name) for name in leading]
        return RANGE.format(
            table="refresh_tokens" if self.look_up.kind == "refresh" else "tokens",
            columns=", ".join(columns),
            values=", ".join(self._bind(name, getattr(self.look_up, name)) for name in leading),
            low=self._bind("", self.low, "bigint"),
            high=self._bind("", self.high, "bigint"),
            found=columns[-1],
            order=", ".join(f"{column} DESC" for column in (*columns, "position")),
            most=most,
        )

    def _order(self, alias: str) -> str:
        columns = [COLUMNS.get(name, name) for name in self._leading]
        return ", ".join(f"{alias}.{column} DESC" for column in (*columns, "position"))

    def _checks(self, row: str) -> str:
        """Return the conditions that the range leaves open and a row's own columns answer."""
        of, leading = self.look_up, self._leading
        checks = [f"{row}.deleted_at IS NULL"]
        for name in ("organization", *COLUMNS):
            value = getattr(of, name)
            if value is not None and name not in leading:
                column = COLUMNS.get(name, name)
                checks.append(f"{row}.{column} IS NOT DISTINCT FROM {self._bind(name, value)}")
        issued, expiry = f"{row}.issued_at", self._expiry(row)
        for column, compares, moment in (
            (issued, ">=", of.issued_from),
            (issued, "<", of.issued_to),
            (expiry, ">=", of.expires_from),
            (expiry, "<", of.expires_to),
            (expiry, ">", self.now if of.status and "expired" not in of.status else None),
            (expiry, "<=", self.now if of.status == {"expired"} else None),
        ):
            if moment is not None:
                checks.append(f"{column} {compares} {self._bind('', moment, 'timestamptz')}")
        if of.status and not of.status & {"expired", "revoked"}:
            checks.append(f"{row}.ended_at IS NULL")
            if of.kind == "refresh":
                checks.append(f"{row}.used_at IS NULL")
        return " AND ".join(checks)

    def _expiry(self, row: str) -> str:
        return f"coalesce({row}.expires_at, 'infinity')" if self.look_up.kind == "refresh" else f"{row}.expires_at"

    def _bind(self, name: str, value: Any, kind: str | None = None) -> str:
        self.parameters.append(value)
        return f"${self._bound_before + len(self.parameters)}::{kind or TYPES.get(name, 'uuid')}"
