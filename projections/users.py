"""Users and their roles. What is personal stands here in plain form, so that search works, and leaves with the user."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from domain.person import Factor, Profile
from domain.session import Session
from domain.user import User
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

USERS = Table(
    "users",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "application": "uuid",
        "status": "text NOT NULL",
        "name": "text",
        "given_name": "text",
        "family_name": "text",
        "locale": "text",
        "middle_name": "text",
        "nickname": "text",
        "preferred_username": "text",
        "profile": "text",
        "picture": "text",
        "website": "text",
        "gender": "text",
        "birthdate": "text",
        "zoneinfo": "text",
        "address": "jsonb",
        "custom_data": "jsonb NOT NULL",
        "username": "text",
        "has_password": "boolean NOT NULL",
        "email": "text",
        "email_verified": "boolean NOT NULL",
        "phone": "text",
        "phone_verified": "boolean NOT NULL",
        "verification_digest": "text",
        "verification_expires_at": "timestamptz",
        "email_factor": "boolean NOT NULL",
        "otp_factor": "boolean NOT NULL",
        "sms_factor": "boolean NOT NULL",
        "linked_user": "uuid",
        "last_sign_in_at": "timestamptz",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX users_organization ON users (organization, id)",
        "CREATE INDEX users_application ON users (application, id)",
        "CREATE INDEX users_verification ON users (verification_digest) WHERE verification_digest IS NOT NULL",
        "CREATE INDEX users_email ON users (lower(email), organization) WHERE email IS NOT NULL",
        "CREATE INDEX users_username ON users (lower(username), organization) WHERE username IS NOT NULL",
        "CREATE INDEX users_phone ON users (lower(phone), organization) WHERE phone IS NOT NULL",
    ),
)
USER_ROLES = Table(
    "user_roles",
    key=("user_id", "role"),
    columns={"user_id": "uuid NOT NULL", "role": "uuid NOT NULL", "assigned_at": "timestamptz NOT NULL"},
    indexes=("CREATE INDEX user_roles_role ON user_roles (role, user_id)",),
)


PROFILE = fields(Profile)
FACTORS = {Factor.EMAIL: "email_factor", Factor.OTP: "otp_factor", Factor.SMS: "sms_factor"}
"""The column of each factor: whether the user has to prove themselves with it."""


def _created(event: User.Created, _: Context) -> Iterable[Fact]:
    yield USERS.insert(
        id=event.originator_id,
        organization=event.organization,
        application=event.application,
        status=event.status,
        name=event.name,
        custom_data={},
        has_password=False,
        email_verified=False,
        phone_verified=False,
        **dict.fromkeys(FACTORS.values(), False),
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _renamed(event: User.Renamed, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, name=event.name, updated_at=event.timestamp)


def _suspended(event: User.Suspended, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, status="suspended", updated_at=event.timestamp)


def _reinstated(event: User.Reinstated, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, status="active", updated_at=event.timestamp)


def _activated(event: User.Activated, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, status="active", updated_at=event.timestamp)


def _profile_changed(event: User.ProfileChanged, _: Context) -> Iterable[Fact]:
    members = {member.name: getattr(event, member.name) for member in PROFILE}
    yield USERS.update(id=event.originator_id, **members, updated_at=event.timestamp)


def _custom_data_changed(event: User.CustomDataChanged, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, custom_data=event.custom_data or {}, updated_at=event.timestamp)


def _username_changed(event: User.UsernameChanged, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, username=event.username, updated_at=event.timestamp)


def _password_changed(event: User.PasswordChanged, _: Context) -> Iterable[Fact]:
    # The digest stays in the log, sealed: no query of a read model can bring it to light.
    yield USERS.update(id=event.originator_id, has_password=True, updated_at=event.timestamp)


def _email_changed(event: User.EmailChanged, _: Context) -> Iterable[Fact]:
    yield USERS.update(
        id=event.originator_id,
        email=event.email,
        email_verified=event.verified,
        verification_digest=None,
        verification_expires_at=None,
        updated_at=event.timestamp,
    )


def _email_verification_requested(event: User.EmailVerificationRequested, _: Context) -> Iterable[Fact]:
    yield USERS.update(
        id=event.originator_id,
        verification_digest=event.digest,
        verification_expires_at=event.expires_at,
        updated_at=event.timestamp,
    )


def _email_verified(event: User.EmailVerified, _: Context) -> Iterable[Fact]:
    yield USERS.update(
        id=event.originator_id,
        email_verified=True,
        verification_digest=None,
        verification_expires_at=None,
        updated_at=event.timestamp,
    )


def _phone_changed(event: User.PhoneChanged, _: Context) -> Iterable[Fact]:
    yield USERS.update(
        id=event.originator_id, phone=event.phone, phone_verified=event.verified, updated_at=event.timestamp
    )


def _factor_required(event: User.FactorRequired, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, updated_at=event.timestamp, **{FACTORS[event.factor]: True})


def _factor_waived(event: User.FactorWaived, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, updated_at=event.timestamp, **{FACTORS[event.factor]: False})


def _linked(event: User.Linked, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, linked_user=event.other, updated_at=event.timestamp)


def _unlinked(event: User.Unlinked, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.originator_id, linked_user=None, updated_at=event.timestamp)


def _role_assigned(event: User.RoleAssigned, _: Context) -> Iterable[Fact]:
    yield USER_ROLES.insert(user_id=event.originator_id, role=event.role, assigned_at=event.timestamp)
    yield USERS.update(id=event.originator_id, updated_at=event.timestamp)


def _role_unassigned(event: User.RoleUnassigned, _: Context) -> Iterable[Fact]:
    yield USER_ROLES.delete(user_id=event.originator_id, role=event.role)
    yield USERS.update(id=event.originator_id, updated_at=event.timestamp)


def _deleted(event: User.Deleted, _: Context) -> Iterable[Fact]:
    yield USERS.delete(id=event.originator_id)


def _signed_in(event: Session.Started | Session.Authenticated, _: Context) -> Iterable[Fact]:
    yield USERS.update(id=event.user, last_sign_in_at=event.timestamp)


MODEL = row_model(
    "users",
    4,
    (USERS, USER_ROLES),
    {
        User.Created.TOPIC: _created,
        User.Renamed.TOPIC: _renamed,
        User.Suspended.TOPIC: _suspended,
        User.Reinstated.TOPIC: _reinstated,
        User.Activated.TOPIC: _activated,
        User.ProfileChanged.TOPIC: _profile_changed,
        User.CustomDataChanged.TOPIC: _custom_data_changed,
        User.UsernameChanged.TOPIC: _username_changed,
        User.PasswordChanged.TOPIC: _password_changed,
        User.EmailChanged.TOPIC: _email_changed,
        User.EmailVerificationRequested.TOPIC: _email_verification_requested,
        User.EmailVerified.TOPIC: _email_verified,
        User.PhoneChanged.TOPIC: _phone_changed,
        User.FactorRequired.TOPIC: _factor_required,
        User.FactorWaived.TOPIC: _factor_waived,
        User.Linked.TOPIC: _linked,
        User.Unlinked.TOPIC: _unlinked,
        User.RoleAssigned.TOPIC: _role_assigned,
        User.RoleUnassigned.TOPIC: _role_unassigned,
        User.Deleted.TOPIC: _deleted,
        Session.Started.TOPIC: _signed_in,
        Session.Authenticated.TOPIC: _signed_in,
    },
)

ONE = """
SELECT u.*, ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = u.id ORDER BY r.role) AS roles
  FROM users u WHERE u.id = $1
