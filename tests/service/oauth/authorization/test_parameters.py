"""How the parameters of a request are read: every one of them once, nothing mended."""

from __future__ import annotations

from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.body import BadBody
from service.oauth.authorization.parameters import parse

NAMES = st.text(alphabet="abcde_", min_size=1, max_size=3)
VALUES = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=10)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=20))
def test_each_is_a_value_or_repeated_or_nothing(pairs):
    read = parse(urlencode(pairs).encode())
    names = [name for name, _ in pairs]
    assert read.repeated == {name for name in names if names.count(name) > 1}
    assert read.values == {name: value for name, value in pairs if value and name not in read.repeated}


@given(st.binary(max_size=200))
def test_whatever_arrives_is_read_or_refused(raw):
    try:
        read = parse(raw)
    except BadBody:
        return
    assert not read.repeated.intersection(read.values)
    assert all(value and "\x00" not in value for value in read.values.values())


def test_a_name_that_stands_twice_has_no_value_even_if_both_agree():
    for raw in (b"state=a&state=a", b"state=a&state=", b"state&state=a", b"%73tate=a&state=a"):
        read = parse(raw)
        assert (read.values, read.repeated) == ({}, {"state"})


@pytest.mark.parametrize("raw", [b"a=%ff", b"\xff=a", b"a=%00", b"a=" + b"x" * 16_385, b"&".join([b"a=1"] * 101)])
def test_what_is_no_text_or_too_much_is_refused(raw):
    with pytest.raises(BadBody):
        parse(raw)


def test_text_comes_as_it_was_meant():
    assert parse(f"a={quote_plus('ä +&=')}&b=%2B+x".encode()).values == {"a": "ä +&=", "b": "+ x"}
