"""Tokens: issued access and refresh tokens by digest, and whether each is alive right now.

One statement answers for many tokens at once, from rows alone: no event is read and no signature verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.permissions import IMPERSONATION_ROLES
from domain.token_family import TokenFamily
from projections.model import Model
from projections.token_pages import TokenPages
from projections.token_purge import SERVED
from projections.token_rows import DELETED, REUSED
from projections.token_states import ACCESS_EPOCH, ACTOR, ACTS, HOLDERS, IN_FORCE, OFFLINE, REFRESH_EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

DDL = """
CREATE TABLE tokens (
    id uuid PRIMARY KEY,               -- the jti
    family uuid NOT NULL,
    digest bytea NOT NULL,             -- SHA-256 of the access token as it was handed out
    organization uuid NOT NULL,
    application uuid NOT NULL,
    user_id uuid,
    account uuid,
    membership uuid,
    end_user text,
    scope text NOT NULL,
    audience text NOT NULL,
    format text NOT NULL,
    grant_type text NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    session uuid,                      -- at which the person proved themselves, at authenticated_at
    authenticated_at timestamptz,
    actor uuid,                        -- another user, who acts in the user's name
    personal_access_token uuid,        -- that it was exchanged for, by which it ends
    ended_at timestamptz,
    ended_because text,
    deleted_at timestamptz,            -- from then on nobody finds it, though its family may need the row
    attributes jsonb,
    version bigint NOT NULL,           -- of the family's last event about it: the highest of a family is the stream's
    position bigint NOT NULL           -- of the event that issued it: revocation epochs compare with this
);
CREATE INDEX tokens_family ON tokens (family, version) WHERE family <> id;

CREATE TABLE refresh_tokens (
    digest bytea NOT NULL,
    family uuid NOT NULL,
    organization uuid NOT NULL,
    application uuid NOT NULL,
    user_id uuid,
    account uuid,
    end_user text,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz,            -- null: it does not expire
    used_at timestamptz,               -- when another one took its place
    ended_at timestamptz,
    ended_because text,
    deleted_at timestamptz,
    attributes jsonb,
    version bigint NOT NULL,           -- of the family's event that issued it: the newest one is the current one
    position bigint NOT NULL           -- of that event, for ever, as of an access token
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family, version);

CREATE FUNCTION apply_tokens(facts json, positions bigint[]) RETURNS void LANGUAGE plpgsql AS $apply$
DECLARE
    f record;
