"""Whatever meets in the queue, the outcome is that of one append after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.store.pending import Append, Claim, Encoded, Expectation, Remembered
from service.store.refusals import AlreadyAnswered, Stale, Taken
from tests.service.store.given import ENVELOPE, assert_sound, batched

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

KINDS = {Stale: "stale", Taken: "taken", AlreadyAnswered: "answered"}


@dataclass
class Wish:
    """What one append asks for, in terms of four streams, three guards, two names and two keys."""

    writes: dict[int, int] = field(default_factory=dict)  # stream: the version it is thought to have
    touches: frozenset[int] = frozenset()
    rests_on: frozenset[int] = frozenset()
    claims: int | None = None
    key: int | None = None


wishes = st.builds(
    Wish,
    writes=st.dictionaries(st.integers(0, 3), st.integers(0, 2), min_size=1, max_size=2),
    touches=st.frozensets(st.integers(0, 2), max_size=1),
    rests_on=st.frozensets(st.integers(0, 2), max_size=2),
    claims=st.none() | st.integers(0, 1),
    key=st.none() | st.integers(0, 1),
)


@dataclass(frozen=True)
class State:
    """The rules, told as simply as can be: what is there after some appends, one after the other."""

    versions: dict[int, int] = field(default_factory=dict)
    touched: frozenset[int] = frozenset()
    claimed: frozenset[int | None] = frozenset()
    keys: frozenset[int | None] = frozenset()

    def objections(self, wish: Wish) -> set[str]:
        if wish.key is not None and wish.key in self.keys:
            return {"answered"}
        found = set()
        if any(self.versions.get(stream, 0) != version for stream, version in wish.writes.items()):
            found.add("stale")
        if self.touched & wish.rests_on:
            found.add("stale")
        if wish.claims is not None and wish.claims in self.claimed:
            found.add("taken")
        return found

    def after(self, wish: Wish) -> State:
        grown = {stream: self.versions.get(stream, 0) + 1 for stream in wish.writes}
        return State(
            {**self.versions, **grown},
            self.touched | wish.touches,
            self.claimed | {wish.claims},
            self.keys | {wish.key},
        )


def an_append(world: UUID, wish: Wish, position: int) -> Append:
    streams = {stream: UUID(int=world.int ^ stream) for stream in wish.writes}
    first = min(wish.writes)
    return Append(
        uuid4(),
        ENVELOPE,
        [
            Encoded(
                streams[stream], version + 1, "account.renamed", b"{}", token=False,
                touches=tuple(f"{world}:{guard}" for guard in wish.touches) if stream == first else (),
            )
            for stream, version in wish.writes.items()
        ],
        expects=[Expectation(streams[stream], version, token=False) for stream, version in wish.writes.items()],
        reads={f"{world}:{guard}": position for guard in wish.rests_on},
        claims=[] if wish.claims is None else [Claim(world, "name", b"%d" % wish.claims, world)],
        remembered=None if wish.key is None else Remembered(world.bytes + b"%d" % wish.key, b"", b""),
    )  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queue=st.lists(wishes, min_size=2, max_size=10))
async def test_a_queue_is_decided_as_if_one_by_one(parts: StoreParts, queue: list[Wish]) -> None:
    world = uuid4()
    position = await parts.owner.fetchval("SELECT max(last) FROM muniment.batches")
    async with batched(parts, *(an_append(world, wish, position + 1) for wish in queue)) as tasks:
        pass
    committed = [(task.result(), wish) for task, wish in zip(tasks, queue, strict=True) if task.exception() is None]
    refused = [
        (KINDS[type(error)], wish) for task, wish in zip(tasks, queue, strict=True) if (error := task.exception())
    ]
    states = [State()]
    for _, wish in sorted(committed, key=itemgetter(0)):
        assert not states[-1].objections(wish), "committed in spite of what was committed before it"
        states.append(states[-1].after(wish))
    for told, wish in refused:
        assert any(told in state.objections(wish) for state in states), "refused without reason"
    await assert_sound(parts.owner)
