"""Path templates: every path is written in one way, and what a service might read otherwise is no path."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.path_template import DOTS, canonical, path_template, segments, shape
from domain.refusals import InvalidPath

UNRESERVED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


@pytest.mark.parametrize(
    "path",
    ["/", "/orders", "/orders/", "/orders/{id}", "/{a}/{b-c.d_e}", "/v1:x", "/a.b/..c/...", "/a$b,c=d+e@f!g"],
)
def test_plain_paths_stay_as_they_are(path: str) -> None:
    assert path_template(path) == path


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("/%61%7e%2D", "/a~-"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/caf\u00e9/\u8ba2\u5355", "/caf%C3%A9/%E8%AE%A2%E5%8D%95"),
        ("/%24batch", "/$batch"),
        ("/a%3ab%40c", "/a:b@c"),
        ("/a%20b", "/a%20b"),
        ("/a%25b", "/a%25b"),
        ("/a%3bb", "/a%3Bb"),
        ("/%7bid%7d", "/%7Bid%7D"),
        ("/%ef%bc%a1", "/%EF%BC%A1"),
    ],
)
def test_spellings_of_one_path_are_one(written: str, kept: str) -> None:
    assert path_template(written) == kept
    assert path_template(kept) == kept


@pytest.mark.parametrize(
    "path",
    [
        "", "orders", "//", "//orders", "/orders//1", "/.", "/..", "/a/../b", "/a/./b", "/%2e", "/%2E%2e/a", "/.%2e",
        "/..;a", "/.;", "/%2e%3bx", "/a;b", "/;", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00b", "/a%0ab", "/a%7f",
        "/a\x00", "/a\n", "/a b", "/a%", "/a%2", "/a%zz", "/a?b", "/a#b", '/a"b', "/a<b", "/a^b", "/a`b", "/a|b",
        "/x{id}", "/{id}x", "/{a}{b}", "/{}", "/{1a}", "/{a b}", "/{a", "/a}", "/{a/b}", "/a\x85", "/a\u00a0",
        "/a%ffb", "/..%c0%afb", "/%e0%80%afb", "/a%ef%bc%8fb", "/a\uff0fb", "/a\uff3cb", "/\uff0e\uff0e", "/\u2025",
        "/\u2024.",
        "/.\uff0e%ef%bc%9bx", "/a\uff1bb", "/a\uff05b", "/\ud800", "https://a.example/b", "/{" + "a" * 65 + "}",
    ],
)  # fmt: skip
def test_what_might_be_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(InvalidPath) as refused:
        path_template(path)
    assert refused.value.field == "path"


def test_a_path_has_512_characters_at_most_as_it_is_kept() -> None:
    assert path_template("/" + "a" * 511) == "/" + "a" * 511
    assert path_template("/" + "%61" * 170) == "/" + "a" * 170
    for path in ("/" + "a" * 512, "/" + "\u00e9" * 86):  # each of the latter takes six
        with pytest.raises(InvalidPath):
            path_template(path)
    assert len(path_template("/" + "\u00e9" * 85)) == 511


def test_a_path_has_32_segments_at_most() -> None:
    assert path_template("/a" * 32) == "/a" * 32
    for path in ("/a" * 33, "/a" * 32 + "/", "/{x}" * 33):
        with pytest.raises(InvalidPath):
            path_template(path)


def test_the_shape_of_a_template_leaves_the_names_out() -> None:
    assert shape("/orders/{id}/lines/{line}") == shape("/orders/{order}/lines/{id}") == "/orders/{}/lines/{}"
    assert shape("/orders/%7Bid%7D") == "/orders/%7Bid%7D"


def test_segments_tell_parameters_from_literals() -> None:
    assert segments("/orders/{id}/lines") == ("orders", None, "lines")
    assert segments("/orders/") == ("orders", "")
    assert segments("/") == ("",)


def test_a_segment_that_is_no_plain_one_has_no_form() -> None:
    assert [canonical(each) for each in ("a", "", "%41", "a;b", "..", "%2e.", "a/b", "{a}", "a%2Fb", "%", "a?b")] == [
        "a", "", "A", None, None, None, None, None, None, None, None,
    ]  # fmt: skip


@given(st.text(UNRESERVED + "!$&'()*+,=:@\u00e9\u8ba2", max_size=20), st.data())
def test_however_a_segment_is_written_its_form_is_the_same(text: str, data: st.DataObject) -> None:
    assume(text not in DOTS)
    octets = text.encode()
    spellings = [
        data.draw(st.sampled_from([f"%{octet:02x}", f"%{octet:02X}", chr(octet) if octet < 0x80 else f"%{octet:02X}"]))
        for octet in octets
    ]
    assert canonical("".join(spellings)) == canonical(text)


@given(st.text(max_size=20))
def test_a_form_is_its_own_form_and_holds_what_a_service_would_read(text: str) -> None:
    form = canonical(text)
    if form is not None:
        assert canonical(form) == form
        assert form.isascii()
        decoded = unquote_to_bytes(form)
        assert decoded == unquote_to_bytes(text)
        assert b"/" not in decoded
        assert decoded not in (b".", b"..")


@given(st.text("/ab.{};%2eF\\", max_size=12))
def test_what_is_taken_for_a_template_is_kept_as_it_is(text: str) -> None:
    try:
        template = path_template(f"/{text}")
    except InvalidPath:
        return
    assert path_template(template) == template
    assert ".." not in template.split("/")
    assert "//" not in template
