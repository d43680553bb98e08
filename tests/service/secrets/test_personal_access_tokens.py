"""The values of personal access tokens have the form that clients know, cannot be guessed, and are shown once."""

from __future__ import annotations

import re

from service.operations.redaction import GONE, Redactor
from service.secrets.personal_access_tokens import ALPHABET, hint_of, masked, new_value


def test_a_value_has_the_form_that_clients_know() -> None:
    assert re.fullmatch(r"pat_[0-9A-Za-z]{32}", new_value())


def test_values_differ_and_use_every_character() -> None:
    values = {new_value() for _ in range(200)}
    assert len(values) == 200
    assert set("".join(value.removeprefix("pat_") for value in values)) == set(ALPHABET)


def test_afterwards_no_more_than_the_end_of_a_value_is_shown() -> None:
    assert masked(hint_of("pat_" + "a" * 28 + "wxyz")) == "pat_****wxyz"


def test_a_value_is_kept_out_of_logs_wherever_it_stands() -> None:
    value = new_value()
    clean = Redactor()
    assert clean.text(value) == GONE
    assert clean.text(f"asked with {value}.") == f"asked with {GONE}."
    assert value not in str(clean.fields({"detail": {"deep": [value]}, "path": f"/x/{value}"}))


def test_what_only_looks_a_little_like_one_is_left() -> None:
    for text in ("compat_0123456789abcdefghij", "pat_****wxyz", "pat_short"):
        assert Redactor().text(text) == text
