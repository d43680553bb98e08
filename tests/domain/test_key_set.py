"""An application's key set holds public keys only."""

from __future__ import annotations

from typing import Any

import pytest

from domain.key_set import public_keys
from domain.refusals import InvalidKeySet

EC = {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LN"}
OKP = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RSA = {"kty": "RSA", "n": "x" * 342, "e": "AQAB"}


def test_no_key_set_is_a_key_set() -> None:
    assert public_keys(None) is None


@pytest.mark.parametrize("key", [EC, OKP, RSA], ids=["EC", "OKP", "RSA"])
def test_a_public_key_is_taken_as_it_is(key: dict[str, Any]) -> None:
    assert public_keys({"keys": [key]}) == {"keys": [key]}


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_member_is_refused_whatever_the_type_says(member: str) -> None:
    with pytest.raises(InvalidKeySet):
        public_keys({"keys": [EC | {member: "secret"}]})


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "secret"},
        {"kty": "oct"},
        {"kty": ["EC"]},
        {},
        "key",
        None,
        {"kty": "EC", "crv": "P-256", "x": "a"},
        EC | {"x": ""},
        EC | {"x": 1},
        EC | {"kid": 1},
        RSA | {"n": "x" * 341},
        RSA | {"n": "x" * 2049},
    ],
)
def test_what_is_no_public_key_is_refused(key: object) -> None:
    with pytest.raises(InvalidKeySet) as refusal:
        public_keys({"keys": [key]})
    assert refusal.value.field == "key_set"


@pytest.mark.parametrize("value", [{}, {"keys": None}, {"keys": []}, {"keys": {}}])
def test_an_empty_key_set_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeySet):
        public_keys(value)


def test_a_key_set_has_ten_keys_at_most() -> None:
    keys = [EC | {"kid": str(number)} for number in range(11)]
    assert public_keys({"keys": keys[:10]})
    with pytest.raises(InvalidKeySet):
        public_keys({"keys": keys})


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidKeySet):
        public_keys({"keys": [EC | {"kid": "a"}, OKP | {"kid": "a"}]})
