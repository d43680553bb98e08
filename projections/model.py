"""What a read model is: tables, the topics it handles, and how an event becomes facts that SQL applies.

An event yields facts (plain data, no I/O). The model's own SQL function `apply_<name>(facts json, positions bigint[])`
writes them; each fact's `n` indexes `positions` (from 1), where 0 means "not committed: skip". The same facts and the
same function serve the append transaction, a rebuild and a comparison, so they cannot differ.

SQL here never names a schema: the search path decides which generation it writes. `ddl` makes tables and functions,
with the keys and indexes that applying needs; `indexes` are those that only readers need, made once all rows are there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from domain.event import Recorded
    from projections.bulk import Bulk

Fact = dict[str, Any]
Numbered = tuple[int, Fact]


class Context(NamedTuple):
    """What the log knows about an event beside its state. A live append has no position and time yet."""

    organization: UUID
    actor: UUID
    client: UUID | None
    request_id: UUID
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Model:
    """A read model. `handlers` maps topics to functions; a topic that is absent is skipped.

    `on_poison` says what becomes of a live model at an event that cannot be applied: it stops there, or sets the event
    aside and goes on. Only what explains may set events aside, never what decides, and only where each event makes
    rows of its own: what is applied late is right all the same.

    `served` is the purge rule: for a table, the condition on which its row `r` has served its time. Such a row may be
    there or not: live ones are removed little by little, a generation's before it is compared, and a comparison passes
    over them. Tables are named with `{schema}`, for the live ones and others are judged side by side.
    """

    name: str
    version: int
    mode: Literal["immediate", "eventual"]
    tables: tuple[str, ...]
    ddl: str
    handlers: Mapping[str, Callable[[Any, Context], Iterable[Fact]]]
    merge: Callable[[list[Numbered]], list[Numbered]] = list
    indexes: tuple[str, ...] = ()
    on_poison: Literal["stop", "quarantine"] = "stop"
    bulk: Bulk | None = None
    served: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse to let a model that decides about access pass over an event."""
        if self.on_poison == "quarantine" and self.mode == "immediate":
            msg = f"read model {self.name} decides about access: it stops at what it cannot apply"
            raise ValueError(msg)

    def facts(self, event: Recorded, context: Context, n: int) -> list[Numbered]:
        """Return the facts of one event, each with its number `n`; [] when the model does not handle the topic."""
        handler = self.handlers.get(type(event).TOPIC)
        return [] if handler is None else [(n, fact) for fact in handler(event, context)]
