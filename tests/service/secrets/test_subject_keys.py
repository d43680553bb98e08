"""Data keys are held for a minute at most, in a bounded number, and only once they are true."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from service.secrets.master_key import MasterKeys, UnknownMasterKey, WrapBroken
from service.secrets.sealing import open_sealed, seal
from service.secrets.subject_keys import SubjectKeys

RING = MasterKeys([bytes(range(32))])
ADA, BOB, EVE = UUID(int=1), UUID(int=2), UUID(int=3)


@dataclass
class Clock:
    """A monotonic clock that moves when told."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the moment in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> SubjectKeys:
    return SubjectKeys(RING, clock, size=2)


def test_a_new_key_is_not_held_before_it_is_admitted(keys: SubjectKeys) -> None:
    new = keys.new_key(ADA)
    assert keys.get(ADA) is None
    assert len(keys) == 0
    keys.admit(new)
    assert keys.get(ADA) is new.cipher


def test_what_a_new_key_sealed_opens_with_the_key_read_from_its_row(keys: SubjectKeys) -> None:
    new = keys.new_key(ADA)
    sealed = seal(new.cipher, b"Ada", subject=ADA, topic="user.created", field="name")
    read = keys.put(ADA, new.wrapped, new.master_key_id)
    assert open_sealed(read, sealed, subject=ADA, topic="user.created", field="name") == b"Ada"
    assert new.master_key_id == RING.current_id


def test_a_key_is_a_miss_from_the_sixtieth_second_on(keys: SubjectKeys, clock: Clock) -> None:
    keys.admit(keys.new_key(ADA))
    clock.now += 59.999
    assert keys.get(ADA) is not None
    clock.now = 1060.0
    assert keys.get(ADA) is None
    assert len(keys) == 0


def test_use_does_not_prolong_a_key_but_putting_it_again_does(keys: SubjectKeys, clock: Clock) -> None:
    new = keys.new_key(ADA)
    keys.admit(new)
    clock.now += 30
    keys.get(ADA)
    keys.put(ADA, new.wrapped, new.master_key_id)
    clock.now += 59
    assert keys.get(ADA) is not None
    clock.now += 1
    assert keys.get(ADA) is None


def test_expired_keys_leave_memory_without_being_asked_for(keys: SubjectKeys, clock: Clock) -> None:
    keys.admit(keys.new_key(ADA))
    clock.now += 10
    keys.admit(keys.new_key(BOB))
    clock.now += 50
    assert len(keys) == 2
    keys.sweep()
    assert len(keys) == 1
    assert keys.get(BOB) is not None


def test_the_least_recently_used_key_makes_room(keys: SubjectKeys) -> None:
    keys.admit(keys.new_key(ADA))
    keys.admit(keys.new_key(BOB))
    keys.get(ADA)
    keys.admit(keys.new_key(EVE))
    assert len(keys) == 2
    assert keys.get(BOB) is None
    assert keys.get(ADA) is not None
    assert keys.get(EVE) is not None


def test_the_bound_holds_over_many_subjects(clock: Clock) -> None:
    keys = SubjectKeys(RING, clock)
    row = keys.new_key(ADA)
    for number in range(10_050):
        keys.admit(type(row)(UUID(int=number), row.wrapped, row.master_key_id, row.cipher))
    assert len(keys) == 10_000
    assert keys.get(UUID(int=49)) is None
    assert keys.get(UUID(int=50)) is not None


def test_a_forgotten_key_is_gone_at_once_and_forgetting_twice_is_fine(keys: SubjectKeys) -> None:
    keys.admit(keys.new_key(ADA))
    keys.forget(ADA)
    keys.forget(ADA)
    assert keys.get(ADA) is None


def test_a_row_that_does_not_unwrap_is_not_held(keys: SubjectKeys) -> None:
    new = keys.new_key(ADA)
    with pytest.raises(WrapBroken):
        keys.put(BOB, new.wrapped, new.master_key_id)
    with pytest.raises(UnknownMasterKey):
        keys.put(ADA, new.wrapped, "0" * 16)
    assert len(keys) == 0


def test_a_new_key_does_not_show(keys: SubjectKeys) -> None:
    shown = f"NewSubjectKey(subject={ADA!r}, master_key_id='{RING.current_id}')"
    assert repr(keys.new_key(ADA)) == shown
