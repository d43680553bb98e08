"""What a read model is: tables, the topics it handles, and how an event becomes facts that SQL applies.

An event yields facts (plain data, no I/O). The model's own SQL function `apply_<name>(facts json, positions bigint[])`
writes them; each fact's `n` indexes `positions` (from 1), where 0 means "not committed: skip". The same facts and the
same function serve the append transaction, a rebuild and a comparison, so they cannot differ.

SQL here never names a schema: the search path decides which generation it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from domain.event import Recorded

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
    """A read model. `handlers` maps topics to functions; a topic that is absent is skipped."""

    name: str
    version: int
    mode: Literal["immediate", "eventual"]
    tables: tuple[str, ...]
    ddl: str
    handlers: Mapping[str, Callable[[Any, Context], Iterable[Fact]]]
    merge: Callable[[list[Numbered]], list[Numbered]] = list

    def facts(self, event: Recorded, context: Context, n: int) -> list[Numbered]:
        """Return the facts of one event, each with its number `n`; [] when the model does not handle the topic."""
        handler = self.handlers.get(type(event).TOPIC)
        return [] if handler is None else [(n, fact) for fact in handler(event, context)]
