"""Addresses come to one form, however they are written, and two spellings of one are the same to the store."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import person
from domain.refusals import InvalidEmail
from service.commands import claims
from service.commands.emails import identity, normalised

LOCAL = st.text("abcxyzABCXYZ0189!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=64)
LABEL = st.text("abcxyzABC019", min_size=1, max_size=20)
ADDRESSES = st.builds("{}@{}.{}.com".format, LOCAL, LABEL, LABEL)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Ada@Example.COM ", "Ada@example.com"),
        ("ada+tag@example.com", "ada+tag@example.com"),
        ("ada@bücher.example.com", "ada@bücher.example.com"),
        ("ada@xn--bcher-kva.example.com", "ada@bücher.example.com"),
        ("zoe\u0308@example.com", "zoë@example.com"),
        ("李@example.com", "李@example.com"),
    ],
)
def test_an_address_is_kept_in_one_form(written: str, kept: str) -> None:
    assert normalised(written) == kept


@pytest.mark.parametrize(
    "written",
    ["", "ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@exa mple.com", "ada@example..com",
     ".ada@example.com", "ada@-example.com", "ada@example.com\r\nBcc: eve@example.com", "Ada <ada@example.com>",
     '"a b"@example.com', "ada@[127.0.0.1]", "ada@localhost", "ada@x.invalid", "a" * 65 + "@example.com",
     "ada@" + "b." * 130 + "com", "ada\x00@example.com", "ada@example.com\u202e"],
)  # fmt: skip
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(InvalidEmail) as refused:
        normalised(written)
    assert refused.value.field == "email"


@given(ADDRESSES)
def test_the_kept_form_stays_as_it_is_and_pleases_the_rules(address: str) -> None:
    try:
        kept = normalised(address)
    except InvalidEmail:
        return
    assert normalised(kept) == kept
    assert person.email(kept) == kept
    assert kept.rpartition("@")[0] == address.rpartition("@")[0], "who somebody is at their server is theirs to write"


@given(ADDRESSES)
def test_letter_case_tells_nobody_apart(address: str) -> None:
    assert identity(address) == identity(address.upper()) == identity(address.lower()) == identity(identity(address))


@given(st.text(max_size=40), st.text(max_size=40))
def test_anything_else_is_an_address_or_refused(local: str, domain: str) -> None:
    try:
        kept = normalised(f"{local}@{domain}")
    except InvalidEmail:
        return
    assert person.email(kept) == kept == normalised(kept)


@pytest.mark.parametrize("typed", ["a" + "\u0301\u0316" * 16_000 + "@example.com", "a" * 60_000 + "@example.com"])
def test_what_is_far_too_long_is_nobodys_and_takes_no_time(typed: str) -> None:
    began = perf_counter()
    with pytest.raises(InvalidEmail):
        normalised(typed)
    assert claims.sign_in_name(typed) == (claims.EMAIL, "")
    assert perf_counter() - began < 0.5
