"""What is known of a person beside their name: profile, addresses, username, the factors they have to use.

Members are called as OpenID Connect Core section 5.1 calls its claims. Whether an address can exist is for the edge to
say, which has a parser for them; the rules here keep what could never be one out of the log.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from domain import text
from domain.refusals import InvalidEmail, InvalidLocale, InvalidPhone, InvalidProfile, InvalidUsername

if TYPE_CHECKING:
    from collections.abc import Mapping

EMAIL_LIMIT = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
USERNAME_LIMIT = 128
URL_LIMIT = 2048
LINES_LIMIT = 1000
ADDRESS = ("formatted", "street_address", "locality", "region", "postal_code", "country")
"""The members of a postal address (OpenID Connect Core section 5.1.1)."""

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_USERNAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)  # spec/logto.md section 3
_PHONE = re.compile(r"[1-9][0-9]{3,14}", re.ASCII)  # ITU-T E.164
_PICTURE = re.compile(r"https?://[^\s/?#@\\]+([/?#][^\s\\]*)?", re.IGNORECASE)
_NEWLINE = "\n"


class Factor(StrEnum):
    """A further way to prove oneself at sign-in."""

    EMAIL = "email"
    OTP = "otp"
    SMS = "sms"


@dataclass(frozen=True)
class Profile:
    """How a person is called, spoken to and found; None where it is not known.

    `address` has those of ADDRESS that are known. `picture` is an http(s) URL; `profile` and `website` are whatever is
    said to be their pages.
    """

    given_name: str | None = None
    family_name: str | None = None
    locale: str | None = None
    middle_name: str | None = None
    nickname: str | None = None
    preferred_username: str | None = None
    profile: str | None = None
    picture: str | None = None
    website: str | None = None
    gender: str | None = None
    birthdate: str | None = None
    zoneinfo: str | None = None
    address: Mapping[str, str] | None = None

    def checked(self) -> Profile:
        """Return the profile in its stored form, empty text as None.

        Raises InvalidName (of the five names), InvalidLocale or InvalidProfile (of all others).
        """
        return Profile(
            given_name=_name(self.given_name, "given_name"),
            family_name=_name(self.family_name, "family_name"),
            locale=locale(self.locale),
            middle_name=_name(self.middle_name, "middle_name"),
            nickname=_name(self.nickname, "nickname"),
            preferred_username=_name(self.preferred_username, "preferred_username"),
            profile=_line(self.profile, "profile", URL_LIMIT),
            picture=_picture(self.picture),
            website=_line(self.website, "website", URL_LIMIT),
            gender=_line(self.gender, "gender"),
            birthdate=_line(self.birthdate, "birthdate"),
            zoneinfo=_line(self.zoneinfo, "zoneinfo"),
            address=_address(self.address),
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


def phone(value: str, *, field: str = "phone") -> str:
    """Return the number, country code and all, in digits alone. Raises InvalidPhone when it could never be one."""
    if not _PHONE.fullmatch(value):
        raise InvalidPhone(field=field)
    return value


def username(value: str, *, field: str = "username") -> str:
    """Return the username as it is. Raises InvalidUsername: it could be taken for something else, or is too long."""
    if not _USERNAME.fullmatch(value):
        raise InvalidUsername(field=field)
    return value


def _name(value: str | None, field: str) -> str | None:
    return text.name(value, field=field) if value and value.strip() else None


def _line(value: str | None, field: str, limit: int = text.NAME_LIMIT) -> str | None:
    return text.line(value or "", limit, InvalidProfile, field) or None


def _picture(value: str | None) -> str | None:
    if not value:
        return None
    # No userinfo, no other scheme: a page that shows it must not be talked into anything.
    if len(value) > URL_LIMIT or not _PICTURE.fullmatch(value) or not value.isprintable():
        raise InvalidProfile(field="picture")
    return value


def _address(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the members that say something, in their usual order; None when none does. They may have several lines."""
    lines = {member: _lines((value or {}).get(member, "")) for member in ADDRESS}
    return {member: said for member, said in lines.items() if said} or None


def _lines(value: str) -> str:
    if not text.is_orderly(value):
        raise InvalidProfile(f"more than {text.MARKS_LIMIT} marks in a row", field="address")
    joined = unicodedata.normalize("NFC", value).replace("\r\n", _NEWLINE).replace("\r", _NEWLINE).strip()
    if len(joined) > LINES_LIMIT:
        raise InvalidProfile(f"longer than {LINES_LIMIT} characters", field="address")
    return _NEWLINE.join(text.line(line, LINES_LIMIT, InvalidProfile, "address") for line in joined.split(_NEWLINE))
