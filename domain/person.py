"""What is known of a person beside their name: profile, e-mail address, the factors they have to prove themselves with.

Members are called as OpenID Connect Core section 5.1 calls its claims. Whether an address can exist is for the edge to
say, which has a parser for them; the rules here keep what could never be one out of the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from domain import text
from domain.refusals import InvalidEmail, InvalidLocale

EMAIL_LIMIT = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


class Factor(StrEnum):
    """A further way to prove oneself at sign-in."""

    EMAIL = "email"
    OTP = "otp"
    SMS = "sms"


@dataclass(frozen=True)
class Profile:
    """How a person is called and spoken to; None where it is not known."""

    given_name: str | None = None
    family_name: str | None = None
    locale: str | None = None

    def checked(self) -> Profile:
        """Return the profile in its stored form, empty text as None. Raises InvalidName or InvalidLocale."""
        return Profile(
            given_name=_name(self.given_name, "given_name"),
            family_name=_name(self.family_name, "family_name"),
            locale=locale(self.locale),
        )


def locale(value: str | None, *, field: str = "locale") -> str | None:
    """Return a language tag (RFC 5646, in its plain forms), None when it is empty. Raises InvalidLocale."""
    if not value:
        return None
    if not _LOCALE.fullmatch(value):
        raise InvalidLocale(field=field)
    return value


def email(value: str, *, field: str = "email") -> str:
    """Return the address as it is. Raises InvalidEmail when it is none or has more than 254 characters."""
    if len(value) > EMAIL_LIMIT or not _EMAIL.fullmatch(value) or not value.isprintable():
        raise InvalidEmail(field=field)
    return value


def _name(value: str | None, field: str) -> str | None:
    return text.name(value, field=field) if value and value.strip() else None
