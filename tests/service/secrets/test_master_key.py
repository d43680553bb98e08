"""The ring wraps and derives under its current key and still opens what its older keys closed."""

from __future__ import annotations

import base64
import secrets
from uuid import UUID

import pytest

from service.secrets.master_key import InvalidMasterKey, MasterKeys, UnknownMasterKey, WrapBroken, key_id

OLD = bytes(range(32))
NEW = bytes(range(1, 33))
DATA_KEY = bytes(range(32, 64))
SUBJECT = UUID("018f3a5c-7d2e-7b41-9c55-0a1b2c3d4e5f")
OTHER = UUID("018f3a5c-7d2e-7b41-9c55-0a1b2c3d4e60")
# Made with bare AES-GCM and HMAC from the formats' descriptions, under OLD; rows hold such values for ever.
GOLDEN_ID = "068535ceb69d3212"
GOLDEN_WRAP = bytes.fromhex(
    "6465666768696a6b6c6d6e6f683afc455dcc70b9164b75c3f64844d272f33439"
    "bf59c5459fe89673c79e9b777c0a0b80665c0447b1f994dcbeaf312c"
)
GOLDEN_DERIVED = bytes.fromhex("8c38b7693c5470edd544c2ea8224893f4c0820a63532b33fe14a80121222bb5d")
GOLDEN_MAC = bytes.fromhex("baad6579dc46773ebe54806d9c9438d9f6950b7d2e99e4b6374fb84f07a4f7bb")


def test_the_golden_values_hold_for_ever() -> None:
    ring = MasterKeys([OLD])
    assert ring.current_id == key_id(OLD) == GOLDEN_ID
    assert ring.unwrap(GOLDEN_WRAP, subject=SUBJECT, key_id=GOLDEN_ID) == DATA_KEY
    assert ring.derive("idempotency", b"key-1") == GOLDEN_DERIVED
    assert ring.mac("email", b"ada@example.org") == GOLDEN_MAC


def test_a_wrapped_key_has_nonce_then_ciphertext_and_tag() -> None:
    ring = MasterKeys([OLD])
    wrapped = ring.wrap(DATA_KEY, subject=SUBJECT)
    assert len(wrapped) == 12 + 32 + 16
    assert wrapped != ring.wrap(DATA_KEY, subject=SUBJECT)
    assert ring.unwrap(wrapped, subject=SUBJECT, key_id=ring.current_id) == DATA_KEY


@pytest.mark.parametrize("place", range(60))
def test_a_changed_bit_in_any_byte_breaks_the_wrap(place: int) -> None:
    changed = bytearray(GOLDEN_WRAP)
    changed[place] ^= 1
    with pytest.raises(WrapBroken):
        MasterKeys([OLD]).unwrap(bytes(changed), subject=SUBJECT, key_id=GOLDEN_ID)


@pytest.mark.parametrize("length", range(60))
def test_a_shortened_wrap_is_broken(length: int) -> None:
    with pytest.raises(WrapBroken):
        MasterKeys([OLD]).unwrap(GOLDEN_WRAP[:length], subject=SUBJECT, key_id=GOLDEN_ID)


def test_a_wrap_does_not_open_for_another_subject() -> None:
    with pytest.raises(WrapBroken):
        MasterKeys([OLD]).unwrap(GOLDEN_WRAP, subject=OTHER, key_id=GOLDEN_ID)


def test_a_wrap_does_not_open_under_another_key_of_the_ring() -> None:
    with pytest.raises(WrapBroken):
        MasterKeys([NEW, OLD]).unwrap(GOLDEN_WRAP, subject=SUBJECT, key_id=key_id(NEW))


def test_a_key_that_is_not_on_the_ring_is_named() -> None:
    with pytest.raises(UnknownMasterKey, match=GOLDEN_ID) as unknown:
        MasterKeys([NEW]).unwrap(GOLDEN_WRAP, subject=SUBJECT, key_id=GOLDEN_ID)
    assert unknown.value.key_id == GOLDEN_ID


def test_an_older_key_opens_and_the_current_one_closes() -> None:
    ring = MasterKeys([NEW, OLD])
    assert ring.ids == (key_id(NEW), key_id(OLD))
    assert ring.unwrap(GOLDEN_WRAP, subject=SUBJECT, key_id=GOLDEN_ID) == DATA_KEY
    assert MasterKeys([NEW]).unwrap(ring.wrap(DATA_KEY, subject=SUBJECT), subject=SUBJECT, key_id=key_id(NEW))


def test_derived_keys_of_older_master_keys_stay_within_reach() -> None:
    ring = MasterKeys([NEW, OLD])
    assert ring.derive_all("idempotency", b"key-1") == (ring.derive("idempotency", b"key-1"), GOLDEN_DERIVED)
    assert ring.mac_all("email", b"ada@example.org") == (ring.mac("email", b"ada@example.org"), GOLDEN_MAC)


def test_purpose_and_context_never_run_together() -> None:
    ring = MasterKeys([OLD])
    pairs = [("ab", b"c"), ("a", b"bc"), ("abc", b""), ("", b"abc"), ("ab", b"")]
    assert len({ring.derive(purpose, context) for purpose, context in pairs}) == len(pairs)


def test_base64_is_read_in_either_alphabet_from_commas_or_lines() -> None:
    first, second = b"\xfb\xff" * 16, NEW
    standard, url = base64.b64encode(first).decode(), base64.urlsafe_b64encode(first).decode().rstrip("=")
    other = base64.b64encode(second).decode()
    assert standard != url
    ids = (key_id(first), key_id(second))
    for text in (f"{standard},{other}", f" {url} , {other}\n", f"{url}\n{other}\n", f"{standard},{other},"):
        assert MasterKeys.from_base64(text).ids == ids


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is no master key"),
        (" ,\n", "there is no master key"),
        ("c2hvcnQ=", "master key 1 of 1 has 5 bytes, not 32"),
        (f"{base64.b64encode(OLD).decode()},c2hvcnQ=", "master key 2 of 2 has 5 bytes, not 32"),
        ("correct-horse!", "master key 1 of 1 is not base64"),
        ("ключ", "master key 1 of 1 is not base64"),
        (f"{base64.b64encode(OLD).decode()}," * 2, "the same master key is given twice"),
    ],
)
def test_a_text_that_is_no_key_is_refused_with_the_reason_and_without_the_text(text: str, reason: str) -> None:
    with pytest.raises(InvalidMasterKey, match=reason) as invalid:
        MasterKeys.from_base64(text)
    assert invalid.value.__cause__ is None
    assert not any(part in str(invalid.value) for part in text.replace("=", "").split(",") if part.strip())


def test_keys_never_show() -> None:
    key = secrets.token_bytes(32)
    ring = MasterKeys([key])
    ring.mac("email", b"")
    assert repr(ring) == f"MasterKeys({key_id(key)})" == str(ring)
    assert not hasattr(ring, "__dict__")


def test_generated_keys_differ() -> None:
    assert MasterKeys.generate().current_id != MasterKeys.generate().current_id