"""
PAGE = """
SELECT u.*, ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = u.id ORDER BY r.role) AS roles
  FROM users u
 WHERE ($1::uuid IS NULL OR u.organization = $1) AND ($2::uuid IS NULL OR u.application = $2)
   AND ($3::text IS NULL OR u.status = $3) AND u.id > $4
 ORDER BY u.id LIMIT $5
"""
# A person as others manage them: with the names of their roles, and until when an invitation of theirs can be accepted.
PERSON = """
SELECT u.*, i.expires_at AS invitation_expires_at,
       EXISTS (SELECT FROM factors f WHERE f.user_id = u.id AND f.type = 'Totp') AS has_totp,
       ARRAY(SELECT n.name FROM user_roles r JOIN roles n ON n.id = r.role
              WHERE r.user_id = u.id ORDER BY n.name) AS role_names
  FROM users u
  LEFT JOIN invitations i ON i.user_id = u.id AND i.status = 'pending'
"""
ONE_PERSON = f"{PERSON} WHERE u.id = $1"
LISTED = """
 WHERE u.organization = $1
   AND ($2::text IS NULL
        OR strpos(lower(concat_ws(' ', u.given_name, u.family_name, u.email)), lower($2)) > 0)
   AND ($3::uuid IS NULL OR EXISTS (SELECT FROM user_roles h WHERE h.role = $3 AND h.user_id = u.id))
   AND ($4::uuid IS NULL OR EXISTS (SELECT FROM memberships m
                                     WHERE m.account = $4 AND m.user_id = u.id AND (m.active OR NOT $5::boolean)))
   AND ($6::uuid IS NULL OR EXISTS (SELECT FROM group_members g WHERE g.group_id = $6 AND g.user_id = u.id))
