"""User codes are easy to read and to type, and stored as what only the service can make of them."""

from __future__ import annotations

import pytest

from service.secrets import user_codes
from service.secrets.master_key import MasterKeys

OLD, NEW = bytes(32), bytes(range(32))


def test_a_code_is_of_eight_consonants_that_nobody_confuses() -> None:
    codes = {user_codes.new_code() for _ in range(200)}
    assert len(codes) == 200
    assert {len(code) for code in codes} == {8}
    assert set("".join(codes)) == set("BCDFGHJKLMNPQRSTVWXZ")


def test_a_code_is_shown_in_two_halves() -> None:
    assert {user_codes.shown(typed) for typed in ("BCDFGHJK", "bcdf-ghjk", "b c d f g h j k")} == {"BCDF-GHJK"}
    assert user_codes.shown("no code") == "no code"


@pytest.mark.parametrize(
    "typed",
    [
        "BCDF-GHJK",
        "BCDFGHJK",
        "bcdf-ghjk",
        " bcdf ghjk ",
        "b-c-d-f-g-h-j-k",
        "BCDF\u2013GHJK",  # an en dash, as word processors make of a hyphen
        "\uff22\uff23\uff24\uff26\uff0d\uff27\uff28\uff2a\uff2b",  # full width, as Chinese keyboards write
    ],
)
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert user_codes.read(typed) == "BCDFGHJK"


@pytest.mark.parametrize("typed", ["", "-", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1", "BCDF_GHJK", "B" * 65])
def test_what_is_no_code_is_not_read_as_one(typed: str) -> None:
    assert user_codes.read(typed) is None


def test_a_code_is_found_under_every_key_of_the_ring() -> None:
    former = user_codes.digest(MasterKeys([OLD]), "BCDFGHJK")
    ring = MasterKeys([NEW, OLD])
    assert user_codes.digests(ring, "BCDFGHJK") == [user_codes.digest(ring, "BCDFGHJK"), former]
    assert former not in user_codes.digests(MasterKeys([NEW]), "BCDFGHJK")
    assert "BCDFGHJK" not in former
    assert len(former) == 64
