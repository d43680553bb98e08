"""Invitations: whose they are, by which link they are accepted, and until when. One a user, gone with the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.invitation import Invitation
from domain.user import User
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

INVITATIONS = Table(
    "invitations",
    key=("user_id",),
    columns={
        "user_id": "uuid NOT NULL",
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "status": "text NOT NULL",
        "digest": "text NOT NULL",
        "expires_at": "timestamptz NOT NULL",
        "locale": "text",
        "signin_url": "text",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE UNIQUE INDEX invitations_digest ON invitations (digest)",),
)


def _issued(event: Invitation.Issued, _: Context) -> Iterable[Fact]:
    yield INVITATIONS.insert(
        user_id=event.user,
        id=event.originator_id,
        organization=event.organization,
        status="pending",
        digest=event.digest,
        expires_at=event.expires_at,
        locale=event.locale,
        signin_url=event.signin_url,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _resent(event: Invitation.Resent, _: Context) -> Iterable[Fact]:
    yield INVITATIONS.update(
        user_id=event.user,
        digest=event.digest,
        expires_at=event.expires_at,
        locale=event.locale,
        signin_url=event.signin_url,
        updated_at=event.timestamp,
    )


def _revoked(event: Invitation.Revoked, _: Context) -> Iterable[Fact]:
    yield INVITATIONS.update(user_id=event.user, status="revoked", updated_at=event.timestamp)


def _accepted(event: Invitation.Accepted, _: Context) -> Iterable[Fact]:
    yield INVITATIONS.update(user_id=event.user, status="accepted", updated_at=event.timestamp)


def _user_deleted(event: User.Deleted, _: Context) -> Iterable[Fact]:
    yield INVITATIONS.delete(user_id=event.originator_id)


MODEL = row_model(
    "invitations",
    1,
    (INVITATIONS,),
    {
        Invitation.Issued.TOPIC: _issued,
        Invitation.Resent.TOPIC: _resent,
        Invitation.Revoked.TOPIC: _revoked,
        Invitation.Accepted.TOPIC: _accepted,
        User.Deleted.TOPIC: _user_deleted,
    },
)

OF_USER = "SELECT * FROM invitations WHERE user_id = $1"
BY_DIGEST = """
SELECT i.*, a.name AS organization_name FROM invitations i JOIN accounts a ON a.id = i.organization
 WHERE i.digest = $1 AND i.status = 'pending' AND a.status = 'active'
"""


async def of_user(connection: asyncpg.Pool, user: UUID) -> asyncpg.Record | None:
    """Return a user's invitation, closed ones too; None when they were never invited (or are deleted)."""
    return await connection.fetchrow(OF_USER, user)


async def by_digest(connection: asyncpg.Pool, digest: str) -> asyncpg.Record | None:
    """Return the pending invitation whose present link has a secret of this digest, expired or not, else None.

    Its row has `organization_name`; invitations of an organization that is not active are not found.
    """
    return await connection.fetchrow(BY_DIGEST, digest)
