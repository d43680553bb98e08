"""Pages come in the language that a browser likes best of those spoken here."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pages.language import LANGUAGES, preferred
from service.pages.words import WORDS


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("zh", "zh"), ("zh-CN", "zh"), ("zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh"), ("en,zh", "en"),
        ("en;q=0.3, zh;q=0.7", "zh"), ("fr, zh;q=0.1", "zh"), ("fr,de", "en"), ("*", "en"), ("zh;q=0", "en"),
        ("zh;q=0,en;q=0", "en"), ("ZH", "zh"), ("zhx", "en"), ("zh;q=1.5", "en"), ("zh;q=x, en", "en"),
        ("x" * 10_000 + ",zh", "en"),
    ],
)  # fmt: skip
def test_the_likeliest_language_wins(header: str, language: str) -> None:
    assert preferred(header) == language


@given(st.text())
def test_whatever_a_browser_sends_some_language_is_spoken(header: str) -> None:
    assert preferred(header) in LANGUAGES


def test_every_language_has_the_same_words() -> None:
    assert {language: words.keys() for language, words in WORDS.items()} == {
        language: WORDS["en"].keys() for language in LANGUAGES
    }
    for name, text in WORDS["en"].items():
        fields = set(re.findall(r"\{\w+\}", text))
        assert set(re.findall(r"\{\w+\}", WORDS["zh"][name])) == fields, name


@pytest.mark.parametrize(
    ("locales", "language"),
    [
        ("zh", "zh"), ("fr zh-CN en", "zh"), ("EN-gb zh", "en"), ("fr de", "zh"), ("", "zh"), (None, "zh"),
        ("x" * 600 + " en", "zh"), ("en", "en"), ("-", "zh"),
    ],
)  # fmt: skip
def test_an_application_may_say_which_language_its_user_speaks(locales: str | None, language: str) -> None:
    assert preferred("zh", locales) == language
