"""One attempt at a command: loads streams, notes what it relied on, gathers what is to be committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.token_family import TokenFamily
from service.secrets import identifiers
from service.store import codec
from service.store.log import Stored, read_stream, read_streams
from service.store.pending import Claim, Expectation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import asyncpg
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from domain.event import Recorded
    from service.secrets.subject_keys import NewSubjectKey
    from service.store.vault import Vault

A = TypeVar("A", bound=Aggregate)
EVERYWHERE = UUID(int=0)
PAGE = 500  # streams loaded by one query


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a command comes from, and the guards its authority rests on, each with the position it was judged at.

    `renew` judges the authority again after one of those guards was touched; it raises when there is none left.
    """

    actor: UUID
    organization: UUID
    client: UUID | None
    request_id: UUID
    reads: dict[str, int] = field(default_factory=dict)
    renew: Callable[[], Awaitable[Origin]] | None = None


class Decision:
    """What a command works with. `connection` serves queries of the read models; they are fresher than any guard."""

    def __init__(self, connection: asyncpg.Pool, vault: Vault, *, position: int, organization: UUID) -> None:
        """Begin at a position: everything read from here on is at least as new."""
        self.connection = connection
        self.position = position
        self.organization = organization
        self._vault = vault
        self.aggregates: list[Aggregate] = []
        self.loaded: dict[UUID, Expectation] = {}
        self.reads: dict[str, int] = {}
        self.claims: list[Claim] = []
        self.releases: list[Claim] = []
        self.destroyed: list[UUID] = []
        self.made: dict[UUID, NewSubjectKey] = {}

    async def load(self, kind: type[A], stream: UUID) -> A | None:
        """Return the aggregate of a stream, None when the stream is empty or of another kind.

        The append is refused when the stream has grown by then.
        """
        aggregate = await self.peek(kind, stream)
        if aggregate is not None:
            self._expect(aggregate)
        return aggregate

    async def load_many(self, kind: type[A], streams: Sequence[UUID]) -> list[A]:
        """Return the aggregates of these streams, in this order; as `load`, but what is absent is left out."""
        found: list[A] = []
        # In pages, so that whatever else this process does gets its turn in between.
        for start in range(0, len(streams), PAGE):
            page = streams[start : start + PAGE]
            stored = await read_streams(self.connection, page, token=_is_token(kind))
            ciphers = await self._vault.for_streams(stored)
            for stream in page:
                aggregate = self._replayed(kind, stream, stored.get(stream, ()), ciphers)
                if aggregate is not None:
                    self._expect(aggregate)
                    found.append(aggregate)
        return found

    async def peek(self, kind: type[A], stream: UUID) -> A | None:
        """Return an aggregate that the decision only looks at: cover it with `rely_on`, or it may change unseen."""
        _, stored = await read_stream(self.connection, stream, token=_is_token(kind))
        return self._replayed(kind, stream, stored, await self._vault.for_streams({stream: stored}))

    def rely_on(self, *keys: str) -> None:
        """Note guards: if one is touched after this decision began, the append is refused."""
        for key in keys:
            self.reads[key] = self.position

    def save(self, *aggregates: Aggregate) -> None:
        """Commit the new events of these aggregates, in this order."""
        self.aggregates.extend(aggregates)

    def claim(self, space: str, digest: bytes, owner: UUID, *, organization: UUID = EVERYWHERE) -> None:
        """Reserve a name. Raises Taken at the append when somebody else holds it."""
        self.claims.append(Claim(organization, space, digest, owner))

    def release(self, space: str, digest: bytes, owner: UUID, *, organization: UUID = EVERYWHERE) -> None:
        """Give a name back."""
        self.releases.append(Claim(organization, space, digest, owner))

    async def identifier_digest(self, space: str, text: str, *, organization: UUID) -> bytes:
        """Return the keyed digest by which something that identifies a person is claimed in an organization."""
        subject = identifiers.SUBJECT
        cipher = (await self._vault.ciphers([subject])).get(subject)
        if cipher is None:  # the first of all: its key is made together with this append
            cipher = self.made.setdefault(subject, self._vault.new_key(subject)).cipher
        return identifiers.digest(cipher, organization=organization, space=space, text=text)

    def destroy_key(self, subject: UUID) -> None:
        """Destroy a subject's key for ever, together with this append."""
        self.destroyed.append(subject)

    def _expect(self, aggregate: Aggregate) -> None:
        self.loaded[aggregate.id] = Expectation(aggregate.id, aggregate.version, _is_token(type(aggregate)))

    def _replayed(
        self, kind: type[A], stream: UUID, stored: Sequence[Stored], ciphers: Mapping[UUID, AESGCM]
    ) -> A | None:
        aggregate: Aggregate | None = None
        for event in stored:
            decoded = codec.decode(event.topic, stream, event.version, event.state, ciphers)
            aggregate = decoded.mutate(aggregate)
        return aggregate if isinstance(aggregate, kind) else None


def _is_token(kind: type[Aggregate]) -> bool:
    return kind is TokenFamily


def collected(aggregate: Aggregate) -> Sequence[Recorded]:
    """Take its new events from an aggregate. The library types them by mechanism, the domain by what they tell."""
    return cast("Sequence[Recorded]", aggregate.collect_events())
