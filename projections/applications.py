"""Applications (OAuth clients), the digests of their secrets, and what a token decision needs to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.application import Application
from domain.application_settings import SETTINGS
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

APPLICATIONS = Table(
    "applications",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "client_id": "text NOT NULL",
        "kind": "text NOT NULL",
        "name": "text NOT NULL",
        "permissions": "text[] NOT NULL",
        "audiences": "text[] NOT NULL",
        "token_format": "text NOT NULL",
        "access_token_lifetime": "integer NOT NULL",
        "key_set": "jsonb",
        "rate_limit": "integer",
        "redirect_uris": "text[] NOT NULL",
        "use_system_mfa_config": "boolean NOT NULL",
        "require_email_mfa": "boolean NOT NULL",
        "require_otp_mfa": "boolean NOT NULL",
        "require_sms_mfa": "boolean NOT NULL",
        "allow_email_mfa_as_backup": "boolean NOT NULL",
        "grant_types": "text[] NOT NULL",
        "trusted": "boolean NOT NULL",
        "refresh_token_lifetime": "integer NOT NULL",
        "refresh_grace": "integer NOT NULL",
        "post_logout_redirect_uris": "text[] NOT NULL",
        "backchannel_logout_uri": "text",
        "end_user_from": "text",
        "status": "text NOT NULL",
        "standing": "text",  # null: it needs nobody's approval
        "domain": "text",
        "description": "text",
        "scope_kinds": "text[]",
        "created_by": "uuid",
        "submitted_by": "uuid",
        "submitted_at": "timestamptz",
        "decided_by": "uuid",
        "decided_at": "timestamptz",
        "cause": "text",
        "effective_until": "timestamptz",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE UNIQUE INDEX applications_client_id ON applications (client_id)",
        "CREATE INDEX applications_organization ON applications (organization, id)",
        "CREATE INDEX applications_standing ON applications (organization, id) WHERE standing IS NOT NULL",
    ),
    # The one answer to whether an application may do anything: until then, exclusive. Whoever asks compares a time with
    # this and with nothing else, so disabling, standing and expiry cannot disagree.
    generated={
        "usable_until": (
            "timestamptz NOT NULL",
            """CASE WHEN status = 'active' AND standing IS NULL THEN timestamptz 'infinity'
            WHEN status = 'active' AND standing = 'effective' AND effective_until IS NOT NULL THEN effective_until
            ELSE timestamptz '-infinity' END""",
        )
    },
)
SECRETS = Table(
    "application_secrets",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "name": "text NOT NULL",
        "digest": "text NOT NULL",
        "hint": "text NOT NULL",
        "expires_at": "timestamptz",
        "created_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX application_secrets_application ON application_secrets (application, id)",),
)


def _registered(event: Application.Registered, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.insert(
        id=event.originator_id,
        organization=event.organization,
        client_id=event.client_id,
        kind=event.kind,
        status="active",
        created_at=event.timestamp,
        updated_at=event.timestamp,
        **{name: getattr(event, name) for name in SETTINGS},
    )


def _updated(event: Application.Updated, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.update(
        id=event.originator_id, updated_at=event.timestamp, **{name: getattr(event, name) for name in SETTINGS}
    )


def _secret_added(event: Application.SecretAdded, _: Context) -> Iterable[Fact]:
    yield SECRETS.insert(
        id=event.secret,
        application=event.originator_id,
        name=event.name,
        digest=event.digest,
        hint=event.hint,
        expires_at=event.expires_at,
        created_at=event.timestamp,
    )


def _secret_retired(event: Application.SecretRetired, _: Context) -> Iterable[Fact]:
    yield SECRETS.delete(id=event.secret)


def _disabled(event: Application.Disabled, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.update(id=event.originator_id, status="disabled", updated_at=event.timestamp)


def _enabled(event: Application.Enabled, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.update(id=event.originator_id, status="active", updated_at=event.timestamp)


def _submitted(event: Application.Submitted, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.update(
        id=event.originator_id,
        standing="pending",
        domain=event.domain,
        description=event.description,
        scope_kinds=event.scope_kinds,
        created_by=event.creator,
        submitted_by=event.by,
        submitted_at=event.timestamp,
        decided_by=None,
        decided_at=None,
        cause=None,
        effective_until=None,
        updated_at=event.timestamp,
    )


def _approved(event: Application.Approved, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.update(
        id=event.originator_id,
        standing="effective",
        decided_by=event.approver,
        decided_at=event.timestamp,
        effective_until=event.expires_at,
        updated_at=event.timestamp,
    )


def _rejected(event: Application.Rejected, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.update(
        id=event.originator_id,
        standing="rejected",
        decided_by=event.by,
        decided_at=event.timestamp,
        cause=event.reason,
        effective_until=None,
        updated_at=event.timestamp,
    )


def _deleted(event: Application.Deleted, _: Context) -> Iterable[Fact]:
    yield APPLICATIONS.delete(id=event.originator_id)


MODEL = row_model(
    "applications",
    4,
    (APPLICATIONS, SECRETS),
    {
        Application.Registered.TOPIC: _registered,
        Application.Updated.TOPIC: _updated,
        Application.SecretAdded.TOPIC: _secret_added,
        Application.SecretRetired.TOPIC: _secret_retired,
        Application.Disabled.TOPIC: _disabled,
        Application.Enabled.TOPIC: _enabled,
        Application.Submitted.TOPIC: _submitted,
        Application.Approved.TOPIC: _approved,
        Application.Rejected.TOPIC: _rejected,
        Application.Deleted.TOPIC: _deleted,
    },
)

# One snapshot of all that decides whether a client may have a token, and the position it was taken at. Introspection
# reads it at every request: only what is looked at is asked for.
FOR_DECISIONS = """
SELECT a.id, a.organization, a.client_id, a.kind, a.name, a.permissions, a.audiences, a.token_format,
       a.access_token_lifetime, a.key_set, a.rate_limit, a.redirect_uris, a.grant_types, a.trusted,
       a.refresh_token_lifetime, a.refresh_grace, a.post_logout_redirect_uris, a.backchannel_logout_uri,
       a.end_user_from, a.status, a.standing, a.scope_kinds, a.submitted_at, a.effective_until,
       a.usable_until, o.status AS organization_status, h.last AS head,
       ARRAY(SELECT s.digest FROM application_secrets s WHERE s.application = a.id ORDER BY s.id) AS secret_digests,
       ARRAY(SELECT s.expires_at FROM application_secrets s
              WHERE s.application = a.id ORDER BY s.id) AS secret_expiries,
       (SELECT jsonb_agg(jsonb_build_object('id', g.id, 'audience', g.audience, 'scope', g.scope,
                                            'expires_at', g.expires_at))
          FROM grants g WHERE g.application = a.id AND g.status = 'approved') AS grants
  FROM applications a
  LEFT JOIN accounts o ON o.id = a.organization
 CROSS JOIN (SELECT last FROM batches ORDER BY last DESC LIMIT 1) h
 WHERE a.client_id = ANY ($1::text[])
