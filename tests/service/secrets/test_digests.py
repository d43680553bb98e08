"""Secrets are random, recognisable, and compared without telling how close a guess came."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.secrets.digests import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    DUMMY_DIGEST,
    REFRESH_TOKEN,
    has_checksum,
    new_secret,
    same,
    sha256_hex,
    verify_any,
    written,
)

GOLDEN = "mun_sec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize("prefix", [CLIENT_SECRET, ACCESS_TOKEN, REFRESH_TOKEN])
def test_a_new_secret_can_be_found_by_scanners(prefix: str) -> None:
    secret = new_secret(prefix)
    assert re.fullmatch(prefix + "[A-Za-z0-9_-]{49}", secret)
    assert re.fullmatch("mun_[a-z]+_[A-Za-z0-9_-]{49}", secret)
    assert has_checksum(secret)


def test_new_secrets_differ() -> None:
    assert len({new_secret() for _ in range(1000)}) == 1000


def test_the_size_counts_random_bytes() -> None:
    assert len(new_secret(size=16)) == 22 + 6


def test_a_mistyped_character_breaks_the_checksum() -> None:
    secret = new_secret(CLIENT_SECRET)
    for place, character in enumerate(secret):
        other = "x" if character != "x" else "y"
        assert not has_checksum(secret[:place] + other + secret[place + 1 :])


@pytest.mark.parametrize("text", ["", "AAAAAA", "short", "\ud800" * 20])
def test_other_texts_have_no_checksum(text: str) -> None:
    assert not has_checksum(text)


def test_the_golden_checksum_holds_for_ever() -> None:
    assert has_checksum(GOLDEN + "EpQP3Q")


def test_the_digest_is_plain_sha256_over_utf8() -> None:
    assert sha256_hex("pässwörd") == hashlib.sha256("pässwörd".encode()).hexdigest()


@given(st.text(alphabet=st.characters(), max_size=20), st.text(alphabet=st.characters(), max_size=20))
def test_any_two_texts_compare_as_equality_does(a: str, b: str) -> None:
    assert same(a, b) == (a == b)
    assert same(a, a)


def test_a_presented_secret_finds_its_place() -> None:
    candidates = [new_secret() for _ in range(5)]
    digests = [sha256_hex(secret) for secret in candidates]
    assert [verify_any(secret, digests) for secret in candidates] == [0, 1, 2, 3, 4]
    assert verify_any(new_secret(), digests) is None
    assert verify_any("", digests) is None


def test_a_digest_is_not_accepted_in_a_secrets_place() -> None:
    digest = sha256_hex(new_secret())
    assert verify_any(digest, [digest]) is None
    assert verify_any(DUMMY_DIGEST, [DUMMY_DIGEST]) is None


def test_nothing_matches_no_digests() -> None:
    assert verify_any(new_secret(), []) is None


@pytest.mark.parametrize("presented", ["\ud800", "\udc80abc", "\x00", "ключ"])
def test_a_strange_secret_is_wrong_and_no_crash(presented: str) -> None:
    assert verify_any(presented, [sha256_hex("right")]) is None


def test_a_derived_secret_is_written_like_a_new_one() -> None:
    text = written("mun_inv_", bytes(range(32)))
    assert text == written("mun_inv_", bytes(range(32))) != written("mun_ver_", bytes(range(32)))
    assert has_checksum(text)
    assert len(text) == len(new_secret("mun_inv_"))
