"""Attributes of a token: few, short and plain; setting some leaves the others."""

from __future__ import annotations

import pytest

from domain.refusals import InvalidAttributes
from domain.token_attributes import merged


def test_what_is_given_is_set_and_the_rest_stays() -> None:
    assert merged({"plan": "gold", "since": "2020"}, {"plan": "silver", "note": ""}) == {
        "plan": "silver",
        "since": "2020",
        "note": "",
    }
    assert merged({}, {}) == {}


@pytest.mark.parametrize(
    "given",
    [{"n" * 128: "v" * 2048}, {"x": ""}, {"\u00e9\U0001f511": "\u4f60"}, {str(n): "" for n in range(20)}],
    ids=["longest", "empty", "not ASCII", "twenty"],
)
def test_within_the_bounds_everything_passes(given: dict[str, str]) -> None:
    assert merged({}, given) == given


@pytest.mark.parametrize(
    "given",
    [
        {"": "v"}, {"n" * 129: "v"}, {"n": "v" * 2049}, {"n\n": "v"}, {"n": "\x00"}, {"n": "\ud800"}, {"\udfff": "v"},
        {str(n): "" for n in range(21)},
    ],
    ids=["no name", "long name", "long value", "control in name", "NUL", "surrogate", "surrogate name", "twenty-one"],
)  # fmt: skip
def test_beyond_the_bounds_nothing_passes(given: dict[str, str]) -> None:
    with pytest.raises(InvalidAttributes) as refused:
        merged({}, given)
    assert refused.value.field == "attributes"


def test_twenty_are_all_there_can_be() -> None:
    present = {str(n): "" for n in range(20)}
    assert merged(present, {"19": "again"})["19"] == "again"
    with pytest.raises(InvalidAttributes):
        merged(present, {"20": ""})
