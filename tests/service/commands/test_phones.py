"""Phone numbers are kept in one form, whichever way they were written, and none that cannot exist."""

from __future__ import annotations

import pytest

from domain.refusals import InvalidPhone
from service.commands.phones import normalised


@pytest.mark.parametrize("number", ["447400123456", "4407400123456"])
def test_the_zero_before_the_number_of_an_area_is_left_out(number: str) -> None:
    assert normalised(number) == "447400123456"


def test_a_zero_that_belongs_to_the_number_stays() -> None:
    assert normalised("390612345678") == "390612345678"


@pytest.mark.parametrize("number", ["", "1", "0447400123456", "+447400123456", "44 7400 123456", "999999999999999",
                                    "4474001234567890", "abc", "٤٤٧٤٠٠١٢٣٤٥٦", "447400123456 ext 1"])  # fmt: skip
def test_what_cannot_be_called_is_refused(number: str) -> None:
    with pytest.raises(InvalidPhone) as refused:
        normalised(number)
    assert refused.value.field == "phone"
