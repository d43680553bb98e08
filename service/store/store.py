"""The event store as commands see it: decide on fresh state, commit once, decide again when the state moved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from domain import EVENTS
from projections import IMMEDIATE
from projections.model import Context
from service.store import codec
from service.store.decision import Decision, collected
from service.store.log import head
from service.store.pending import Append, Encoded, Envelope, Expectation, SubjectKey
from service.store.refusals import Stale
from service.store.vault import SubjectKeyDestroyed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from uuid import UUID

    import asyncpg
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from domain.event import Recorded
    from projections.model import Numbered
    from service.clock import Clock
    from service.secrets.subject_keys import NewSubjectKey
    from service.store.append import Appender
    from service.store.decision import Origin
    from service.store.pending import Remembered
    from service.store.vault import Vault

T = TypeVar("T")
MANY = 500  # events of one append that are too much work for a loop that serves others
ATTEMPTS = 8  # decisions of one command; only a stream that is fought over needs more than two


class Outcome(NamedTuple, Generic[T]):
    """What a command returned, and the log position at which it holds."""

    value: T
    position: int


class Store:
    """Appends events with their read models. `pool` serves reads, `appender` the one way to write."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        appender: Appender,
        vault: Vault,
        clock: Clock,
        *,
        on_destroyed: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """Wire the parts; the composition root owns and closes them.

        `on_destroyed` is told of each subject whose key an append of this process destroyed.
        """
        self._on_destroyed = on_destroyed
        self.pool = pool
        self.appender = appender
        self.vault = vault
        self.clock = clock
        self._by_topic = {
            topic: (
                codec.is_token_topic(topic),
                [(model.name, model.handlers[topic]) for model in IMMEDIATE.values() if topic in model.handlers],
            )
            for topic in EVENTS
        }

    async def decide(
        self,
        command: Callable[[Decision], Awaitable[T]],
        origin: Origin,
        *,
        remember: Callable[[T], Remembered | None] | None = None,
    ) -> Outcome[T]:
        """Run a command until its decision commits; return its value and position (the head when nothing changed).

        The command is called anew on fresh state each time something it relied on moved. Raises whatever the command
        refuses with, Taken, AlreadyAnswered, Overloaded, and after eight attempts Stale or SubjectKeyDestroyed.
        """
        for left in range(ATTEMPTS, 0, -1):
            decision = Decision(self.pool, self.vault, position=await head(self.pool), organization=origin.organization)
            value = await command(decision)
            try:
                return Outcome(value, await self._commit(decision, origin, remember and remember(value)))
            except Stale as stale:
                if left == 1:
                    raise
                if stale.reason == "master_key":
                    self.vault.master_key_moved(stale.detail)
                if stale.detail in origin.reads and origin.renew is not None:
                    origin = await origin.renew()
            except SubjectKeyDestroyed:
                if left == 1:  # it was not decided on what is there by now
                    raise
        raise AssertionError

    async def _commit(self, decision: Decision, origin: Origin, remembered: Remembered | None) -> int:
        events = [event for aggregate in decision.aggregates for event in collected(aggregate)]
        if not events and remembered is None:
            return max(decision.position, await head(self.pool))
        ciphers, made = await self._sealing_keys(events)
        envelope = self._envelope(decision, origin)
        if len(events) < MANY:
            append = self.prepare(events, envelope, ciphers)
        else:  # on a thread, others get their turn in between
            append = await asyncio.to_thread(self.prepare, events, envelope, ciphers)
        append.reads.update(decision.reads)
        for guard, position in origin.reads.items():
            # A key that both rely on counts from the earlier of the two: what came between ended the caller's right.
            append.reads[guard] = min(position, append.reads.get(guard, position))
        append.reads.update({f"subject:{subject}": decision.position for subject in ciphers if subject not in made})
        written = {expectation.stream for expectation in append.expects}
        append.expects.extend(expectation for stream, expectation in decision.loaded.items() if stream not in written)
        append.claims, append.releases, append.destroyed = decision.claims, decision.releases, decision.destroyed
        made |= decision.made
        append.subject_keys = [SubjectKey(key.subject, key.wrapped, key.master_key_id) for key in made.values()]
        append.remembered = remembered
        committed = await self.appender.append(append)
        for key in made.values():
            self.vault.admit(key)
        for subject in decision.destroyed:
            self.vault.forget(subject)
            self._on_destroyed(subject)
        return committed.position

    def _envelope(self, decision: Decision, origin: Origin) -> Envelope:
        return Envelope(decision.organization, origin.actor, origin.client, origin.request_id)

    async def _sealing_keys(self, events: Sequence[Recorded]) -> tuple[dict[UUID, AESGCM], dict[UUID, NewSubjectKey]]:
        """Return the ciphers that sealing these events takes, and which of them are new with this append."""
        subjects = {event.subject for event in events if codec.needs_key(event)}
        if not subjects:
            return {}, {}
        ciphers = await self.vault.present_ciphers(subjects)
        born = {event.originator_id for event in events if event.originator_version == 1}
        made = {subject: self.vault.new_key(subject) for subject in subjects - ciphers.keys()}
        for subject in made.keys() - born:
            if await self.vault.is_destroyed(subject):
                raise SubjectKeyDestroyed(str(subject))
        return {**ciphers, **{subject: key.cipher for subject, key in made.items()}}, made

    def prepare(
        self, events: Sequence[Recorded], envelope: Envelope, ciphers: Mapping[UUID, AESGCM] | None = None
    ) -> Append:
        """Return the append of these events with their facts, ready for guards and the queue."""
        context = Context(envelope.organization, envelope.actor, envelope.client, envelope.request_id)
        encoded: list[Encoded] = []
        expects: dict[UUID, Expectation] = {}
        shares: set[str] = set()
        facts: dict[str, list[Numbered]] = {}
        n = 0
        for event in events:
            n += 1
            topic = type(event).TOPIC
            stream, version = event.originator_id, event.originator_version
            token, models = self._by_topic[topic]
            cipher = ciphers.get(event.subject) if ciphers else None
            encoded.append(Encoded(stream, version, topic, codec.encode(event, cipher), token, event.touches))
            if stream not in expects:
                expects[stream] = Expectation(stream, version - 1, token)
            if shared := event.shares:
                shares.update(shared)
            for name, handler in models:
                rows = facts.get(name)
                if rows is None:
                    rows = facts[name] = []
                for fact in handler(event, context):
                    rows.append((n, fact))
        if n > 1:
            facts = {name: IMMEDIATE[name].merge(rows) for name, rows in facts.items()}
        return Append(self.clock.new_id(), envelope, encoded, list(expects.values()), shares=shares, facts=facts)
