"""A seal opens with its own key in its own place, unchanged, and never otherwise."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from service.secrets.sealing import OVERHEAD_BYTES, SealBroken, open_sealed, seal

KEY = bytes(range(32))
SUBJECT = UUID("018f3a5c-7d2e-7b41-9c55-0a1b2c3d4e5f")
OTHER = UUID("018f3a5c-7d2e-7b41-9c55-0a1b2c3d4e60")
PLAIN = "Zoë Ångström".encode()
# Made with bare AES-GCM from the format's description: nonce 64 65 … 6f, topic user.created, field name.
GOLDEN = "AWRlZmdoaWprbG1ubxJ0Hc1ZKtPwWRErmhnTB9vzeGKOhP_Mv32bJSB5ARY"


def sealed_name(key: bytes | AESGCM = KEY) -> str:
    return seal(key, PLAIN, subject=SUBJECT, topic="user.created", field="name")


def opened_name(sealed: str, key: bytes | AESGCM = KEY) -> bytes:
    return open_sealed(key, sealed, subject=SUBJECT, topic="user.created", field="name")


def raw(sealed: str) -> bytearray:
    return bytearray(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))


def text(raw: bytes | bytearray) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_golden_seal_opens_for_ever() -> None:
    assert opened_name(GOLDEN) == PLAIN


def test_a_new_seal_has_the_documented_layout() -> None:
    fresh = bytes(raw(sealed_name()))
    place = b"muniment-seal-v1" + SUBJECT.bytes + b"\x00\x0cuser.created" + b"\x00\x04name"
    assert fresh[0] == 1
    assert len(fresh) == OVERHEAD_BYTES + len(PLAIN)
    assert AESGCM(KEY).decrypt(fresh[1:13], fresh[13:], place) == PLAIN


@given(st.binary(max_size=200), st.uuids(), st.text(max_size=40), st.text(max_size=40))
def test_what_was_sealed_is_what_opens(plain: bytes, subject: UUID, topic: str, field: str) -> None:
    sealed = seal(KEY, plain, subject=subject, topic=topic, field=field)
    assert open_sealed(AESGCM(KEY), sealed, subject=subject, topic=topic, field=field) == plain


def test_sealing_twice_gives_two_texts() -> None:
    assert sealed_name() != sealed_name()


@pytest.mark.parametrize("place", range(OVERHEAD_BYTES + len(PLAIN)))
def test_a_changed_bit_in_any_byte_breaks_the_seal(place: int) -> None:
    changed = raw(GOLDEN)
    changed[place] ^= 1
    with pytest.raises(SealBroken):
        opened_name(text(changed))


@pytest.mark.parametrize("length", range(OVERHEAD_BYTES + len(PLAIN)))
def test_a_shortened_seal_is_broken(length: int) -> None:
    with pytest.raises(SealBroken):
        opened_name(text(raw(GOLDEN)[:length]))


@pytest.mark.parametrize("place", range(len(GOLDEN)))
def test_any_other_character_breaks_the_seal(place: int) -> None:
    other = "B" if GOLDEN[place] == "A" else "A"
    with pytest.raises(SealBroken):
        opened_name(GOLDEN[:place] + other + GOLDEN[place + 1 :])


def test_a_second_spelling_of_the_same_bytes_is_broken() -> None:
    respelled = GOLDEN[:-1] + "Z"
    assert raw(respelled) == raw(GOLDEN)
    with pytest.raises(SealBroken):
        opened_name(respelled)


@pytest.mark.parametrize("stray", ["=", " ", "\n", "A", "é", "\ud800"])
def test_a_stray_character_breaks_the_seal(stray: str) -> None:
    for sealed in (GOLDEN + stray, stray + GOLDEN, GOLDEN[:20] + stray + GOLDEN[20:]):
        with pytest.raises(SealBroken):
            opened_name(sealed)


@pytest.mark.parametrize(
    ("subject", "topic", "field"),
    [
        (OTHER, "user.created", "name"),
        (SUBJECT, "user.renamed", "name"),
        (SUBJECT, "user.created", "email"),
        (SUBJECT, "user.createdn", "ame"),
        (SUBJECT, "user.create", "dname"),
        (SUBJECT, "", "user.createdname"),
    ],
)
def test_a_seal_does_not_open_in_another_place(subject: UUID, topic: str, field: str) -> None:
    with pytest.raises(SealBroken):
        open_sealed(KEY, GOLDEN, subject=subject, topic=topic, field=field)


def test_a_seal_does_not_open_with_another_key() -> None:
    with pytest.raises(SealBroken):
        opened_name(GOLDEN, key=bytes(32))


def test_a_broken_seal_names_its_place_and_no_secret() -> None:
    with pytest.raises(SealBroken) as broken:
        opened_name(GOLDEN[:-1])
    assert str(broken.value) == f"the seal of name in user.created of {SUBJECT} does not open"
    assert broken.value.__cause__ is None
