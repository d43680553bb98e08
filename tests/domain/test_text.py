"""Names, descriptions and reasons are brought to one form, or refused."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import refusals, text
from domain.person import Profile

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_name_is_composed_and_stripped() -> None:
    assert text.name("  Zoe\u0308 \u3000") == "Zo\u00eb"


def test_a_name_has_1_to_128_characters() -> None:
    assert text.name("a" * 128) == "a" * 128
    for value in ("", " \n", "a" * 129):
        with pytest.raises(refusals.InvalidName):
            text.name(value)


def test_the_limit_counts_what_remains() -> None:
    assert len(text.name(" " + "e\u0301" * 128 + " ")) == 128


@pytest.mark.parametrize("character", ["\x00", "\n", "\x7f", "\x85", "\ud800", "\u2028", "\u2029", "\u202e", "\u2066"])
def test_characters_that_hide_or_forge_are_refused(character: str) -> None:
    with pytest.raises(refusals.InvalidName) as refusal:
        text.name(f"a{character}b", field="title")
    assert refusal.value.field == "title"
    assert refusal.value.detail == f"contains U+{ord(character):04X}"


def test_names_of_other_scripts_are_welcome() -> None:
    for value in ("สมชาย", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "👩\u200d💻", "Ægir", "山田 太郎"):
        assert text.name(value) == value


def test_a_reason_or_description_without_content_is_none() -> None:
    for value in (None, "", "  "):
        assert text.reason(value) is None
        assert text.description(value) is None


def test_reasons_and_descriptions_have_their_own_limits_and_refusals() -> None:
    assert text.reason("a" * 500) == "a" * 500
    assert text.description("a" * 1000) == "a" * 1000
    with pytest.raises(refusals.InvalidReason):
        text.reason("a" * 501)
    with pytest.raises(refusals.InvalidDescription):
        text.description("a" * 1001)


@given(st.text(max_size=200))
def test_an_accepted_name_is_accepted_unchanged_ever_after(value: str) -> None:
    try:
        name = text.name(value)
    except refusals.InvalidName:
        return
    assert text.name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert name.encode()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("One\n  two\tthree ", "One two three"),
        ("a\x00b\u202ec\ud800d\u2028e", "a b c d e"),
        ("e\u0301", "\u00e9"),
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "\u2026"),
        ("word " * 9, "word word word word\u2026"),
        ("a" + "\u0301" * 31, ""),
        (" \n", ""),
    ],
)
def test_any_text_becomes_a_line(value: str, line: str) -> None:
    assert text.as_line(value, 20) == line


@given(st.text(), st.integers(1, 60))
def test_a_text_that_became_a_line_is_taken_as_one(value: str, limit: int) -> None:
    made = text.as_line(value, limit)
    assert text.line(made, limit, refusals.InvalidName, "name") == made


@pytest.mark.parametrize("value", ["Root", " ROOT\n", "\uff52\uff4f\uff4f\uff54", "\u3000\u211doot "])
def test_texts_that_read_alike_fold_alike(value: str) -> None:
    assert text.folded(value) == "root"


# The last two are no marks themselves, and come apart into marks alone.
@pytest.mark.parametrize("mark", ["\u0301", "\u0344", "\u0f73", "\uff9e"])
def test_thirty_marks_in_a_row_are_taken_and_no_more(mark: str) -> None:
    assert text.is_orderly(f"a{mark * 30}b{mark * 30}")
    assert not text.is_orderly(f"a{mark * 31}b")
    with pytest.raises(refusals.InvalidName) as refusal:
        text.name(f"a{mark * 31}b")
    assert refusal.value.detail == "more than 30 marks in a row"


def _as_line(value: str) -> str:
    return text.as_line(value, text.DESCRIPTION_LIMIT)


MANY_MARKS = "a" + "\u0301\u0316" * 16_000
"""What takes seconds to normalise: each mark is moved past all those before it."""


@pytest.mark.parametrize("read", [text.name, text.description, text.reason, text.folded, _as_line])
def test_no_text_takes_long_to_read(read: Callable[[str], str | None]) -> None:
    began = perf_counter()
    with suppress(refusals.Invalid):
        read(MANY_MARKS)
    assert perf_counter() - began < 0.5


def test_neither_does_an_address_of_several_lines() -> None:
    began = perf_counter()
    with pytest.raises(refusals.InvalidProfile):
        Profile(address={"formatted": MANY_MARKS}).checked()
    assert perf_counter() - began < 0.5
