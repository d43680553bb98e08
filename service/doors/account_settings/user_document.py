"""A user as the account-settings door shows one (spec/logto.md section 6.1), as a command left them.

Never shown: the digest of a password, factors, whether an address is verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic
from pydantic.alias_generators import to_camel

from domain.person import ADDRESS
from domain.user import Status
from service.doors.account_settings.frame import Body, Reply, milliseconds
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from domain import user
    from domain.person import Profile

MEMBERS = (
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
)
"""What this dialect keeps in a profile, beside the address."""


class Address(Body):
    """A postal address, as far as it is known."""

    formatted: str = ""
    street_address: str = ""
    locality: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


class ProfileDocument(Body):
    """What is known of a person: the standard claims of OpenID Connect. Members that are not known are absent."""

    family_name: str = ""
    given_name: str = ""
    middle_name: str = ""
    nickname: str = ""
    preferred_username: str = ""
    profile: str = ""
    website: str = ""
    gender: str = ""
    birthdate: str = ""
    zoneinfo: str = ""
    locale: str = ""
    address: Address | None = pydantic.Field(default=None)


class User(Reply):
    """A user. Times are in milliseconds since 1970."""

    id: Id
    username: str | None
    primary_email: str | None
    primary_phone: str | None
    name: str | None
    avatar: str | None
    custom_data: dict[str, Any]
    identities: dict[str, Any]
    last_sign_in_at: int | None
    created_at: int
    updated_at: int
    profile: ProfileDocument
    application_id: Id | None
    cimd_client_id: None
    is_suspended: bool
    has_password: bool


def of_new(made: user.User) -> dict[str, Any]:
    """Return the document of a user who was just made: nobody has signed in as them yet."""
    return {
        "id": made.id,
        "username": made.username,
        "primaryEmail": made.email,
        "primaryPhone": made.phone,
        "name": made.name,
        "avatar": made.profile.picture,
        "customData": made.custom_data,
        "identities": {},
        "lastSignInAt": None,
        "createdAt": milliseconds(made.created_on),
        "updatedAt": milliseconds(made.modified_on),
        "profile": _profile(made.profile),
        "applicationId": made.application,
        "cimdClientId": None,
        "isSuspended": made.status is Status.SUSPENDED,
        "hasPassword": made.password is not None,
    }


def _profile(known: Profile) -> dict[str, Any]:
    shown: dict[str, Any] = {to_camel(name): value for name in MEMBERS if (value := getattr(known, name)) is not None}
    if known.address:
        shown["address"] = {to_camel(name): known.address[name] for name in ADDRESS if name in known.address}
    return shown
