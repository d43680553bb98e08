"""Request bodies: what is too large, too deep, malformed or ambiguous is refused before anything else is done."""

from __future__ import annotations

import json
import time

import pytest

from service.http.body import MAX_BODY, MAX_DEPTH, BadBody, Repeated, parse_form, parse_json, size


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + closing * depth


@pytest.mark.parametrize("value", [{}, [], "", 0, 1.5, True, None, {"a": {"b": [1, "]}"]}}, {"a": "x", "b": '\\"{['}])
def test_json_is_read_as_it_is(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"x",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"[1,]",
        b"{'a':1}",
        b'{"a":1,}',
        b'"\xff"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\\udc00\\ud800"',
        b'"\x00"',
        b"1" + b"0" * 5000,
        nested(100_000),
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody, match="not valid JSON") as refused:
        parse_json(raw)
    assert refused.value.status == 400


def test_json_nests_up_to_a_limit() -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")):
        levels = len(closing)
        fits, one_more = MAX_DEPTH // levels - 1, MAX_DEPTH // levels
        text = opening * fits + b"[["[:levels] + b"]]"[:levels] + closing * fits
        parse_json(text)
        with pytest.raises(BadBody, match="deeper than 32"):
            parse_json(opening * one_more + b"[]" + closing * one_more)


def test_brackets_inside_texts_are_no_nesting() -> None:
    text = "[{" * 100 + '\\"' + "[{" * 100
    assert parse_json(json.dumps({"a": text, "b": [text]}).encode()) == {"a": text, "b": [text]}


def test_many_brackets_side_by_side_are_no_nesting_and_are_read_fast() -> None:
    raw = b"[" + b",".join([b"[]"] * 20_000) + b"]"
    started = time.perf_counter()
    assert len(parse_json(raw)) == 20_000
    assert time.perf_counter() - started < 5  # quadratic work would take minutes


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"x","a":"y"}',
        b'{"a":"x","a":"x"}',
        b'{"a":1,"a":"x"}',
        b'{"a":"x","a":1}',
        b'{"a":null,"a":null,"a":"x"}',
        b'{"b":[{"a":"x","a":"y"}]}',
        b'{"a":"x","\\u0061":"y"}',
        b'{"a":"\\\\","a":"\\\\","b":"\\\\","c":"\\\\"}',
        b'{"a":"x","a":{"b":"c"}}',
        b'{"":"x","":"y"}',
    ],
)
def test_a_member_that_stands_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(Repeated, match="repeated"):
        parse_json(raw)


def test_a_form_is_read_as_the_standard_says() -> None:
    assert parse_form(b"") == {}
    assert parse_form(b"a=1&b=%C3%A9+%26&c=&d") == {"a": "1", "b": "\u00e9 &", "c": "", "d": ""}
    assert parse_form("a=\u00e9".encode()) == {"a": "\u00e9"}
    assert parse_form(b"a=%zz&b=100%") == {"a": "%zz", "b": "100%"}
    assert parse_form(b"a=1;b=2") == {"a": "1;b=2"}


@pytest.mark.parametrize("raw", [b"\xff=1", b"a=%ff", b"a=%ED%A0%80"])
def test_a_malformed_form_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody, match="malformed"):
        parse_form(raw)


def test_a_form_has_at_most_a_hundred_parameters() -> None:
    parameters = [b"a%d=" % n for n in range(101)]
    assert len(parse_form(b"&".join(parameters[:100]))) == 100
    with pytest.raises(BadBody, match="more than 100"):
        parse_form(b"&".join(parameters))


@pytest.mark.parametrize("raw", [b"a=1&a=2", b"a=1&a=1", b"a=&a=1", b"a&a", b"a=1&%61=2"])
def test_a_parameter_that_stands_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(Repeated, match="The parameter a is repeated"):
        parse_form(raw)


@pytest.mark.parametrize("name", ['"', "\\", "\n", "\u00e9", "\u202e", " ", "x" * 65, "<script>", "%0d%0a"])
def test_a_name_that_is_not_plain_is_not_told(name: str) -> None:
    with pytest.raises(Repeated) as refused:
        parse_json(f"{{{json.dumps(name)}:1,{json.dumps(name)}:1}}".encode())
    assert refused.value.sentence == "A parameter is repeated"


def test_the_largest_form_is_read_fast() -> None:
    raw = b"&".join(b"a%d=%%20" % n for n in range(100)) + b"%41" * 20_000
    started = time.perf_counter()
    parse_form(raw[:MAX_BODY])
    assert time.perf_counter() - started < 5  # quadratic work would take minutes


@pytest.mark.parametrize(
    ("limit", "told"), [(MAX_BODY, "64 KiB"), (5 * 1024 * 1024, "5 MiB"), (1023 * 1024, "1023 KiB")]
)
def test_a_limit_is_told_as_people_say_it(limit: int, told: str) -> None:
    assert size(limit) == told
