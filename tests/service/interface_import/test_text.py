"""Texts of documents: JSON and YAML are read alike, and what would cost too much or be read in two ways is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.interface_import.faults import Unusable
from service.interface_import.text import DEPTH, LIMIT, NODES, enveloped, parsed


def fault(text: str | bytes) -> str:
    """Return the one fault of a text."""
    with pytest.raises(Unusable) as refused:
        parsed(text if isinstance(text, bytes) else text.encode())
    [(place, message)] = refused.value.faults
    assert place == "document"
    return message


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_json_and_yaml_say_the_same() -> None:
    value = {
        "openapi": "3.0.3",
        "paths": {"/orders/{id}": {"get": {"responses": {"200": {"description": "ok"}}}}},
        "x": [1, -2, 1.5, True, False, None, "", "yes"],
    }
    yaml = """
openapi: 3.0.3
paths:
  /orders/{id}:
    get: {responses: {200: {description: ok}}}
x: [1, -2, 1.5, true, false, null, "", yes]
"""
    assert parsed(json.dumps(value).encode()) == parsed(yaml.encode()) == value
    assert parsed(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "text", ["no", "off", "2020-01-31", "0o17", "1_000", "12:30", "0x1F", ".inf", "1e999", "=", "<<"]
)
def test_what_only_yaml_knows_is_text(text: str) -> None:
    assert parsed(f"a: {text}".encode()) == {"a": text}


def test_yaml_in_quotes_or_tagged_as_text_is_text() -> None:
    assert parsed(b"a: '1'\nb: \"true\"\nc: !!str 1\nd: |\n  null\n") == {
        "a": "1",
        "b": "true",
        "c": "1",
        "d": "null\n",
    }


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!binary", "!!set", "!mine", "!!timestamp"])
def test_a_tag_that_json_has_no_value_for_is_refused(tag: str) -> None:
    assert fault(f"a: {tag} [x]") == "Line 1 has a tag that JSON has no value for"


def test_aliases_stand_for_what_they_name() -> None:
    shared = {"b": [1]}
    assert parsed(b"a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n") == {"a": shared, "c": shared, "d": [shared, shared]}
    assert parsed(b"? &n name\n: 1\nb: {? *n : 2}\n") == {"name": 1, "b": {"name": 2}}


def test_merged_objects_give_way_to_what_stands_there() -> None:
    text = b"a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: *a, x: 0}\nd: {<<: [*a, *b]}\ne: {'<<': 1}\n"
    found = parsed(text)
    assert found["c"] == {"x": 0, "y": 1}
    assert found["d"] == {"x": 1, "y": 1, "z": 2}
    assert found["e"] == {"<<": 1}
    assert fault("c: {<<: 1}") == "Line 1 merges what is no object"


def test_aliases_that_stand_for_too_much_are_refused_before_they_do() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "comes to more than" in fault("\n".join(lines))
    merged = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 30)]
    assert "comes to more than" in fault("\n".join(merged))


def test_an_alias_of_what_it_stands_in_is_refused() -> None:
    assert fault("a: &a [*a]") == "Line 1 refers to what is not there, or to itself"
    assert fault("a: *b") == "Line 1 refers to what is not there, or to itself"


@pytest.mark.parametrize(
    "text", ['{"a": 1, "b": 2, "a": 3}', '{"x": {"a": 1, "a": 1}}', "a: 1\nb: 2\na: 3", "x: {a: 1, 'a': 2}"]
)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    assert "'a'" in fault(text)


@pytest.mark.parametrize("text", ["? [a]\n: 1", "? {a: 1}\n: 1", "a: &x [1]\nb: {? *x : 1}"])
def test_a_name_that_is_no_text_is_refused(text: str) -> None:
    assert "has a name that is no text" in fault(text)


@pytest.mark.parametrize("text", ["", "[]", "text", "null", "1", "# nothing"])
def test_what_is_no_object_is_no_document(text: str) -> None:
    assert fault(text) == "It is no object"


def test_a_second_document_is_refused() -> None:
    assert fault("a: 1\n---\nb: 2") == "Line 2 is a second document"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,}', "It is not valid JSON from line 1, column 9"),
        ('{"a": NaN}', "It is not valid JSON"),
        ('{"a": ' + "1" * 5000 + "}", "It is not valid JSON"),
        ("a: [1", "It is neither valid JSON nor YAML from line "),
        ("a: 1\n\tb: 2", "It is neither valid JSON nor YAML from line 2"),
        ("a: \x01", "It is neither valid JSON nor YAML"),
    ],
)
def test_what_is_malformed_is_told_with_its_place(text: str, told: str) -> None:
    assert fault(text).startswith(told)


def test_only_utf_8_is_read() -> None:
    assert fault(b"a: \xff") == "It is not in UTF-8"
    assert fault(json.dumps({"a": 1}).encode("utf-16")) == "It is not in UTF-8"


def test_nesting_has_a_limit() -> None:
    deepest, deeper = json.dumps(nested(DEPTH)), json.dumps(nested(DEPTH + 1))
    assert parsed(deepest.encode()) == parsed(f"# YAML\n{deepest}".encode()) == nested(DEPTH)
    told = f"It is nested deeper than {DEPTH}"
    assert fault(deeper) == told
    assert fault(f"# YAML\n{deeper}") == f"Line 2 is nested deeper than {DEPTH}"
    assert fault('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}") == "It is not valid JSON"
    assert fault("a: " + "[" * 500) == f"Line 1 is nested deeper than {DEPTH}"


def test_size_has_a_limit() -> None:
    padding = b" " * (LIMIT - 8)
    assert parsed(b'{"a": 1}' + padding) == {"a": 1}
    assert fault(b'{"a": 1} ' + padding) == "It is larger than 5 MiB"
    assert fault(b'{"a": [' + b"1," * NODES + b"1]}") == f"It has more than {NODES} values"
    assert "comes to more than" in fault(b"a: [" + b"1," * NODES + b"1]")


def test_a_body_holds_a_document_as_an_object_or_as_a_text() -> None:
    for document in ({"a": 1}, '{"a": 1}', "a: 1"):
        assert enveloped(json.dumps({"mode": "normal", "document": document}).encode()) == {"a": 1}
    for body in (b"{}", b'{"document": 1}', b'{"document": null}', b'{"document": []}', b'{"document": "\\ud800"}'):
        with pytest.raises(Unusable):
            enveloped(body)


def test_a_name_that_stands_twice_is_found_among_many() -> None:
    """As quickly as they are read: to look through all of them for each would take hours."""
    names = [f'"n{number}": 0' for number in range(250_000)]
    assert fault("{" + ", ".join([*names, names[-1]]) + "}") == "The name 'n249999' stands twice in one object"


def test_many_objects_are_merged_into_a_large_one_as_quickly_as_they_are_read() -> None:
    names = [f"n{number}: 0" for number in range(40_000)]
    read = parsed(f"a: &a {{x: 1}}\nb: {{<<: [{', '.join(['*a'] * 40_000)}], {', '.join(names)}}}".encode())
    assert len(read["b"]) == 40_001


def test_what_stands_twice_in_a_body_is_refused_wherever_it_does() -> None:
    for body in (b'{"document": {}, "document": {"a": 1}}', b'{"mode": "a", "document": {}, "mode": "b"}'):
        with pytest.raises(Unusable) as refused:
            enveloped(body)
        assert "stands twice" in refused.value.faults[0].message
