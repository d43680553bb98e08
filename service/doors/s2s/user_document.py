"""A user as the server-to-server door shows one (spec/melody.md section 4.2): from a row, or from what a command left.

Never shown: secrets of factors, digests of links, a phone number, a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from domain.person import Factor  # noqa: TC001 - pydantic reads it
from domain.user import Status
from projections.users import FACTORS
from service.doors.s2s.frame import Reply, times
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.commands.detail import Detail
    from service.http.document import Row


class User(Reply):
    """A user. `authId` is their id; `isInviting` until an invitation is accepted or called back."""

    id: Id
    auth_id: Id
    linked_auth_id: Id | None
    social_account_id: None
    social_account_type: None
    email: str | None
    locale: str | None
    first_name: str | None
    last_name: str | None
    email_verified: bool
    otp_verified: bool
    sms_phone_number_verified: bool
    login_count: Literal[0]
    mfa_types: list[Factor]
    is_active: bool
    is_inviting: bool
    invitation_expires_at: str | None
    created_at: str
    updated_at: str
    deleted_at: None


class UserOrg(Reply):
    """The org that a user works in."""

    id: Id
    name: str
    slug: str


class UserGroup(Reply):
    """A group of that org that a user is in."""

    id: Id
    name: str


class UserDetail(User):
    """A user with the names of their roles, and with the org they work in and their groups there."""

    roles: list[str]
    org: UserOrg | None
    org_groups: list[UserGroup]
    attributes: dict[str, str]


def of_row(row: Row) -> dict[str, Any]:
    """Return the user of a row of `projections.users.person` or `listing`."""
    return _user(
        id=row["id"],
        linked_user=row["linked_user"],
        email=row["email"],
        locale=row["locale"],
        given_name=row["given_name"],
        family_name=row["family_name"],
        email_verified=row["email_verified"],
        otp_verified=row["has_totp"],
        phone_verified=row["phone_verified"],
        factors=[factor for factor, column in FACTORS.items() if row[column]],
        status=row["status"],
        invitation_expires_at=row["invitation_expires_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def detail_of_row(row: Row, org: Row | None, groups: list[Any]) -> dict[str, Any]:
    """Return the detail of a row of `projections.users.person`, with rows of the org and groups that go with it."""
    return of_row(row) | _more(
        row["role_names"],
        None if org is None else {name: org[name] for name in ("id", "name", "slug")},
        [{"id": group["id"], "name": group["name"]} for group in groups],
    )


def detail(left: Detail) -> dict[str, Any]:
    """Return the detail of a user as a command left them, which their row says too once it is committed."""
    user = left.user
    shown = _user(
        id=user.id,
        linked_user=user.linked_user,
        email=user.email,
        locale=user.profile.locale,
        given_name=user.profile.given_name,
        family_name=user.profile.family_name,
        email_verified=user.email_verified,
        otp_verified=left.has_totp,
        phone_verified=user.phone_verified,
        factors=[factor for factor in FACTORS if factor in user.factors],
        status=user.status,
        invitation_expires_at=left.invitation_expires_at,
        created_at=user.created_on,
        updated_at=user.modified_on,
    )
    org = None if left.org is None else left.org._asdict()
    return shown | _more(left.roles, org, [group._asdict() for group in left.groups])


def _user(
    *,
    id: UUID,
    linked_user: UUID | None,
    email: str | None,
    locale: str | None,
    given_name: str | None,
    family_name: str | None,
    email_verified: bool,
    otp_verified: bool,
    phone_verified: bool,
    factors: list[Factor],
    status: str,
    invitation_expires_at: datetime | None,
    created_at: datetime,
    updated_at: datetime,
) -> dict[str, Any]:
    return {
        "id": id,
        "authId": id,
        "linkedAuthId": linked_user,
        "socialAccountId": None,
        "socialAccountType": None,
        "email": email,
        "locale": locale,
        "firstName": given_name,
        "lastName": family_name,
        "emailVerified": email_verified,
        "otpVerified": otp_verified,
        "smsPhoneNumberVerified": phone_verified,
        "loginCount": 0,
        "mfaTypes": factors,
        "isActive": status == Status.ACTIVE,
        "isInviting": status == Status.INVITED,
        "invitationExpiresAt": _moment(invitation_expires_at) if status == Status.INVITED else None,
        **times(created_at, updated_at),
    }


def _more(roles: list[str], org: dict[str, Any] | None, groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {"roles": roles, "org": org, "orgGroups": groups, "attributes": {}}


def _moment(moment: datetime | None) -> str | None:
    """Return a moment as ISO 8601 with a Z, to the millisecond, which is how this one member is written."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
