"""A batch takes only appends that can be decided side by side, and leaves out no other."""

from __future__ import annotations

from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.store.pending import Append, Claim, Encoded, Expectation, Footprint, Remembered, SubjectKey
from tests.service.store.given import ENVELOPE

ONE, OTHER = UUID(int=1), UUID(int=2)
ids = st.integers(1, 4).map(lambda n: UUID(int=n))
guards = st.sampled_from(["application:1", "application:2", "user:1", "signing-keys", f"subject:{ONE}"])
few = {"max_size": 2}
claims = st.lists(
    st.builds(Claim, ids, st.sampled_from(["role", "client_id"]), st.sampled_from([b"a", b"b"]), ids), **few
)


@st.composite
def appends(draw: st.DrawFn) -> Append:
    streams = draw(st.lists(ids, max_size=2, unique=True))
    events = [
        Encoded(
            stream, draw(st.integers(1, 3)), "topic", b"", token=False, touches=tuple(draw(st.lists(guards, **few)))
        )
        for stream in streams
    ]
    loaded = [stream for stream in draw(st.lists(ids, **few)) if stream not in streams]
    return Append(
        draw(st.uuids()),
        ENVELOPE,
        events,
        expects=[
            *(Expectation(event.stream, event.version - 1, token=False) for event in events),
            *(Expectation(stream, 1, token=False) for stream in loaded),
        ],
        reads=dict.fromkeys(draw(st.lists(guards, **few)), 0),
        shares=draw(st.sets(st.sampled_from(["api_resource:1", "api_resource:2"]), **few)),
        claims=draw(claims),
        releases=draw(claims),
        subject_keys=[SubjectKey(one, b"", "key") for one in draw(st.lists(ids, **few))],
        destroyed=draw(st.lists(ids, **few)),
        remembered=draw(st.none() | st.builds(Remembered, st.sampled_from([b"x", b"y"]), st.just(b""), st.just(b""))),
    )


def held(append: Append) -> set[object]:
    return {
        *((claim.organization, claim.space, claim.digest) for claim in (*append.claims, *append.releases)),
        *(key.subject for key in append.subject_keys),
        *append.destroyed,
        *append.shares,
        *([append.remembered.key] if append.remembered else []),
    }


def disturbs(before: Append, after: Append) -> bool:
    """Say whether a decision could turn out otherwise once another append is committed before it."""
    written = {event.stream for event in before.events}
    touched = {key for event in before.events for key in event.touches}
    touched |= {f"subject:{subject}" for subject in before.destroyed}
    return bool(
        written & {expectation.stream for expectation in after.expects}
        or touched & after.reads.keys()
        or held(before) & held(after)
    )


@settings(max_examples=50)
@given(st.lists(appends(), max_size=6))
def test_no_append_of_a_batch_disturbs_a_later_one(queue: list[Append]) -> None:
    footprint = Footprint()
    batch = [append for append in queue if footprint.admits(append)]
    assert not any(disturbs(before, after) for before, after in combinations(batch, 2))


@settings(max_examples=50)
@given(st.lists(appends(), max_size=6))
def test_no_append_is_left_out_but_for_one_that_disturbs_it(queue: list[Append]) -> None:
    footprint = Footprint()
    batch: list[Append] = []
    for append in queue:
        admitted = footprint.admits(append)
        assert admitted != any(disturbs(before, append) for before in batch)
        if admitted:
            batch.append(append)


def an_append(**more: object) -> Append:
    return Append(ONE, ENVELOPE, [], **more)  # type: ignore[arg-type]


def touching(*keys: str) -> Append:
    return Append(ONE, ENVELOPE, [Encoded(ONE, 1, "topic", b"", token=False, touches=keys)])


@pytest.mark.parametrize(
    ("before", "after", "together"),
    [
        (an_append(reads={"a": 1}), an_append(reads={"a": 2}), True),
        (an_append(reads={"a": 1}), touching("a"), True),
        (touching("a"), touching("b"), True),
        (touching("a"), an_append(reads={"a": 1}), False),
        (touching(), an_append(expects=[Expectation(ONE, 1, token=False)]), False),
        (touching(), an_append(expects=[Expectation(OTHER, 1, token=False)]), True),
        (an_append(claims=[Claim(ONE, "s", b"a", ONE)]), an_append(releases=[Claim(ONE, "s", b"a", OTHER)]), False),
        (an_append(claims=[Claim(ONE, "s", b"a", ONE)]), an_append(claims=[Claim(OTHER, "s", b"a", ONE)]), True),
        (an_append(destroyed=[ONE]), an_append(subject_keys=[SubjectKey(ONE, b"", "key")]), False),
        (an_append(destroyed=[ONE]), an_append(reads={f"subject:{ONE}": 1}), False),
        (an_append(destroyed=[ONE]), an_append(reads={f"subject:{OTHER}": 1}), True),
        (an_append(shares={"a", "b"}), an_append(shares={"b"}), False),
        (an_append(shares={"a"}), an_append(shares={"b"}), True),
        (an_append(shares={"a"}), an_append(reads={"a": 1}), True),
        (an_append(shares={"a"}), touching("a"), True),
        (an_append(remembered=Remembered(b"k", b"", b"")), an_append(remembered=Remembered(b"k", b"", b"")), False),
    ],
)
def test_what_goes_together(before: Append, after: Append, together: bool) -> None:  # noqa: FBT001 - a table's column
    footprint = Footprint()
    assert footprint.admits(before)
    assert footprint.admits(after) is together


def test_what_is_refused_leaves_no_trace() -> None:
    footprint = Footprint()
    assert footprint.admits(touching("a"))
    refused = an_append(reads={"a": 1}, claims=[Claim(ONE, "s", b"a", ONE)])
    assert not footprint.admits(refused)
    assert footprint.admits(an_append(claims=[Claim(ONE, "s", b"a", ONE)]))
