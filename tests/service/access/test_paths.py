"""A path that may be read in two ways is not read at all; one that can be written in several is one path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.path_template import canonical
from service.access.paths import PATH_LIMIT, segments, without_query

PIECES = st.sampled_from(
    ["a", "B", ".", "..", "%2e", "%2F", "%41", "%", ";x", "~", "é", "%C3%A9", "\\", "", " ", "+", "@"]
)
PATHS = st.lists(st.lists(PIECES, max_size=3).map("".join), max_size=4).map(lambda parts: "/" + "/".join(parts))


@pytest.mark.parametrize(
    "path",
    [
        "", "a", "*", "a/b", "//", "//a", "/a//b", "/a//", "/./a", "/a/.", "/..", "/a/../b", "/a/%2e%2e/b", "/a/.%2E/b",
        "/a/%2e", "/a/..;/b", "/a/..;x=1/b", "/a/.;/b", "/a/..%3B/b", "/a;x", "/a;/b", "/a%2Fb", "/a%2fb", "/a%5Cb",
        "/a\\b", "/\\a", "/a%00", "/a\x00", "/a%0A", "/a%0d%0aX", "/a%7F", "/a%", "/a%4", "/a%zz", "/a b", "/a#b",
        "/a?b",
        "/a<b", '/a"b', "/a[b", "/a{b}", "/a|b", "/a^b", "/a`b", "/a\udcff", "/%252e%252e/b", "/a%252Fb", "/a%25252fb",
        "/a%255cb", "/..%c0%afb",
        "/a%ff", "/\uff0e\uff0e/b", "/a%ef%bc%8fb", "/a%2500", "http://else.where/a", "/a\u00a0b",
    ],
)  # fmt: skip
def test_what_may_be_read_in_several_ways_is_not_read(path: str) -> None:
    assert segments(path) is None


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/", [""]),
        ("/orders", ["orders"]),
        ("/orders/", ["orders", ""]),
        ("/Orders", ["Orders"]),
        ("/a.b/...", ["a.b", "..."]),
        ("/.well-known/x", [".well-known", "x"]),
        ("/%6Frders", ["orders"]),
        ("/%6frders", ["orders"]),
        ("/caf%C3%A9", ["caf%C3%A9"]),
        ("/café", ["caf%C3%A9"]),
        ("/a%24batch", ["a$batch"]),
        ("/a$batch", ["a$batch"]),
        ("/100%25", ["100%25"]),
        ("/a%20b", ["a%20b"]),
        ("/a%3Bb", ["a%3Bb"]),
        ("/a+b", ["a+b"]),
    ],
)
def test_a_path_is_read_in_one_form(path: str, read: list[str]) -> None:
    assert segments(path) == read


def test_a_path_of_4096_characters_is_read_and_one_more_is_not() -> None:
    path = "/" + "a" * (PATH_LIMIT - 1)
    assert segments(path) == [path[1:]]
    assert segments(path + "a") is None


def test_the_query_is_no_part_of_the_path() -> None:
    assert without_query("/a?b=/../c?d") == "/a"
    assert without_query("/a") == "/a"
    assert without_query("?a") == ""


@given(PATHS)
def test_the_quick_way_reads_nothing_differently(path: str) -> None:
    *inner, last = path[1:].split("/")
    forms = [canonical(segment) for segment in (*inner, last)]
    expected = None if "" in inner or None in forms else forms
    assert segments(path) == expected
