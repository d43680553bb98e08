"""Authorizations: the codes that were handed out, by digest, what each is good for and whether it was used.

A code's row tells of everything that decides about redeeming it, so that no event is read. It stays for a while after
its use: by it a code that comes back is found out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from domain.authorization import Authorization
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import asyncpg

    from projections.model import Context, Fact

AUTHORIZATIONS = Table(
    "authorizations",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "digest": "text NOT NULL",
        "organization": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "session": "uuid",
        "account": "uuid",
        "membership": "uuid",
        "scope": "text NOT NULL",
        "audience": "text NOT NULL",
        "redirect_uri": "text",
        "code_challenge": "text",
        "nonce": "text",
        "methods": "text[] NOT NULL",
        "authenticated_at": "timestamptz NOT NULL",
        "issued_at": "timestamptz NOT NULL",
        "expires_at": "timestamptz NOT NULL",
        "family": "uuid",  # of the tokens that it was exchanged for
        "replayed": "boolean NOT NULL",
        "withdrawn": "boolean NOT NULL",  # nobody is told of it any more; its use before would still be found out
        "version": "bigint NOT NULL",
    },
    indexes=(
        "CREATE UNIQUE INDEX authorizations_digest ON authorizations (digest)",
        "CREATE INDEX authorizations_expires_at ON authorizations (expires_at)",
        "CREATE INDEX authorizations_organization ON authorizations (organization, id)",
    ),
)


def _issued(event: Authorization.Issued, _: Context) -> Iterable[Fact]:
    yield AUTHORIZATIONS.insert(
        id=event.originator_id,
        digest=event.digest,
        organization=event.organization,
        application=event.application,
        user_id=event.user,
        session=event.session,
        account=event.account,
        membership=event.membership,
        scope=event.scope,
        audience=event.audience,
        redirect_uri=event.redirect_uri,
        code_challenge=event.code_challenge,
        nonce=event.nonce,
        methods=event.methods,
        authenticated_at=event.authenticated_at,
        issued_at=event.timestamp,
        expires_at=event.expires_at,
        replayed=False,
        withdrawn=False,
        version=event.originator_version,
    )


def _redeemed(event: Authorization.Redeemed, _: Context) -> Iterable[Fact]:
    yield AUTHORIZATIONS.update(id=event.originator_id, family=event.family, version=event.originator_version)


def _replayed(event: Authorization.Replayed, _: Context) -> Iterable[Fact]:
    yield AUTHORIZATIONS.update(id=event.originator_id, replayed=True, version=event.originator_version)


def _withdrawn(event: Authorization.Withdrawn, _: Context) -> Iterable[Fact]:
    yield AUTHORIZATIONS.update(id=event.originator_id, withdrawn=True, version=event.originator_version)


# Codes go when tokens that expired with them would: the horizon is that of the tokens, and only rises. Who comes with a
# code after that is told as whoever comes with one that never was.
HORIZON = "coalesce((SELECT h.at FROM muniment.horizons h WHERE h.model = 'tokens'), '-infinity')"
SERVED = f"r.expires_at <= {HORIZON}"
MODEL = replace(
    row_model(
        "authorizations",
        2,
        (AUTHORIZATIONS,),
        {
            Authorization.Issued.TOPIC: _issued,
            Authorization.Redeemed.TOPIC: _redeemed,
            Authorization.Replayed.TOPIC: _replayed,
            Authorization.Withdrawn.TOPIC: _withdrawn,
        },
    ),
    served={"authorizations": SERVED},
)

# Whether everything that the code was handed out for is in force is looked at live, at $2. As long as a code is unused,
# its row's position is that of its issue, with which revocation epochs compare.
BY_DIGEST = """
SELECT r.*,
       o.status = 'active' AND u.status = 'active'
       AND (r.account IS NULL OR c.status = 'active')
       AND (r.membership IS NULL OR m.id IS NOT NULL)
       AND (r.session IS NULL OR s.expires_at > $2 OR 'offline_access' = ANY (string_to_array(r.scope, ' ')))
       AND r.position > coalesce((
           SELECT max(e.position) FROM revocation_epochs e
            WHERE e.key = ANY (ARRAY['refresh:application:' || r.application,
                                     'refresh:user:' || r.user_id,
                                     'refresh:application:' || r.application || ':user:' || r.user_id])), 0)
       AS in_force,
       (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM authorizations r
  LEFT JOIN accounts o ON o.id = r.organization
  LEFT JOIN accounts c ON c.id = r.account
  LEFT JOIN users u ON u.id = r.user_id
  LEFT JOIN memberships m ON m.id = r.membership
  LEFT JOIN sessions s ON s.id = r.session
 WHERE r.digest = $1
"""
# What those who manage an organization are told of its codes.
TOLD = """
SELECT r.id, r.organization, r.application, a.client_id, a.name AS application_name, r.user_id, r.scope, r.audience,
       r.issued_at, r.expires_at, r.family
  FROM authorizations r LEFT JOIN applications a ON a.id = r.application
 WHERE r.organization = $1 AND NOT r.withdrawn
"""
TOLD_BY_ID = f"{TOLD} AND r.id = $2"
TOLD_BY_DIGEST = f"{TOLD} AND r.digest = $2"
PAGE = f"{TOLD} AND r.id <= $2 ORDER BY r.id DESC LIMIT $3"
PURGE = f"""
WITH gone AS (
    DELETE FROM {{schema}}.authorizations
     WHERE id IN (SELECT r.id FROM {{schema}}.authorizations r WHERE {SERVED} ORDER BY r.expires_at LIMIT $1)
    RETURNING id
)
SELECT count(*) FROM gone
"""  # noqa: S608 - made of this file's own texts


async def by_digest(connection: asyncpg.Pool, digest: str, now: datetime) -> asyncpg.Record | None:
    """Return a code's row by its digest in hex, used and expired ones too; None when it was never handed out.

    Beside the columns: `in_force` (whether all that it was handed out for is, expiry and use aside) and the `head` at
    which that was true.
    """
    return await connection.fetchrow(BY_DIGEST, digest, now)


async def told(connection: asyncpg.Pool, organization: UUID, code: UUID | str) -> asyncpg.Record | None:
    """Return what there is to tell of a code of an organization, by its id or by its digest in hex.

    None when it was never handed out there, was taken back, or is purged.
    """
    return await connection.fetchrow(TOLD_BY_ID if isinstance(code, UUID) else TOLD_BY_DIGEST, organization, code)


async def page(connection: asyncpg.Pool, organization: UUID, *, start: UUID, limit: int) -> list[asyncpg.Record]:
    """Return a page of an organization's codes, the newest first, from the id `start` on (itself included)."""
    return await connection.fetch(PAGE, organization, start, limit)


def recalled(row: asyncpg.Record) -> Authorization:
    """Return the authorization that a code's row tells of."""
    return Authorization.recalled(
        id=row["id"],
        version=row["version"],
        at=row["issued_at"],
        family=row["family"],
        replayed=row["replayed"],
        withdrawn=row["withdrawn"],
        organization=row["organization"],
        application=row["application"],
        user=row["user_id"],
        session=row["session"],
        account=row["account"],
        membership=row["membership"],
        scope=row["scope"],
        audience=row["audience"],
        redirect_uri=row["redirect_uri"],
        code_challenge=row["code_challenge"],
        nonce=row["nonce"],
        methods=row["methods"],
        authenticated_at=row["authenticated_at"],
        digest=row["digest"],
        expires_at=row["expires_at"],
    )


async def purge_page(connection: asyncpg.Connection, *, schema: str, limit: int) -> int:
    """Remove up to `limit` codes that have served their time; return how many went."""
    return int(await connection.fetchval(PURGE.format(schema=schema), limit))