"""
ONE = "SELECT * FROM applications WHERE id = $1"
PAGE = """
SELECT * FROM applications
 WHERE ($1::uuid IS NULL OR organization = $1) AND ($2::text IS NULL OR kind = $2)
   AND ($3::text IS NULL OR status = $3) AND id > $4
 ORDER BY id LIMIT $5
"""
HOLDERS = """
SELECT id FROM applications WHERE organization = $1 AND $2 = ANY (permissions) ORDER BY id LIMIT $3
"""
REDIRECT_URIS_OF = """
SELECT DISTINCT unnest(redirect_uris) FROM applications
 WHERE organization = $1 AND usable_until > clock_timestamp()
"""
SECRETS_OF = """
SELECT id, name, hint, expires_at, created_at FROM application_secrets WHERE application = $1 ORDER BY id
"""


async def for_decisions(
    connection: asyncpg.Pool | asyncpg.Connection, client_ids: Sequence[str]
) -> dict[str, asyncpg.Record]:
    """Return by client id what token decisions need, each with the `head` of its snapshot; unknown ids are absent."""
    return {row["client_id"]: row for row in await connection.fetch(FOR_DECISIONS, client_ids)}


async def one(connection: asyncpg.Pool, application: UUID) -> asyncpg.Record | None:
    """Return an application's row, None when there is none."""
    return await connection.fetchrow(ONE, application)


async def page(
    connection: asyncpg.Pool,
    organization: UUID | None,
    *,
    kind: str | None,
    status: str | None,
    after: UUID,
    limit: int,
) -> list[asyncpg.Record]:
    """Return a page of applications by id; None stands for any organization, kind or status."""
    return await connection.fetch(PAGE, organization, kind, status, after, limit)


async def holders(connection: asyncpg.Pool, organization: UUID, scope: str, *, limit: int) -> list[UUID]:
    """Return up to `limit` applications of an organization that hold a scope."""
    return [row[0] for row in await connection.fetch(HOLDERS, organization, scope, limit)]


async def secrets_of(connection: asyncpg.Pool, application: UUID) -> list[asyncpg.Record]:
    """Return the live and expired secrets of an application, without their digests."""
    return await connection.fetch(SECRETS_OF, application)


async def redirect_uris_of(connection: asyncpg.Pool, organization: UUID) -> list[str]:
    """Return every redirect URI of an organization's applications that are in use, each once."""
    return [row[0] for row in await connection.fetch(REDIRECT_URIS_OF, organization)]
