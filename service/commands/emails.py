"""Brings e-mail addresses to one form: the one that is kept and shown, and the one by which two are the same."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from domain.refusals import InvalidEmail

TYPED_LIMIT = 1024
"""Characters of what may be an address, which has 254 at most once it is normalised: more is not looked at."""


def normalised(text: str, *, field: str = "email") -> str:
    """Return an address as it is kept: without outer space, its domain in lower case, in Unicode NFC.

    Nothing is asked of the network: whether mail arrives shows when it is sent. Raises InvalidEmail.
    """
    if len(text) > TYPED_LIMIT:
        raise InvalidEmail(f"longer than {TYPED_LIMIT} characters", field=field)
    try:
        return validate_email(text.strip(), check_deliverability=False, strict=True).normalized
    except EmailNotValidError as error:
        raise InvalidEmail(str(error), field=field) from None


def identity(email: str) -> str:
    """Return what two spellings of one address share: upper and lower case tell nobody apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())
