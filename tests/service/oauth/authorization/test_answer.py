"""How an answer goes into an address: everything in it comes out again, and nothing else changes."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.oauth.authorization.answer import elsewhere, extended

MEMBERS = {"code": "mun_ac_x", "state": "a b&c=d#e", "iss": "https://muniment.test"}


@pytest.mark.parametrize(
    ("uri", "before"),
    [
        ("https://app.example.com/cb", []),
        ("https://app.example.com", []),
        ("https://app.example.com/cb?", []),
        ("https://app.example.com/cb?tenant=1", [("tenant", "1")]),
        ("https://app.example.com/cb?tenant=1&", [("tenant", "1")]),
        ("https://app.example.com/cb?u=/x?y", [("u", "/x?y")]),
        ("com.example.app:/cb", []),
    ],
)
def test_what_the_query_holds_stays(uri, before):
    parts = urlsplit(extended(uri, MEMBERS))
    assert parse_qsl(parts.query) == [*before, *MEMBERS.items()]
    assert parts.fragment == ""
    assert extended(uri, MEMBERS).startswith(uri)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_every_state_comes_back_as_it_went(state):
    location = extended("https://app.example.com/cb", {"state": state})
    assert dict(parse_qsl(urlsplit(location).query))["state"] == state
    assert location.isascii()
    assert location.isprintable()


def test_a_redirect_is_a_get_that_nobody_keeps_or_tells_of():
    response = elsewhere("https://app.example.com/cb?code=x%2Fy")
    assert (response.status, response.headers["Location"]) == (303, "https://app.example.com/cb?code=x%2Fy")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert not response.body
