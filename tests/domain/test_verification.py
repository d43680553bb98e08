"""A code that was sent is right, wrong, too old or guessed at too often, and each of these at its exact instant."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from domain.refusals import CodeBurnt, CodeExpired, NoCodeSent, NotVerified
from domain.verification import GENERIC, GOOD_FOR, Verification
from tests.domain.given import INSTANT, NOW, ORGANIZATION, happened, settled

LIFETIME = timedelta(seconds=600)


def sent() -> Verification:
    return settled(
        Verification.send(id=uuid4(), organization=ORGANIZATION, purpose=GENERIC, channel="email", key="key", now=NOW)
    )


def judged(verification: Verification, *, right: bool, tries: int = 10, after: timedelta = timedelta(0)) -> bool:
    return verification.judge(right=right, lifetime=LIFETIME, tries=tries, now=NOW + after)


def test_what_was_sent_tells_neither_code_nor_recipient() -> None:
    verification = Verification.send(
        id=uuid4(), organization=ORGANIZATION, purpose=GENERIC, channel="sms", key="key", now=NOW
    )
    [event] = verification.collect_events()
    told = {name: value for name, value in vars(event).items() if name not in ("originator_id", "originator_topic")}
    assert told == {
        "originator_version": 1,
        "timestamp": NOW,
        "organization": ORGANIZATION,
        "purpose": "generic",
        "channel": "sms",
        "key": "key",
    }


def test_the_right_code_is_used_up() -> None:
    verification = sent()
    assert judged(verification, right=True)
    assert happened(verification) == ["verification.consumed"]
    assert not verification.waits
    with pytest.raises(NoCodeSent):
        judged(verification, right=True)
    assert happened(verification) == []


def test_a_wrong_code_is_counted_and_nothing_else_is() -> None:
    verification = sent()
    assert not judged(verification, right=False)
    assert happened(verification) == ["verification.missed"]
    assert (verification.misses, verification.waits) == (1, True)
    assert judged(verification, right=True)
    assert verification.misses == 1


def test_a_code_lives_until_its_lifetime_is_over() -> None:
    assert judged(sent(), right=True, after=LIFETIME - INSTANT)
    old = sent()
    for right in (True, False):
        with pytest.raises(CodeExpired):
            judged(old, right=right, after=LIFETIME)
    assert happened(old) == []
    assert old.waits, "it stays in the way"


def test_after_its_tries_even_the_right_code_is_refused() -> None:
    verification = sent()
    for _ in range(9):
        judged(verification, right=False)
    assert judged(verification, right=True), "the tenth try may be right"
    verification = sent()
    for _ in range(10):
        assert not judged(verification, right=False)
    happened(verification)
    for right in (True, False):
        with pytest.raises(CodeBurnt):
            judged(verification, right=right)
    assert happened(verification) == []
    assert judged(verification, right=True, tries=11), "what counts is how many tries there are now"


def test_a_code_that_is_both_old_and_burnt_is_old() -> None:
    verification = sent()
    judged(verification, right=False)
    with pytest.raises(CodeExpired):
        judged(verification, right=True, tries=1, after=LIFETIME)


def test_a_code_that_made_room_for_another_is_none() -> None:
    verification = sent()
    verification.replace(NOW)
    verification.replace(NOW)
    assert happened(verification) == ["verification.replaced"]
    with pytest.raises(NoCodeSent):
        judged(verification, right=True)


def test_a_code_that_was_typed_needs_no_room() -> None:
    verification = sent()
    judged(verification, right=True)
    happened(verification)
    verification.replace(NOW)
    assert happened(verification) == []


def test_what_a_code_showed_is_made_use_of_once() -> None:
    verification = sent()
    judged(verification, right=True)
    happened(verification)
    verification.spend(NOW + GOOD_FOR - INSTANT)
    assert happened(verification) == ["verification.spent"]
    with pytest.raises(NotVerified):
        verification.spend(NOW)


def test_what_a_code_showed_is_good_for_ten_minutes() -> None:
    verification = sent()
    with pytest.raises(NotVerified):
        verification.spend(NOW)
    judged(verification, right=True)
    happened(verification)
    with pytest.raises(NotVerified):
        verification.spend(NOW + timedelta(seconds=600))
    assert happened(verification) == []
