"""What every domain event tells about itself besides its fields: guards it touches, what it shares, whose key seals it.

An aggregate's base event is `class Event(Recorded, Aggregate.Event)`. Nothing declared here is stored: `vars(event)`
holds `originator_id`, `originator_version`, `timestamp`, for a first event `originator_topic`, and the event's fields.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID


class Recorded:
    """The properties that the event store reads from an event; each has a default that an event may override."""

    # Repeated from the library, where they are type variables, so that typing.get_type_hints() answers plain types.
    originator_id: UUID
    originator_version: int
    timestamp: datetime

    TOPIC: ClassVar[str]
    PERSONAL: ClassVar[frozenset[str]] = frozenset()
    """Fields sealed under the subject's key. Typed `X | None`: they read None once that key is destroyed."""
    SPARSE: ClassVar[tuple[str, ...]] = ()
    """Fields with a default of None that the stored state leaves out where they are None."""
    class_version: ClassVar[int] = 1

    if TYPE_CHECKING:  # the library's, told here so that an event is one type to those who replay it

        def mutate(self, aggregate: Any) -> Any: ...

    @property
    def touches(self) -> tuple[str, ...]:
        """Guard keys: whoever decided on one of them before this event must decide again. None by default."""
        return ()

    @property
    def shares(self) -> tuple[str, ...]:
        """Keys of what events of several streams change together: no two of them are committed in one batch."""
        return ()

    @property
    def subject(self) -> UUID:
        """Whose key seals the personal fields."""
        return self.originator_id
