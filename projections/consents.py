"""Consents: what users let applications do in their names, and which applications have access to what is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.consent import Consent
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

CONSENTS = Table(
    "consents",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "user_id": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "scope": "text[] NOT NULL",
        "given_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=("CREATE INDEX consents_user ON consents (user_id, application)",),
)


def _given(event: Consent.Given, _: Context) -> Iterable[Fact]:
    yield CONSENTS.insert(
        id=event.originator_id,
        organization=event.organization,
        user_id=event.user,
        application=event.application,
        scope=event.scope,
        given_at=event.timestamp,
        updated_at=event.timestamp,
    )


def _extended(event: Consent.Extended, _: Context) -> Iterable[Fact]:
    yield CONSENTS.update(id=event.originator_id, scope=event.scope, updated_at=event.timestamp)


def _withdrawn(event: Consent.Withdrawn, _: Context) -> Iterable[Fact]:
    yield CONSENTS.delete(id=event.originator_id)


MODEL = row_model(
    "consents",
    1,
    (CONSENTS,),
    {
        Consent.Given.TOPIC: _given,
        Consent.Extended.TOPIC: _extended,
        Consent.Withdrawn.TOPIC: _withdrawn,
    },
)

# A third party that was submitted for approval once more may be another than people knew: they are asked anew.
SCOPE = """
SELECT c.scope FROM consents c JOIN applications a ON a.id = c.application
 WHERE c.user_id = $1 AND c.application = $2 AND (a.submitted_at IS NULL OR c.updated_at > a.submitted_at)
"""
ID = "SELECT id FROM consents WHERE user_id = $1 AND application = $2"
OF_USER = """
SELECT c.application, a.name FROM consents c JOIN applications a ON a.id = c.application
 WHERE c.user_id = $1 ORDER BY c.application
"""
IDS_OF_USER = "SELECT id FROM consents WHERE user_id = $1 ORDER BY id LIMIT $2"
# An application has access by consent, or by a refresh token that works: a trusted one asks nobody for consent. The
# live conditions are those by which refreshing judges.
RENEWABLE = """
SELECT t.application, t.scope, t.issued_at
  FROM tokens t
  JOIN refresh_tokens r ON r.family = t.family AND r.used_at IS NULL AND r.ended_at IS NULL
  LEFT JOIN sessions s ON s.id = t.session
 WHERE t.user_id = $1 AND t.id = t.family AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp())
   AND (t.session IS NULL OR s.expires_at > clock_timestamp()
        OR 'offline_access' = ANY (string_to_array(t.scope, ' ')))
   AND r.position > coalesce((
       SELECT max(e.position) FROM revocation_epochs e
        WHERE e.key = ANY (ARRAY['refresh:application:' || t.application,
                                 'refresh:user:' || t.user_id,
                                 'refresh:application:' || t.application || ':user:' || t.user_id])), 0)
"""
ACCESS = f"""
WITH renewable AS ({RENEWABLE})
SELECT a.id AS application, a.client_id, a.name, o.name AS organization_name,
       a.status, a.standing, a.effective_until,
       coalesce(c.scope, ARRAY(SELECT DISTINCT s FROM renewable w, unnest(string_to_array(w.scope, ' ')) s
                                WHERE w.application = a.id ORDER BY s)) AS scope,
       coalesce(c.given_at, (SELECT min(w.issued_at) FROM renewable w WHERE w.application = a.id)) AS given_at,
       (SELECT max(t.issued_at) FROM tokens t WHERE t.user_id = $1 AND t.application = a.id) AS last_used
  FROM applications a
  JOIN accounts o ON o.id = a.organization
  LEFT JOIN consents c ON c.user_id = $1 AND c.application = a.id
 WHERE a.id IN (SELECT application FROM consents WHERE user_id = $1 UNION SELECT application FROM renewable)
   AND ($2::uuid IS NULL OR a.id = $2)
 ORDER BY lower(a.name), a.id
"""  # noqa: S608 - made of this file's own texts

TOKENS = """
SELECT EXISTS (
    SELECT FROM tokens t
     WHERE t.user_id = $1 AND t.application = $2
       AND (t.ended_at IS NULL AND t.expires_at > clock_timestamp()
            OR EXISTS (SELECT FROM refresh_tokens r
                        WHERE r.family = t.family AND r.used_at IS NULL AND r.ended_at IS NULL
                          AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp()))))
"""


async def of(connection: asyncpg.Pool, user: UUID, application: UUID) -> frozenset[str]:
    """Return the scope that a user lets an application have; empty when there is no consent that counts.

    One counts if it was given or extended since the application was last submitted for approval, if it ever was.
    """
    return frozenset(await connection.fetchval(SCOPE, user, application) or ())


async def id_of(connection: asyncpg.Pool, user: UUID, application: UUID) -> UUID | None:
    """Return the id of a user's consent to an application, None when there is none."""
    consent: UUID | None = await connection.fetchval(ID, user, application)
    return consent


async def of_user(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return `application` and `name` of the applications that a user lets act for them, by id."""
    return await connection.fetch(OF_USER, user)


async def ids_of_user(connection: asyncpg.Pool, user: UUID, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of a user's consents."""
    return [row[0] for row in await connection.fetch(IDS_OF_USER, user, limit)]


async def access_of(connection: asyncpg.Pool, user: UUID, *, application: UUID | None = None) -> list[asyncpg.Record]:
    """Return the applications (or that one) with access to what is a user's, by name.

    Each with `application` (its id), `client_id`, `name`, `organization_name`, how it stands (`status`, `standing` and
    `effective_until`), `scope`, `given_at` (when consent was given, without it when the oldest sign-in that still
    counts was) and `last_used` (when it last had a token; None: not in living memory).
    """
    return await connection.fetch(ACCESS, user, application)


async def has_tokens(connection: asyncpg.Pool, user: UUID, application: UUID) -> bool:
    """Say whether there may be a token of a user that an application can use; rather yes than no."""
    return bool(await connection.fetchval(TOKENS, user, application))
