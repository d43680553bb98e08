"""Scope tokens follow RFC 6749 section 3.3, audiences RFC 8707 section 2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refusals import InvalidAudience, InvalidScope, TooMany
from domain.scope import audience, audience_list, scope_list


@pytest.mark.parametrize("token", ["!", "#", "[", "]", "~", "read:all", "a" * 128])
def test_a_scope_token_is_visible_ascii(token: str) -> None:
    assert scope_list([token]) == [token]


@pytest.mark.parametrize("token", ["", " ", "a b", '"', "\\", "\x7f", "ä", "a\n", "a" * 129])
def test_other_scope_tokens_are_refused(token: str) -> None:
    with pytest.raises(InvalidScope):
        scope_list([token])


def test_a_scope_has_200_tokens_at_most() -> None:
    tokens = [str(number) for number in range(201)]
    assert len(scope_list(tokens[:200] * 2)) == 200
    with pytest.raises(TooMany):
        scope_list(tokens)


@given(st.lists(st.from_regex(r"[!#-\[\]-~]{1,8}", fullmatch=True), max_size=20))
def test_scope_lists_are_sorted_sets(tokens: list[str]) -> None:
    assert scope_list(tokens) == scope_list(scope_list(tokens)) == sorted(set(tokens))


@pytest.mark.parametrize(
    "value",
    ["https://api.example.com", "https://api.example.com/v1?x=1", "https://[::1]:8443/", "urn:example:api", "billing"],
)
def test_an_audience_is_kept_to_the_letter(value: str) -> None:
    assert audience(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "a b",
        "https://api.example.com#part",
        "https://",
        "https:///path",
        "https://[::1",
        "ä",
        "a\n",
        "a" * 513,
        "urn:logto:organization:0f6c1d4e-0000-4000-8000-000000000001",
        "Urn:Logto:Organization:x",
    ],
)
def test_other_audiences_are_refused(value: str) -> None:
    with pytest.raises(InvalidAudience):
        audience(value)


def test_an_audience_has_512_characters_at_most() -> None:
    assert audience("a" * 512) == "a" * 512


def test_there_are_100_audiences_at_most() -> None:
    audiences = [f"api-{number:03}" for number in range(101)]
    assert audience_list(audiences[:100] * 2) == audiences[:100]
    with pytest.raises(TooMany):
        audience_list(audiences)
