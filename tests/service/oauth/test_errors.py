"""How refusals read at the OAuth endpoints: in the words and characters that RFC 6749 section 5.2 allows."""

from __future__ import annotations

import re

import pytest

from domain import refusals
from service.oauth import errors
from service.oauth.answers import error

DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
CODE = re.compile(r"[a-z_]+")


def leaves(kind: type[refusals.Refusal]) -> list[type[refusals.Refusal]]:
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


@pytest.mark.parametrize("kind", leaves(refusals.Refusal))
def test_every_refusal_has_an_answer_that_tells_no_detail(kind: type[refusals.Refusal]) -> None:
    refusal = kind("a detail for the log")
    problem = errors.of_refusal(refusal)
    answer = error(problem)
    assert answer.status in {400, 401}
    assert CODE.fullmatch(problem.error)
    assert DESCRIPTION.fullmatch(problem.description)
    assert answer.body is not None
    assert b"a detail for the log" not in bytes(answer.body)  # type: ignore[arg-type]


def test_what_passes_says_when_to_come_back() -> None:
    assert error(errors.slow_down(7)).headers["Retry-After"] == "7"
    assert error(errors.unavailable()).headers["Retry-After"] == "1"
    assert "Retry-After" not in error(errors.invalid_request("x")).headers


def test_each_error_is_a_new_one() -> None:
    """One that is raised again and again would keep the frames of every request it went through."""
    assert errors.unavailable() is not errors.unavailable()
    assert [value for value in vars(errors).values() if isinstance(value, BaseException)] == []
