"""A code is six digits that follow from a verification and a master key, and from nothing that is kept."""

from __future__ import annotations

from uuid import UUID, uuid4

from service.secrets.master_key import MasterKeys
from service.secrets.verification_codes import code, is_code

OLD, NEW = bytes(range(32)), bytes(reversed(range(32)))
RING = MasterKeys([OLD])
ID = UUID(int=9)


def test_a_code_is_six_digits_and_always_the_same() -> None:
    first = code(RING, RING.current_id, ID)
    assert first == code(MasterKeys([OLD]), RING.current_id, ID)
    codes = [code(RING, RING.current_id, uuid4()) or "" for _ in range(500)]
    assert all(len(each) == 6 and each.isascii() and each.isdigit() for each in codes)
    assert len(set(codes)) > 480
    assert {each[0] for each in codes} == set("0123456789"), "zeros in front are kept"


def test_another_key_makes_another_code_and_old_ones_stay_known() -> None:
    rotated = MasterKeys([NEW, OLD])
    assert (
        code(rotated, rotated.current_id, ID) != code(rotated, RING.current_id, ID) == code(RING, RING.current_id, ID)
    )
    assert code(MasterKeys([NEW]), RING.current_id, ID) is None


def test_only_the_code_of_its_own_key_is_right() -> None:
    rotated = MasterKeys([NEW, OLD])
    right, other = code(rotated, RING.current_id, ID) or "", code(rotated, rotated.current_id, ID) or ""
    assert is_code(rotated, RING.current_id, ID, right)
    assert not is_code(rotated, RING.current_id, ID, other)
    assert not is_code(MasterKeys([NEW]), RING.current_id, ID, right)
    assert not is_code(MasterKeys([NEW]), RING.current_id, ID, "")


def test_whatever_is_typed_is_compared() -> None:
    right = code(RING, RING.current_id, ID) or ""
    for typed in ("", right[:-1], f"{right} ", "\ud800", "é" * 3):
        assert not is_code(RING, RING.current_id, ID, typed)
