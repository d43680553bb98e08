"""One append as it waits for its batch, and the envelope its events share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who did it, where, and for which request. Stored beside every event of the append."""

    organization: UUID
    actor: UUID
    client: UUID | None
    request_id: UUID


class Expectation(NamedTuple):
    """The version a stream had when the decision was made (0: there was none)."""

    stream: UUID
    version: int
    token: bool


class Encoded(NamedTuple):
    """One event ready to be stored, with the guard keys it touches."""

    stream: UUID
    version: int
    topic: str
    state: bytes
    token: bool
    touches: tuple[str, ...]


class Claim(NamedTuple):
    """A name reserved in an organization's space, by digest. The nil organization spans all of them."""

    organization: UUID
    space: str
    digest: bytes
    owner: UUID


class SubjectKey(NamedTuple):
    """A new subject key, wrapped under the master key of this id."""

    subject: UUID
    wrapped: bytes
    master_key: str


class Remembered(NamedTuple):
    """The answer to keep under an idempotency key."""

    key: bytes
    request_mac: bytes
    answer: bytes


Remember = Callable[[T], Remembered]
"""Makes, from what a command returned, the answer to keep."""


@dataclass(slots=True)
class Append:
    """What one command wants committed, whole or not at all."""

    causation: UUID
    envelope: Envelope
    events: list[Encoded]
    expects: list[Expectation] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=dict)
    shares: set[str] = field(default_factory=set)
    # By model: each fact with the ordinal of its event within this append, from 1.
    facts: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    releases: list[Claim] = field(default_factory=list)
    subject_keys: list[SubjectKey] = field(default_factory=list)
    destroyed: list[UUID] = field(default_factory=list)
    remembered: Remembered | None = None
    losses: int = 0  # connections that were lost while it was being committed

    @property
    def has_extras(self) -> bool:
        """Say whether anything beside events, guards and read models is to be written."""
        return bool(self.claims or self.releases or self.subject_keys or self.destroyed or self.remembered)


class Committed(NamedTuple):
    """Where an append landed: its last event's position, or the head when it had no events."""

    position: int


class Footprint:
    """What the appends of one batch write and rely on; a further one joins only when it is disjoint."""

    __slots__ = ("_held", "_touched", "_written")

    def __init__(self) -> None:
        """Begin with an empty batch."""
        self._written: set[UUID] = set()
        self._touched: set[str] = set()
        self._held: set[object] = set()

    def admits(self, append: Append) -> bool:
        """Say whether the append may be decided beside those already in; if so, count it in.

        Appends that only read the same guard go together; one that read what an earlier one touches does not, and no
        two that share something: facts about one row are folded in an append, and never in a batch.
        """
        written, touched = self._written, self._touched
        if touched and not touched.isdisjoint(append.reads):
            return False
        for expectation in append.expects:
            if expectation.stream in written:
                return False
        held: list[object] = [*append.shares]
        if append.has_extras:
            held += [(c.organization, c.space, c.digest) for c in (*append.claims, *append.releases)]
            held += [key.subject for key in append.subject_keys]
            held += append.destroyed
            if append.remembered is not None:
                held.append(append.remembered.key)
        if held and not self._held.isdisjoint(held):
            return False
        self._held.update(held)
        for event in append.events:
            written.add(event.stream)
            touched.update(event.touches)
        touched.update(f"subject:{subject}" for subject in append.destroyed)
        return True
