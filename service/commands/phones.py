"""Brings phone numbers to the one form that is kept, by the rules of their countries."""

from __future__ import annotations

import phonenumbers

from domain.refusals import InvalidPhone


def normalised(text: str, *, field: str = "phone") -> str:
    """Return a number as it is kept: digits with the country code, no zero before the number of its area.

    Whether somebody has it shows when it is called. Raises InvalidPhone for one that cannot exist.
    """
    try:
        number = phonenumbers.parse(f"+{text}")
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone(str(error), field=field) from None
    if not text.isascii() or not text.isdigit() or not phonenumbers.is_possible_number(number):
        raise InvalidPhone(field=field)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