BEGIN
    INSERT INTO tokens (id, family, digest, organization, application, user_id, account, membership, end_user,
                        scope, audience, format, grant_type, issued_at, expires_at, session, authenticated_at, actor,
                        personal_access_token, version, position)
    SELECT i.id, i.family, decode(i.digest, 'hex'), i.organization, i.application, i.user_id, i.account, i.membership,
           i.end_user, i.scope, i.audience, i.format, i.grant_type, i.issued_at, i.expires_at,
           i.session, i.authenticated_at, i.actor, i.personal_access_token, coalesce(i.version, 1),
           positions[i.n]
      FROM json_to_recordset(facts)
           AS i(n int, o text, id uuid, family uuid, digest text, organization uuid, application uuid, user_id uuid,
                account uuid, membership uuid, end_user text, scope text, audience text, format text,
                grant_type text, issued_at timestamptz, expires_at timestamptz, session uuid,
                authenticated_at timestamptz, actor uuid, personal_access_token uuid, version bigint)
     WHERE i.o = 'i' AND positions[i.n] > 0;
    -- What follows is rare beside issuing, and its order within a family matters: one by one.
    -- (Facts are written compactly, so looking for it in the text is safe; taking the rows apart again costs more.)
    IF strpos(facts::text, '"rare":true') > 0 THEN
        FOR f IN
            SELECT * FROM json_to_recordset(facts)
                AS r(n int, o text, id uuid, family uuid, organization uuid, application uuid, user_id uuid,
                     account uuid, end_user text, issued_at timestamptz, refresh_digest text,
                     refresh_expires_at timestamptz, ended_at timestamptz, ended_because text, actor uuid,
                     renews boolean, attributes jsonb, version bigint, rare boolean)
             WHERE positions[r.n] > 0 AND r.rare
             ORDER BY r.n, r.o DESC  -- one event's use of a refresh token goes before the next one's issue
        LOOP
            IF f.o = 'u' THEN
                -- No other one than the newest can be unused.
                UPDATE refresh_tokens SET used_at = f.ended_at
                 WHERE family = f.family AND used_at IS NULL
                   AND version = (SELECT max(n.version) FROM refresh_tokens n WHERE n.family = f.family);
            ELSIF f.o = 'i' THEN
                INSERT INTO refresh_tokens (digest, family, organization, application, user_id, account, end_user,
                                            issued_at, expires_at, version, position)
                VALUES (decode(f.refresh_digest, 'hex'), f.family, f.organization, f.application, f.user_id, f.account,
                        f.end_user, f.issued_at, f.refresh_expires_at, coalesce(f.version, 1), positions[f.n]);
            ELSIF f.o = 'a' THEN
                UPDATE tokens SET actor = f.actor, version = f.version WHERE id = f.family;
            ELSIF f.o = 'p' THEN
                UPDATE tokens SET ended_at = NULL, ended_because = NULL, version = f.version WHERE id = f.id;
                IF NOT FOUND THEN  -- a refresh token: the family's first row keeps the version
                    f.renews := true;
                    UPDATE tokens SET version = f.version WHERE id = f.family;
                END IF;
                IF f.renews THEN
                    UPDATE refresh_tokens SET ended_at = NULL, ended_because = NULL
                     WHERE family = f.family AND deleted_at IS NULL
                       AND version = (SELECT max(n.version) FROM refresh_tokens n WHERE n.family = f.family);
                END IF;
            ELSIF f.o = 'n' THEN
                UPDATE tokens SET attributes = f.attributes, version = f.version WHERE id = f.id;
                IF NOT FOUND THEN
                    UPDATE tokens SET version = f.version WHERE id = f.family;
                    UPDATE refresh_tokens SET attributes = f.attributes
                     WHERE family = f.family AND substr(digest, 1, 16) = uuid_send(f.id);
                END IF;
            ELSE
                IF f.id IS NOT NULL THEN
                    UPDATE tokens SET ended_at = coalesce(ended_at, f.ended_at), version = f.version,
                           ended_because = CASE WHEN ended_at IS NULL THEN f.ended_because ELSE ended_because END,
                           deleted_at = CASE WHEN f.o = 'd' THEN f.ended_at ELSE deleted_at END
                     WHERE id = f.id;
                    CONTINUE WHEN FOUND OR f.o = 'e';
                    UPDATE refresh_tokens SET deleted_at = f.ended_at
                     WHERE family = f.family AND substr(digest, 1, 16) = uuid_send(f.id);
                END IF;
                UPDATE tokens SET ended_at = coalesce(ended_at, f.ended_at), version = f.version,
                       ended_because = CASE WHEN ended_at IS NULL THEN f.ended_because ELSE ended_because END
                 WHERE (id = f.family OR (family = f.family AND family <> id)) AND position < positions[f.n];
                UPDATE refresh_tokens SET ended_at = f.ended_at, ended_because = f.ended_because
                 WHERE family = f.family AND ended_at IS NULL;
            END IF;
        END LOOP;
    END IF;
