"""Grants: an application's right to an audience with scopes, and where its approval stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.grant import Grant
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

GRANTS = Table(
    "grants",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "audience": "text NOT NULL",
        "scope": "text[] NOT NULL",
        "status": "text NOT NULL",
        "requested_by": "uuid NOT NULL",
        "decided_by": "uuid",
        "reason": "text",
        "expires_at": "timestamptz",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE INDEX grants_application ON grants (application, id)",
        "CREATE INDEX grants_organization ON grants (organization, id)",
    ),
)


def _requested(event: Grant.Requested, _: Context) -> Iterable[Fact]:
    yield GRANTS.insert(
        id=event.originator_id,
        organization=event.organization,
        application=event.application,
        audience=event.audience,
        scope=event.scope,
        status="pending",
        requested_by=event.requested_by,
        expires_at=event.expires_at,
        created_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _approved(event: Grant.Approved, _: Context) -> Iterable[Fact]:
    yield GRANTS.update(
        id=event.originator_id,
        status="approved",
        decided_by=event.approver,
        expires_at=event.expires_at,
        updated_at=event.timestamp,
    )


def _rejected(event: Grant.Rejected, _: Context) -> Iterable[Fact]:
    yield GRANTS.update(
        id=event.originator_id,
        status="rejected",
        decided_by=event.by,
        reason=event.reason,
        updated_at=event.timestamp,
    )


def _revoked(event: Grant.Revoked, _: Context) -> Iterable[Fact]:
    yield GRANTS.update(
        id=event.originator_id,
        status="revoked",
        decided_by=event.by,
        reason=event.reason,
        updated_at=event.timestamp,
    )


MODEL = row_model(
    "grants",
    1,
    (GRANTS,),
    {
        Grant.Requested.TOPIC: _requested,
        Grant.Approved.TOPIC: _approved,
        Grant.Rejected.TOPIC: _rejected,
        Grant.Revoked.TOPIC: _revoked,
    },
)

ONE = "SELECT * FROM grants WHERE id = $1"
PAGE = """
SELECT * FROM grants
 WHERE ($1::uuid IS NULL OR organization = $1) AND ($2::uuid IS NULL OR application = $2)
   AND ($3::text IS NULL OR status = $3) AND id > $4
 ORDER BY id LIMIT $5
"""
APPROVED_SCOPE = "SELECT DISTINCT unnest(scope) FROM grants WHERE application = $1 AND status = 'approved'"


async def approved_scope(connection: asyncpg.Pool, application: UUID) -> list[str]:
    """Return what an application's approved grants name together, expired ones included."""
    return [row[0] for row in await connection.fetch(APPROVED_SCOPE, application)]


async def one(connection: asyncpg.Pool, grant: UUID) -> asyncpg.Record | None:
    """Return a grant's row, None when there is none."""
    return await connection.fetchrow(ONE, grant)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    application: UUID | None,
    status: str | None,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a page of grants by id; None stands for any organization, application or status."""
    return await connection.fetch(PAGE, organization, application, status, after, limit)