"""
LISTING = f"{PERSON} {LISTED} ORDER BY u.id LIMIT $7 OFFSET $8"
LISTING_COUNT = f"SELECT count(*) FROM users u {LISTED}"  # noqa: S608 - made of this file's own text
VERIFIED_BY = "SELECT id FROM users WHERE verification_digest = $1"
KNOWN = "SELECT id FROM users WHERE id = ANY ($1::uuid[]) ORDER BY id"
HOLDERS = "SELECT user_id FROM user_roles WHERE role = $1 ORDER BY user_id LIMIT $2"
NAMES = "SELECT id, username, email, name, given_name, family_name FROM users WHERE id = ANY ($1::uuid[])"


async def one(connection: asyncpg.Pool, user: UUID) -> asyncpg.Record | None:
    """Return a user's row with `roles` (ids), None when there is none."""
    return await connection.fetchrow(ONE, user)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    application: UUID | None,
    status: str | None,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a page of users by id; None stands for any organization, application or status."""
    return await connection.fetch(PAGE, organization, application, status, after, limit)


async def person(connection: asyncpg.Pool, user: UUID) -> asyncpg.Record | None:
    """Return a user's row, None when there is none, with `role_names`, `invitation_expires_at` and `has_totp`."""
    return await connection.fetchrow(ONE_PERSON, user)


async def listing(
    connection: asyncpg.Pool,
    organization: UUID,
    *,
    search: str | None = None,
    role: UUID | None = None,
    account: UUID | None = None,
    active_only: bool = False,
    group: UUID | None = None,
    limit: int,
    offset: int,
) -> list[asyncpg.Record]:
    """Return rows as `person` does, by id, of an organization's users: of all, or of those that match what is given.

    `search` is a part of given name, family name and e-mail address, joined by spaces, in upper or lower case;
    `active_only` narrows `account` to those whose active membership it is.
    """
    return await connection.fetch(LISTING, organization, search, role, account, active_only, group, limit, offset)


async def listing_count(
    connection: asyncpg.Pool,
    organization: UUID,
    *,
    search: str | None = None,
    role: UUID | None = None,
    account: UUID | None = None,
    active_only: bool = False,
    group: UUID | None = None,
) -> int:
    """Return how many rows `listing` has without a limit."""
    return int(await connection.fetchval(LISTING_COUNT, organization, search, role, account, active_only, group))


async def by_verification(connection: asyncpg.Pool, digest: str) -> UUID | None:
    """Return who was sent the link whose secret has this digest, if it is their last one; None when nobody was."""
    user: UUID | None = await connection.fetchval(VERIFIED_BY, digest)
    return user


async def known(connection: asyncpg.Pool, users: Iterable[UUID]) -> list[UUID]:
    """Return those of these users that exist, by id."""
    return [row[0] for row in await connection.fetch(KNOWN, list(users))]


async def names(connection: asyncpg.Pool, users: Iterable[UUID]) -> dict[UUID, asyncpg.Record]:
    """Return what these users are called, by id; whoever is unknown is absent."""
    return {row["id"]: row for row in await connection.fetch(NAMES, list(users))}


async def holders(connection: asyncpg.Pool, role: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` users that hold a role."""
    return [row[0] for row in await connection.fetch(HOLDERS, role, limit)]