END $apply$;
"""
INDEXES = (
    "ALTER TABLE refresh_tokens ADD PRIMARY KEY (digest)",
    "CREATE UNIQUE INDEX tokens_digest ON tokens (digest)",
    "CREATE INDEX tokens_application ON tokens (application, position)",
    "CREATE INDEX tokens_user ON tokens (user_id, position) WHERE user_id IS NOT NULL",
    "CREATE INDEX tokens_account ON tokens (account, position) WHERE account IS NOT NULL",
    "CREATE INDEX tokens_end_user ON tokens (organization, end_user, position) WHERE end_user IS NOT NULL",
    "CREATE INDEX refresh_tokens_application ON refresh_tokens (application, position)",
    "CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id, position) WHERE user_id IS NOT NULL",
    "CREATE INDEX refresh_tokens_account ON refresh_tokens (account, position) WHERE account IS NOT NULL",
    """CREATE INDEX refresh_tokens_end_user ON refresh_tokens (organization, end_user, position)
        WHERE end_user IS NOT NULL""",
)


def _issued(event: TokenFamily.Issued, _: Context) -> Iterable[Fact]:
    fact = _access_token(event, event.grant_type)
    if event.personal_access_token is not None:
        fact["personal_access_token"] = event.personal_access_token
    return (fact,)


def _access_token(event: TokenFamily.Issued | TokenFamily.Refreshed, grant_type: str) -> Fact:
    fact: Fact = {
        "o": "i",
        "id": event.token,
        "family": event.originator_id,
        "digest": event.digest,
        "organization": event.organization,
        "application": event.application,
        "scope": event.scope,
        "audience": event.audience,
        "format": event.format,
        "grant_type": grant_type,
        "issued_at": event.timestamp,
        "expires_at": event.expires_at,
    }
    if event.user is not None:
        fact["user_id"] = event.user
    if event.account is not None:
        fact["account"] = event.account
    if event.membership is not None:
        fact["membership"] = event.membership
    if event.end_user is not None:
        fact["end_user"] = event.end_user
    if event.session is not None:
        fact["session"] = event.session
    if event.authenticated_at is not None:
        fact["authenticated_at"] = event.authenticated_at
    if event.actor is not None:
        fact["actor"] = event.actor
    if event.originator_version > 1:  # absent, so that the hot path carries nothing more: the first
        fact["version"] = event.originator_version
    if event.refresh_digest is not None:
        fact["refresh_digest"] = event.refresh_digest
        fact["refresh_expires_at"] = event.refresh_expires_at
        fact["rare"] = True
    return fact


def _refreshed(event: TokenFamily.Refreshed, _: Context) -> Iterable[Fact]:
    if event.refresh_digest is not None:
        yield {"o": "u", "family": event.originator_id, "ended_at": event.timestamp, "rare": True}
    yield _access_token(event, "refresh_token")


def _rare(kind: str, event: TokenFamily.Event, **more: Any) -> Fact:
    return {"o": kind, "family": event.originator_id, "version": event.originator_version, "rare": True, **more}


def _revoked(event: TokenFamily.Revoked, _: Context) -> Iterable[Fact]:
    yield _rare("e", event, id=event.token, ended_at=event.timestamp, ended_because=event.reason)


def _reused(event: TokenFamily.ReuseDetected, _: Context) -> Iterable[Fact]:
    yield _rare("e", event, ended_at=event.timestamp, ended_because=REUSED)


def _approved(event: TokenFamily.Approved, _: Context) -> Iterable[Fact]:
    yield _rare("p", event, id=event.token, renews=event.cascade)


def _deleted(event: TokenFamily.Deleted, _: Context) -> Iterable[Fact]:
    yield _rare("d", event, id=event.token, ended_at=event.timestamp, ended_because=DELETED)


def _described(event: TokenFamily.Described, _: Context) -> Iterable[Fact]:
    yield _rare("n", event, id=event.token, attributes=event.attributes)


def _impersonated(event: TokenFamily.Impersonated, _: Context) -> Iterable[Fact]:
    yield _rare("a", event, actor=event.by)


MODEL = Model(
    name="tokens",
    version=5,
    mode="immediate",
    tables=("tokens", "refresh_tokens"),
    ddl=DDL,
    indexes=INDEXES,
    handlers={
        TokenFamily.Issued.TOPIC: _issued,
        TokenFamily.Refreshed.TOPIC: _refreshed,
        TokenFamily.Revoked.TOPIC: _revoked,
        TokenFamily.Approved.TOPIC: _approved,
        TokenFamily.Deleted.TOPIC: _deleted,
        TokenFamily.Described.TOPIC: _described,
        TokenFamily.ReuseDetected.TOPIC: _reused,
        TokenFamily.Impersonated.TOPIC: _impersonated,
    },
    bulk=TokenPages(),
    served=SERVED,
)

# Everything that can end a token is looked at live: the token itself, its application, organization, account, user
# and membership, the session unless access was meant to outlive it, and the revocation epochs. Who acts in the user's
# name ends with what ends their own tokens: an epoch. (What a person's roles hold is asked for apart, by the few who
# need it: here it would cost every look-up 20 µs.)
BY_DIGEST = f"""
SELECT t.digest, t.id, t.family, t.organization, t.application, a.client_id, a.kind AS client_kind,
       t.user_id, t.account, t.membership, t.end_user, t.scope, t.audience, t.format, t.grant_type,
       t.issued_at, t.expires_at, t.session, t.authenticated_at, t.actor, t.personal_access_token,
       t.position, a.permissions, a.rate_limit,
       ARRAY(SELECT unnest(g.scope) FROM grants g
              WHERE g.application = t.application AND g.audience = t.audience AND g.status = 'approved'
                AND (g.expires_at IS NULL OR g.expires_at > clock_timestamp())) AS granted,
       t.ended_at IS NULL AND a.usable_until > clock_timestamp()
       AND {IN_FORCE.format(now="clock_timestamp()")}
       AND t.position > {ACCESS_EPOCH} AS alive,
       (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM tokens t{HOLDERS}
 WHERE t.digest = ANY ($1::bytea[])
"""  # noqa: S608 - made of these files' own texts
# What a user can renew their access with right now.
SESSIONS = f"""
SELECT t.family, t.user_id, a.client_id, t.scope, r.expires_at
  FROM tokens t
  JOIN refresh_tokens r ON r.family = t.family AND r.used_at IS NULL AND r.ended_at IS NULL
  JOIN applications a ON a.id = t.application AND a.usable_until > clock_timestamp()
  LEFT JOIN sessions s ON s.id = t.session
 WHERE t.user_id = $1 AND t.id = t.family AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp())
   AND (t.session IS NULL OR s.expires_at > clock_timestamp() OR {OFFLINE})
   AND r.position > {REFRESH_EPOCH}
 ORDER BY t.family
