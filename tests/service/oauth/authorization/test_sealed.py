"""Sealed requests: who seals can open, nobody else, nothing altered, nothing elsewhere, nothing too late."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.oauth.authorization import sealed
from service.oauth.authorization.request import AuthorizationRequest, read, written
from service.oauth.authorization.sealed import PUSHED, UNDER_WAY, closed, opened_text
from service.secrets.master_key import MasterKeys
from tests.fake_clock import FakeClock

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
RING = MasterKeys([OLD])
TEXT = st.text(max_size=20)
MAYBE = st.none() | TEXT
REQUESTS = st.builds(
    AuthorizationRequest,
    client_id=TEXT,
    redirect_uri=TEXT,
    scope=st.lists(TEXT, max_size=4).map(tuple),
    audience=TEXT,
    asked_at=st.datetimes(timezones=st.just(UTC)),
    redirect_uri_given=st.booleans(),
    response_mode=TEXT,
    state=MAYBE,
    nonce=MAYBE,
    code_challenge=MAYBE,
    prompt=st.frozensets(TEXT, max_size=3),
    max_age=st.none() | st.integers(0, 10**10),
    login_hint=MAYBE,
    ui_locales=MAYBE,
    account=st.none() | st.uuids(),
    subject=st.none() | st.uuids(),
)


@dataclass
class Parts:
    """What sealing needs of a worker."""

    ring: MasterKeys
    clock: FakeClock = field(default_factory=FakeClock)
    reloaded: list[MasterKeys] = field(default_factory=list)

    def reload_ring(self) -> None:
        self.reloaded.append(self.ring)
        if len(self.reloaded) == 1:
            self.ring.adopt(MasterKeys([NEW, OLD]))


def a_request(clock, **more):
    return AuthorizationRequest("shop", "https://app.example.com/cb", ("openid",), "a", clock.now(), **more)


@given(REQUESTS)
def test_a_request_comes_back_as_it_was_written(asked):
    assert read(written(asked)) == asked


@given(st.binary(max_size=400))
def test_what_was_sealed_opens_for_its_purpose_alone(text):
    box = closed(RING, text, UNDER_WAY)
    assert opened_text(RING, box, UNDER_WAY) == text
    assert opened_text(RING, box, PUSHED) is None
    assert opened_text(MasterKeys([NEW]), box, UNDER_WAY) is None
    assert closed(RING, text, UNDER_WAY) != box, "no two are alike"


@given(st.binary(min_size=1, max_size=60), st.data())
def test_nothing_that_was_altered_opens(text, data):
    box = closed(RING, text, UNDER_WAY)
    place = data.draw(st.integers(0, len(box) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ .\n"))
    if box[place] != other:
        assert opened_text(RING, box[:place] + other + box[place + 1 :], UNDER_WAY) is None
    assert opened_text(RING, box[:place], UNDER_WAY) is None
    assert opened_text(RING, box + other, UNDER_WAY) is None


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.hex()))
def test_no_other_text_opens(text):
    assert opened_text(RING, text, UNDER_WAY) is None


def test_a_request_opens_for_an_hour_and_not_at_its_end():
    parts = Parts(RING)
    asked = a_request(parts.clock, state="s")
    box = sealed.seal(parts, asked)
    parts.clock.move(timedelta(hours=1) - timedelta(microseconds=1))
    assert sealed.opened(parts, box) == asked
    parts.clock.move(timedelta(microseconds=1))
    assert sealed.opened(parts, box) is None


def test_a_pushed_request_is_none_under_way_and_the_other_way_round():
    parts = Parts(RING)
    asked = a_request(parts.clock)
    assert sealed.opened(parts, closed(RING, written(asked), PUSHED)) is None
    assert sealed.live(parts, sealed.seal(parts, asked), PUSHED, timedelta(hours=1)) is None


def test_what_a_worker_with_a_newer_key_sealed_opens_once_the_ring_was_read_again():
    parts = Parts(MasterKeys([OLD]))
    asked = a_request(parts.clock)
    before = sealed.seal(parts, asked)
    newer = Parts(MasterKeys([NEW, OLD]), clock=parts.clock)
    assert sealed.opened(parts, before) == asked
    assert parts.reloaded == [], "a key that is known is no reason to read the ring"
    assert sealed.opened(parts, sealed.seal(newer, asked)) == asked
    assert len(parts.reloaded) == 1
    assert sealed.opened(parts, before) == asked, "what an older key sealed opens still"


@pytest.mark.parametrize("text", ["", "AQ", "x" * 40, "ä", "\x00", "A" * 9000])
def test_what_does_not_read_as_sealed_makes_nobody_read_the_ring(text):
    parts = Parts(MasterKeys([OLD]))
    assert sealed.opened(parts, text) is None
    assert parts.reloaded == []


def test_a_request_of_another_version_has_expired_rather_than_failed():
    assert read(b"{}") is None
    assert read(b"\xff") is None
    assert read(msgspec.json.encode({"client_id": 7})) is None


def test_the_longest_request_fits_into_an_address_whatever_it_says():
    import secrets  # noqa: PLC0415

    longest = closed(RING, secrets.token_bytes(4096), UNDER_WAY)
    assert len(longest) < 5600


MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def asked_with(**more):
    return AuthorizationRequest("shop", "u", (), "a", MOMENT, **more)


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_who_has_to_sign_in_again_does_so_after_the_request_and_once(prompt):
    asked = asked_with(prompt=frozenset({prompt}))
    assert not asked.accepts(MOMENT - INSTANT)
    assert asked.accepts(MOMENT)
    assert asked.accepts(MOMENT + timedelta(minutes=50))


def test_an_age_counts_from_the_request_to_the_second():
    asked = asked_with(max_age=60)
    assert asked.accepts(MOMENT - timedelta(seconds=60))
    assert not asked.accepts(MOMENT - timedelta(seconds=60) - INSTANT)
    assert asked.accepts(MOMENT + timedelta(minutes=50))
    assert not asked_with(max_age=0).accepts(MOMENT - INSTANT)
    assert asked_with(max_age=0).accepts(MOMENT)
    assert asked_with().accepts(MOMENT - timedelta(days=300))
    assert asked_with(max_age=9_999_999_999, account=UUID(int=1)).accepts(MOMENT - timedelta(days=300))
