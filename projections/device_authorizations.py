"""Device authorizations: devices that wait for a person, by the digests of their two codes.

One that was redeemed has no row: its device code is worth nothing any more, and is told so like any other text. So
are those that have expired, after a while.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from domain.device_authorization import DeviceAuthorization
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

DEVICES = Table(
    "device_authorizations",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "scope": "text NOT NULL",
        "audience": "text NOT NULL",
        "user_code_digest": "text NOT NULL",
        "digest": "text NOT NULL",
        "status": "text NOT NULL",
        "user_id": "uuid",
        "session": "uuid",
        "authenticated_at": "timestamptz",
        "methods": "text[]",
        "requested_at": "timestamptz NOT NULL",
        "expires_at": "timestamptz NOT NULL",
        "version": "bigint NOT NULL",
    },
    indexes=(
        "CREATE INDEX device_authorizations_digest ON device_authorizations (digest)",
        "CREATE INDEX device_authorizations_user_code ON device_authorizations (user_code_digest)",
        "CREATE INDEX device_authorizations_expires_at ON device_authorizations (expires_at)",
    ),
)


def _requested(event: DeviceAuthorization.Requested, _: Context) -> Iterable[Fact]:
    yield DEVICES.insert(
        id=event.originator_id,
        organization=event.organization,
        application=event.application,
        scope=event.scope,
        audience=event.audience,
        user_code_digest=event.user_code_digest,
        digest=event.digest,
        status="pending",
        requested_at=event.timestamp,
        expires_at=event.expires_at,
        version=event.originator_version,
    )


def _approved(event: DeviceAuthorization.Approved, _: Context) -> Iterable[Fact]:
    within = {} if event.scope is None else {"scope": event.scope}
    yield DEVICES.update(
        id=event.originator_id,
        **within,
        status="approved",
        user_id=event.user,
        session=event.session,
        authenticated_at=event.authenticated_at,
        methods=event.methods,
        version=event.originator_version,
    )


def _denied(event: DeviceAuthorization.Denied, _: Context) -> Iterable[Fact]:
    yield DEVICES.update(id=event.originator_id, status="denied", user_id=event.user, version=event.originator_version)


def _redeemed(event: DeviceAuthorization.Redeemed, _: Context) -> Iterable[Fact]:
    yield DEVICES.delete(id=event.originator_id)


# Devices go when tokens that expired with them would: the horizon is that of the tokens, and only rises.
HORIZON = "coalesce((SELECT h.at FROM muniment.horizons h WHERE h.model = 'tokens'), '-infinity')"
SERVED = f"r.expires_at <= {HORIZON}"
MODEL = replace(
    row_model(
        "device_authorizations",
        1,
        (DEVICES,),
        {
            DeviceAuthorization.Requested.TOPIC: _requested,
            DeviceAuthorization.Approved.TOPIC: _approved,
            DeviceAuthorization.Denied.TOPIC: _denied,
            DeviceAuthorization.Redeemed.TOPIC: _redeemed,
        },
    ),
    served={"device_authorizations": SERVED},
)

# Whether everything that an approval rests on is in force is looked at live, at $2. An approved row's position is that
# of the approval, with which revocation epochs compare.
BY_DIGEST = """
SELECT d.*,
       o.status = 'active' AND u.status = 'active' AND u.organization = d.organization
       AND (s.expires_at > $2 OR 'offline_access' = ANY (string_to_array(d.scope, ' ')))
       AND d.position > coalesce((
           SELECT max(e.position) FROM revocation_epochs e
            WHERE e.key = ANY (ARRAY['refresh:application:' || d.application,
                                     'refresh:user:' || d.user_id,
                                     'refresh:application:' || d.application || ':user:' || d.user_id])), 0)
       AS in_force,
       (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM device_authorizations d
  LEFT JOIN accounts o ON o.id = d.organization
  LEFT JOIN users u ON u.id = d.user_id
  LEFT JOIN sessions s ON s.id = d.session
 WHERE d.digest = $1
"""
# Nobody is asked about what a third party wanted before it was submitted for approval once more.
WAITING = """
SELECT d.id, d.organization, d.application, d.scope, d.audience, d.requested_at, d.expires_at,
       a.client_id, a.name, o.name AS organization_name
  FROM device_authorizations d
  JOIN applications a ON a.id = d.application AND a.usable_until > $2
       AND (a.submitted_at IS NULL OR d.requested_at > a.submitted_at)
  JOIN accounts o ON o.id = d.organization AND o.status = 'active'
 WHERE d.user_code_digest = ANY ($1::text[]) AND d.status = 'pending' AND d.expires_at > $2
   AND ($3::uuid IS NULL OR d.organization = $3)
 LIMIT 2
"""


PURGE = f"""
WITH gone AS (
    DELETE FROM {{schema}}.device_authorizations
     WHERE id IN (SELECT r.id FROM {{schema}}.device_authorizations r WHERE {SERVED} ORDER BY r.expires_at LIMIT $1)
    RETURNING id
)
SELECT count(*) FROM gone
"""  # noqa: S608 - made of this file's own texts


async def by_digest(connection: asyncpg.Pool, digest: str, now: datetime) -> asyncpg.Record | None:
    """Return the row of a device code by its digest in hex, None when there is none.

    Beside the columns: `in_force` (whether all that an approval rests on is, expiry aside; no truth before there is
    one) and the `head` at which that was true.
    """
    return await connection.fetchrow(BY_DIGEST, digest, now)


async def waiting(
    connection: asyncpg.Pool, user_codes: Sequence[str], now: datetime, *, organization: UUID | None
) -> asyncpg.Record | None:
    """Return the one device of an organization, or with None of any, that waits under one of these digests of a code.

    None when there is none, it was answered or has expired; or there are two, and nobody could tell whose is meant.
    """
    found = await connection.fetch(WAITING, user_codes, now, organization)
    return found[0] if len(found) == 1 else None


async def in_use(connection: asyncpg.Pool, user_codes: Sequence[str], now: datetime) -> bool:
    """Say whether a device of any organization waits under one of these digests of a user code."""
    return bool(await connection.fetch(WAITING, user_codes, now, None))


async def purge_page(connection: asyncpg.Connection, *, schema: str, limit: int) -> int:
    """Remove up to `limit` devices that have served their time; return how many went."""
    return int(await connection.fetchval(PURGE.format(schema=schema), limit))