"""  # noqa: S608 - made of these files' own texts
# All that decides about renewing, by the refresh token that was presented: the family as its first token has it, the
# newest refresh token (n), the one before it (p), and whether everything that the family was issued for is in force at
# $2. Whoever acts as somebody else must still hold a role that allows it ($3).
RENEWING = f"""
SELECT t.family, t.organization, t.application, t.user_id, t.account, t.membership, t.end_user, t.scope, t.audience,
       t.grant_type, t.issued_at, t.session, t.authenticated_at, t.actor, s.methods, a.client_id,
       a.usable_until > $2 AS application_active,
       n.digest AS current_digest, n.expires_at, n.version AS current_version,
       n.used_at IS NOT NULL OR n.ended_at IS NOT NULL AS ended,
       p.digest AS former_digest, p.used_at AS replaced_at,
       greatest(t.version, (SELECT max(l.version) FROM tokens l
                             WHERE l.family = t.id AND l.family <> l.id)) AS version,
       {IN_FORCE.format(now="$2")}
       AND {ACTS.format(roles="$3")}
       AND n.position > {REFRESH_EPOCH} AS in_force,
       (SELECT last FROM batches ORDER BY last DESC LIMIT 1) AS head
  FROM refresh_tokens r
  JOIN tokens t ON t.id = r.family
  JOIN LATERAL (SELECT * FROM refresh_tokens k WHERE k.family = r.family ORDER BY k.version DESC LIMIT 1) n ON true
  LEFT JOIN LATERAL (SELECT * FROM refresh_tokens k WHERE k.family = r.family AND k.version < n.version
                      ORDER BY k.version DESC LIMIT 1) p ON true{HOLDERS}{ACTOR}
  LEFT JOIN sessions s ON s.id = t.session
 WHERE r.digest = $1
"""  # noqa: S608 - made of these files' own texts
FAMILY = """
SELECT t.id, t.organization, t.application, t.issued_at, t.ended_at, t.version,
       EXISTS (SELECT FROM refresh_tokens r
                WHERE r.family = $1 AND r.used_at IS NULL AND r.ended_at IS NULL) AS renewable
  FROM tokens t WHERE t.id = $1 OR (t.family = $1 AND t.family <> t.id)
"""


async def sessions(connection: asyncpg.Pool, user: UUID) -> list[asyncpg.Record]:
    """Return the families of a user that can be renewed, with `client_id`, `scope` and `expires_at` (None: never)."""
    return await connection.fetch(SESSIONS, user)


async def family(connection: asyncpg.Pool, family: UUID) -> TokenFamily | None:
    """Return a family as its rows tell it, good for ending it; None when there are no rows (any more)."""
    rows = await connection.fetch(FAMILY, family)
    if not rows:
        return None
    first = rows[0]
    ended = {row["id"] for row in rows if row["ended_at"] is not None}
    return TokenFamily.recalled(
        id=family,
        version=max(row["version"] for row in rows),
        organization=first["organization"],
        application=first["application"],
        tokens={row["id"] for row in rows},
        revoked=ended,
        ended=len(ended) == len(rows) and not first["renewable"],
        at=first["issued_at"],
    )


async def by_digests(
    connection: asyncpg.Pool | asyncpg.Connection, digests: Sequence[bytes]
) -> dict[bytes, asyncpg.Record]:
    """Return the tokens known by these digests, each with `alive` (expiry aside) and the `head` it was judged at."""
    return {row["digest"]: row for row in await connection.fetch(BY_DIGEST, digests)}


async def renewing(connection: asyncpg.Pool, digest: bytes, now: datetime) -> asyncpg.Record | None:
    """Return the row of RENEWING for a refresh token, a used or ended one too; None when it was never issued.

    `in_force` leaves aside the family's end and the refresh token's own expiry, which are in columns of their own, and
    the application, which the caller has at hand. All of it was true at `head`.
    """
    return await connection.fetchrow(RENEWING, digest, now, sorted(IMPERSONATION_ROLES))


def renewable(row: asyncpg.Record) -> TokenFamily:
    """Return the family of a row of RENEWING, good for renewing and ending it: its single access tokens aside."""
    former = row["former_digest"]
    return TokenFamily.recalled(
        id=row["family"],
        version=row["version"],
        organization=row["organization"],
        application=row["application"],
        tokens=(row["family"],),
        revoked=(),
        ended=row["ended"],
        at=row["issued_at"],
        user=row["user_id"],
        account=row["account"],
        membership=row["membership"],
        end_user=row["end_user"],
        refresh_digest=row["current_digest"].hex(),
        refresh_expires_at=row["expires_at"],
        former_digest=None if former is None else former.hex(),
        replaced_at=row["replaced_at"],
        session=row["session"],
        authenticated_at=row["authenticated_at"],
        actor=row["actor"],
    )
