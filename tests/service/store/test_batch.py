"""A batch becomes the columns of one call, and its answer one verdict for each append."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from service.store import batch
from service.store.pending import Append, Claim, Encoded, Envelope, Expectation, Remembered, SubjectKey
from service.store.refusals import AlreadyAnswered, Stale, Taken
from tests.service.store.given import ENVELOPE

PARAMETERS = """\
writers master_key a_causation a_request a_origin a_guards o_organization o_actor o_client s_append s_stream s_expected
s_token g_set g_key g_position e_append e_stream e_version e_topic e_state t_event t_key extras m_name m_facts"""
ONE, TWO, THREE = (UUID(int=n) for n in range(1, 4))


def columns(*appends: Append) -> dict[str, object]:
    return dict(zip(PARAMETERS.split(), batch.arguments(appends, writers="w", master_key="m"), strict=True))


def an_append(*streams: UUID, envelope: Envelope = ENVELOPE, **more: object) -> Append:
    events = [
        Encoded(stream, 1, "account.created", b"{}", token=False, touches=(f"account:{stream.int}",))
        for stream in streams
    ]
    return Append(ONE, envelope, events, **more)  # type: ignore[arg-type]


def test_the_call_takes_as_many_parameters_as_it_is_handed() -> None:
    assert batch.CALL.count("$") == len(PARAMETERS.split())


def test_shared_origins_are_sent_once_and_named_by_number() -> None:
    nobody = replace(ENVELOPE, client=None)
    sent = columns(an_append(ONE), an_append(TWO, envelope=nobody), an_append(THREE))
    assert sent["a_origin"] == [1, 2, 1]
    assert sent["o_client"] == [ENVELOPE.client, batch.NIL]
    assert sent["a_request"] == [ENVELOPE.request_id] * 3


def test_shared_guards_are_sent_once_and_none_is_the_set_zero() -> None:
    reads = {"application:1": 7, "signing-keys": 3}
    sent = columns(an_append(ONE, reads=reads), an_append(TWO), an_append(THREE, reads=dict(reads)))
    assert sent["a_guards"] == [1, 0, 1]
    assert (sent["g_set"], sent["g_key"], sent["g_position"]) == ([1, 1], [*reads], [7, 3])


def test_only_streams_that_should_exist_are_looked_up() -> None:
    expects = [Expectation(ONE, 0, token=False), Expectation(TWO, 4, token=True)]
    sent = columns(an_append(ONE), an_append(THREE, expects=expects))
    assert (sent["s_append"], sent["s_stream"], sent["s_expected"], sent["s_token"]) == ([2], [TWO], [4], [True])


def test_events_keep_their_order_and_name_what_they_touch() -> None:
    sent = columns(an_append(ONE, TWO), an_append(THREE))
    assert (sent["e_append"], sent["e_stream"]) == ([1, 1, 2], [ONE, TWO, THREE])
    assert (sent["t_event"], sent["t_key"]) == ([1, 2, 3], ["account:1", "account:2", "account:3"])


def test_facts_are_numbered_across_the_batch_however_often_they_are_sent() -> None:
    later = an_append(THREE, facts={"accounts": [(1, {"v": "c"})]})
    earlier = an_append(ONE, TWO, facts={"accounts": [(2, {"v": "b"})], "users": [(1, {"v": "u"})]})
    for sent in (columns(later), columns(earlier, later), columns(earlier, later)):
        facts = dict(zip(sent["m_name"], sent["m_facts"], strict=True))  # type: ignore[call-overload]
    assert msgspec.json.decode(facts["accounts"]) == [{"v": "b", "n": 2}, {"v": "c", "n": 3}]
    assert msgspec.json.decode(facts["users"]) == [{"v": "u", "n": 1}]


def test_the_hot_path_sends_nothing_extra() -> None:
    assert columns(an_append(ONE), an_append(TWO))["extras"] is None


def test_what_is_extra_names_its_append() -> None:
    full = an_append(
        TWO,
        claims=[Claim(ONE, "role-name", b"\x01", TWO)],
        releases=[Claim(ONE, "role-name", b"\x02", TWO)],
        subject_keys=[SubjectKey(TWO, b"\x03", "m")],
        destroyed=[THREE],
        remembered=Remembered(b"\x04", b"\x05", b"\x06"),
    )
    extras = msgspec.json.decode(columns(an_append(ONE), full)["extras"])  # type: ignore[arg-type]
    assert set(extras) == {"claims", "releases", "subject_keys", "destroyed", "idempotency"}
    assert [row["n"] for rows in extras.values() for row in rows] == [2] * 5
    assert extras["idempotency"] == [{"n": 2, "key": "04", "request_mac": "05", "answer": "06"}]


@pytest.mark.parametrize(
    ("reasons", "verdict"),
    [
        (["version"], "version"),
        (["claim", "version"], "version"),
        (["guard", "claim"], "guard"),
        (["claim", "guard", "idempotent"], "idempotent"),
        (["idempotent", "version"], "idempotent"),
        (["guard", "version"], "guard"),
    ],
)
def test_an_answer_given_before_goes_first_and_a_taken_name_last(reasons: list[str], verdict: str) -> None:
    found = batch.verdicts([3] * len(reasons), reasons, [f"{reason}'s detail" for reason in reasons])
    assert found == {3: (verdict, f"{verdict}'s detail")}


def test_each_append_has_its_own_verdict() -> None:
    found = batch.verdicts([1, 4, 1], ["claim", "guard", "subject"], ["a", "b", "c"])
    assert found == {1: ("subject", "c"), 4: ("guard", "b")}


def test_what_a_verdict_means() -> None:
    answered = batch.refusal("idempotent", "0a:0b0c")
    assert isinstance(answered, AlreadyAnswered)
    assert (answered.request_mac, answered.answer) == (b"\x0a", b"\x0b\x0c")
    taken = batch.refusal("claim", "role-name:0a0b")
    assert isinstance(taken, Taken)
    assert taken.space == "role-name"
    assert "0a0b" not in str(taken)
    for reason in ("version", "guard", "subject", "master_key"):
        stale = batch.refusal(reason, "detail")
        assert isinstance(stale, Stale)
        assert (stale.reason, stale.detail) == (reason, "detail")
