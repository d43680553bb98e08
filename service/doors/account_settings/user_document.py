"""A user as the account-settings door shows one (spec/logto.md section 6.1): as a command left them, or as rows tell.

Never shown: the digest of a password, factors, whether an address is verified.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pydantic
from pydantic.alias_generators import to_camel

from domain.person import ADDRESS, Profile
from domain.refusals import UnknownUser
from domain.user import Status
from projections import identities, user_search
from service.doors.account_settings.frame import Body, Reply, milliseconds
from service.http.document import Output
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from domain import user
    from service.http.call import Call
    from service.http.document import Row

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
    address: Address = pydantic.Field(default_factory=Address)


class ProfileShown(ProfileDocument, Output):
    """The profile, without name and picture. Members that are not known are absent."""


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


class EnterpriseIdentity(Reply):
    """Who a user is at an organization's own identity provider."""

    tenant_id: Id
    id: Id
    user_id: Id
    issuer: str
    identity_id: str
    detail: dict[str, Any]
    created_at: int
    updated_at: int
    sso_connector_id: str


class UserInFull(User):
    """A user, with their enterprise identities where these are asked for."""

    sso_identities: list[EnterpriseIdentity] = pydantic.Field(default=[])


@dataclass(frozen=True, slots=True)
class Beside:
    """What is shown of a user beside what they themselves are made of."""

    last_sign_in_at: datetime | None = None
    application: UUID | None = None
    identities: Mapping[str, Any] | None = None


NOTHING = Beside()


async def beside(call: Call, user: UUID) -> Beside:
    """Return what is shown of a user of the caller's organization beside themselves. Raises UnknownUser."""
    pool = call.parts.store.pool
    row = call.seen(await user_search.one(pool, user), UnknownUser)
    linked = await identities.of_users(pool, [user])
    return Beside(row["last_sign_in_at"], row["first_application"], linked.get(user))


def of(left: user.User, beside: Beside, *, linked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the document of a user as a command leaves them; `linked` are their identities where it changes them."""
    return {
        "id": left.id,
        "username": left.username,
        "primaryEmail": left.email,
        "primaryPhone": left.phone,
        "name": left.name,
        "avatar": left.profile.picture,
        "customData": left.custom_data,
        "identities": (beside.identities or {}) if linked is None else linked,
        "lastSignInAt": _moment(beside.last_sign_in_at),
        "createdAt": milliseconds(left.created_on),
        "updatedAt": milliseconds(left.modified_on),
        "profile": profile(left.profile),
        "applicationId": left.application or beside.application,
        "cimdClientId": None,
        "isSuspended": left.status is Status.SUSPENDED,
        "hasPassword": left.password is not None,
    }


def of_new(made: user.User) -> dict[str, Any]:
    """Return the document of a user who was just made: nobody has signed in as them yet."""
    return of(made, NOTHING)


def of_row(row: Row, linked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a row of `projections.user_search`, with the user's identities."""
    return {
        "id": row["id"],
        "username": row["username"],
        "primaryEmail": row["email"],
        "primaryPhone": row["phone"],
        "name": row["name"],
        "avatar": row["picture"],
        "customData": json.loads(row["custom_data"]),
        "identities": linked,
        "lastSignInAt": _moment(row["last_sign_in_at"]),
        "createdAt": milliseconds(row["created_at"]),
        "updatedAt": milliseconds(row["updated_at"]),
        "profile": profile(profile_of(row)),
        "applicationId": row["first_application"],
        "cimdClientId": None,
        "isSuspended": row["status"] == Status.SUSPENDED,
        "hasPassword": row["has_password"],
    }


def profile_of(row: Row) -> Profile:
    """Return the profile that a user's row tells of, without the picture, which is shown apart."""
    address = None if row["address"] is None else json.loads(row["address"])
    return Profile(**{member: row[member] for member in MEMBERS}, address=address)


def enterprise(row: Row) -> dict[str, Any]:
    """Return the document of an enterprise identity's row."""
    return {
        "tenantId": row["organization"],
        "id": row["id"],
        "userId": row["user_id"],
        "issuer": row["issuer"],
        "identityId": row["identity_id"],
        "detail": {} if row["detail"] is None else json.loads(row["detail"]),
        "createdAt": milliseconds(row["created_at"]),
        "updatedAt": milliseconds(row["updated_at"]),
        "ssoConnectorId": row["connector"],
    }


def _moment(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def profile(known: Profile) -> dict[str, Any]:
    """Return the document of a profile, without the picture, which is shown apart."""
    shown: dict[str, Any] = {to_camel(name): value for name in MEMBERS if (value := getattr(known, name)) is not None}
    if known.address:
        shown["address"] = {to_camel(name): known.address[name] for name in ADDRESS if name in known.address}
    return shown
