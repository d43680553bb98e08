"""Looks tokens up for those who manage them: by id, by digest, and in pages, newest first, each with its status.

A page is a range of one index by position, of which at most so many rows are looked at, however many tokens there are
and however few fit: it may be short, or empty, and still tell where the next one begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from domain.application_settings import LIFETIME_RANGE
from domain.permissions import IMPERSONATION_ROLES
from projections.token_ranges import FURTHEST, Scan
from projections.token_states import ACCESS_EPOCH, ACTOR, ACTS, HOLDERS, IN_FORCE, REFRESH_EPOCH

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

ACTIVE, BLOCKED, REVOKED, EXPIRED = "active", "blocked", "revoked", "expired"
STATUSES = frozenset((ACTIVE, BLOCKED, REVOKED, EXPIRED))
"""Honoured now; fine itself, but something that it was issued for is out of use; ended; from its expiry on."""

SCANNED = 3_000  # rows of an index that a page looks at
JUDGED = 300  # tokens whose status a page asks for where it is looked for by status
AT_ONCE = 100  # of them
# How long an access token lives at most, how long after its issue the log may have recorded it (or, as clocks differ,
# before), and what is added where nothing is lost by it.
LONGEST, DRIFT, SKEW = timedelta(seconds=LIFETIME_RANGE[-1]), timedelta(minutes=1), timedelta(hours=1)
UUID7, LATEST = 7, 2**37  # seconds: ids may name times that no calendar has

ID = "encode(substr({row}.digest, 1, 16), 'hex')::uuid"  # of a refresh token
# Of what depends on nothing else, expiry wins, then what is for good. (The sub-query is there so that it runs once.)
STATUS = """CASE WHEN {row}.expires_at <= $1 THEN 'expired'
            WHEN {ended} OR e.swept THEN 'revoked'
            WHEN {in_force} AND a.usable_until > $1 THEN 'active' ELSE 'blocked' END"""
SWEPT = "\n CROSS JOIN LATERAL (SELECT a.id IS NULL OR {row}.position <= {epoch} AS swept OFFSET 0) e"
ACCESS = f"""
SELECT t.id, 'access' AS kind, t.family, t.organization, t.application, a.client_id, t.user_id, t.account,
       t.membership, t.end_user, t.scope, t.audience, t.format, t.grant_type, t.issued_at, t.expires_at, t.session,
       t.actor, t.ended_at, t.ended_because, t.attributes, t.position, e.swept,
       {STATUS.format(row="t", ended="t.ended_at IS NOT NULL", in_force=IN_FORCE.format(now="$1"))} AS status
  FROM {{tokens}} t{HOLDERS}{SWEPT.format(row="t", epoch=ACCESS_EPOCH)}
"""  # noqa: S608 - made of these files' own texts
RENEWABLE = f"{IN_FORCE.format(now='$1')} AND {ACTS.format(roles='$2')}"
ENDED = "r.ended_at IS NOT NULL OR r.used_at IS NOT NULL"
REFRESH = f"""
SELECT {ID.format(row="r")} AS id, 'refresh' AS kind, r.family, r.organization, r.application, a.client_id,
       r.user_id, r.account, t.membership, r.end_user, t.scope, t.audience, 'opaque' AS format, t.grant_type,
       r.issued_at, r.expires_at, t.session, t.actor, coalesce(r.used_at, r.ended_at) AS ended_at,
       CASE WHEN r.used_at IS NULL THEN r.ended_because ELSE 'replaced' END AS ended_because,
       r.attributes, r.position, e.swept,
       {STATUS.format(row="r", ended=ENDED, in_force=RENEWABLE)} AS status
  FROM {{tokens}} r
  JOIN tokens t ON t.id = r.family{HOLDERS}{ACTOR}{SWEPT.format(row="r", epoch=REFRESH_EPOCH)}
"""  # noqa: S608 - made of these files' own texts
NEWEST = """(SELECT k.* FROM (SELECT * FROM refresh_tokens WHERE family = found.family ORDER BY version DESC LIMIT 1) k
          WHERE k.deleted_at IS NULL)"""
DETAIL = f"""
SELECT found.*,
       (SELECT count(*) FROM tokens l WHERE l.family = found.family AND l.family <> l.id) AS renewals,
       n.id AS refresh_id, n.status AS refresh_status, n.issued_at AS refresh_issued_at,
       n.expires_at AS refresh_expires_at
  FROM ({{found}}) found
  LEFT JOIN LATERAL ({REFRESH.format(tokens=NEWEST)}) n ON true
"""  # noqa: S608 - made of these files' own texts
KNOWN = "WHERE {row}.deleted_at IS NULL AND {condition}"
HALF = "{row}.digest >= substr($3::bytea, 1, 16) AND {row}.digest <= $3"  # what begins with the id; $3 fills it up
ACCESS_BY_ID = DETAIL.format(found=ACCESS.format(tokens="tokens") + KNOWN.format(row="t", condition="t.id = $3::uuid"))
ACCESS_BY_DIGEST = DETAIL.format(
    found=ACCESS.format(tokens="tokens") + KNOWN.format(row="t", condition="t.digest = $3::bytea")
)
REFRESH_BY_ID = DETAIL.format(
    found=REFRESH.format(tokens="refresh_tokens") + KNOWN.format(row="r", condition=HALF.format(row="r"))
)
REFRESH_BY_DIGEST = DETAIL.format(
    found=REFRESH.format(tokens="refresh_tokens") + KNOWN.format(row="r", condition="r.digest = $3::bytea")
)
PLACE = f"""
SELECT t.family, t.id FROM tokens t WHERE t.id = $1 AND t.deleted_at IS NULL
 UNION ALL
SELECT r.family, NULL FROM refresh_tokens r WHERE r.deleted_at IS NULL AND {HALF.format(row="r").replace("$3", "$2")}
"""  # noqa: S608 - made of this file's own texts
POSITION = f"""
SELECT organization, position FROM tokens WHERE id = $1
 UNION ALL
SELECT organization, position FROM refresh_tokens r WHERE {HALF.format(row="r").replace("$3", "$2")}
"""  # noqa: S608 - made of this file's own texts
RECORDED = "SELECT last FROM batches WHERE recorded_at < $1 ORDER BY recorded_at DESC, last DESC LIMIT 1"
# The positions that times stand for: the log's times never decrease.
REACH = f"""
SELECT coalesce(({RECORDED}), 0) AS low, ({RECORDED.replace("$1", "$2")}) AS high,
       (SELECT max(position) FROM revocation_epochs WHERE key = ANY ($3::text[])) AS swept
"""  # noqa: S608 - made of this file's own texts


@dataclass(frozen=True, slots=True)
class LookUp:
    """What is looked for; None and an empty set let everything pass. Beginnings are inclusive, ends exclusive.

    At least one of application, user, end user and account is named, an end user with an organization or one of the
    others.
    """

    organization: UUID | None
    application: UUID | None = None
    user: UUID | None = None
    end_user: str | None = None
    account: UUID | None = None
    kind: Literal["access", "refresh"] = "access"
    status: frozenset[str] = frozenset()
    issued_from: datetime | None = None
    issued_to: datetime | None = None
    expires_from: datetime | None = None
    expires_to: datetime | None = None


class Found(NamedTuple):
    """A page, and where the next one begins, inclusive: position and id of the first token not looked at, or None."""

    rows: list[asyncpg.Record]
    next: int | None
    next_id: UUID | None


async def page(
    connection: asyncpg.Pool, look_up: LookUp, *, start: int | None = None, limit: int, now: datetime
) -> Found:
    """Return up to `limit` tokens, newest first, from the one at the position `start` on.

    Each has id, kind, family, organization, application, client_id, user_id, account, membership, end_user, scope,
    audience, format, grant_type, issued_at, expires_at, session, actor, ended_at, ended_because, attributes (JSON),
    status and position; `swept` says that it is dead with others, by a revocation or because its application is gone.
    Raises ValueError when the look-up names too little.
    """
    low, high = await _reach(connection, look_up, now)
    if start is not None:
        high = min(high, start)
    picky = _status_decides(look_up)
    at_once, chunks = (AT_ONCE, JUDGED // AT_ONCE) if picky else (limit, 1)
    found: list[asyncpg.Record] = []
    following: tuple[int, UUID] | None = None
    for _ in range(chunks):
        scan = Scan(look_up, low, high, SCANNED // chunks, now)
        rows, following = await _chunk(connection, scan, at_once)
        found += [row for row in rows if not picky or row["status"] in look_up.status]
        if following is None or len(found) >= limit:
            break
        high = following[0]
    if len(found) > limit:
        following = found[limit]["position"], found[limit]["id"]
    return Found(found[:limit], *(following or (None, None)))


async def count(
    connection: asyncpg.Pool, look_up: LookUp, *, before: datetime | None = None, cap: int, now: datetime
) -> tuple[int, bool]:
    """Return how many access tokens that match were recorded before a time and are neither revoked nor expired.

    At most `cap`, and whether there may be more. Raises ValueError when the look-up names too little.
    """
    narrowed = replace(look_up, kind="access", status=frozenset((ACTIVE, BLOCKED)))
    low, high = await _reach(connection, narrowed, now, recorded_before=before)
    scan = Scan(narrowed, low, high, SCANNED, now)
    counted = int(await connection.fetchval(scan.count(cap + 1, epoch=ACCESS_EPOCH), *scan.parameters))
    if counted > cap:
        return cap, True
    return counted, await _bound(connection, scan) is not None


async def one(connection: asyncpg.Pool, token: UUID, now: datetime) -> asyncpg.Record | None:
    """Return a token by its id, None when there is none, or none any more.

    It has the columns that `page` tells of, `renewals` (how often its family was refreshed), and of the family's
    newest refresh token refresh_id, refresh_status, refresh_issued_at and refresh_expires_at, None where there is none.
    """
    found = await connection.fetchrow(ACCESS_BY_ID, now, _roles(), token)
    return found or await connection.fetchrow(REFRESH_BY_ID, now, _roles(), _filled(token))


async def by_digest(connection: asyncpg.Pool, digest: bytes, now: datetime) -> asyncpg.Record | None:
    """Return what `one` does, by the SHA-256 digest of the token as it was handed out."""
    found = await connection.fetchrow(ACCESS_BY_DIGEST, now, _roles(), digest)
    return found or await connection.fetchrow(REFRESH_BY_DIGEST, now, _roles(), digest)


async def place(connection: asyncpg.Pool, token: UUID) -> tuple[UUID, UUID | None] | None:
    """Return the family of a token by its id, and that id for an access token, None for a refresh token.

    None alone when there is no such token, or none any more.
    """
    row = await connection.fetchrow(PLACE, token, _filled(token))
    return None if row is None else (row[0], row[1])


async def start_of(connection: asyncpg.Pool, token: UUID, organization: UUID | None) -> int | None:
    """Return where a page begins that begins with a token, for an organization (None: any).

    For one that was purged or never issued, that is about where it would stand by the time in its id, rather too early
    than too late; None where there is no time in it. Another organization's is told from none of those.
    """
    row = await connection.fetchrow(POSITION, token, _filled(token))
    if row is not None and organization in (None, row["organization"]):
        position: int = row["position"]
        return position
    if token.version != UUID7:
        return None
    born = datetime.fromtimestamp(min((token.int >> 80) // 1000 + 2, LATEST), UTC)
    return int(await connection.fetchval(RECORDED, born) or 0)


async def _chunk(
    connection: asyncpg.Pool, scan: Scan, at_once: int
) -> tuple[list[asyncpg.Record], tuple[int, UUID] | None]:
    """Return some tokens that pass all but the status, and where to go on."""
    refresh = scan.look_up.kind == "refresh"
    values = [scan.now, _roles()] if refresh else [scan.now]
    chosen = scan.rows(at_once + 1, bound=len(values))
    sql = f"{(REFRESH if refresh else ACCESS).format(tokens=chosen)} ORDER BY {'r' if refresh else 't'}.position DESC"
    rows = await connection.fetch(sql, *values, *scan.parameters)
    if len(rows) > at_once:
        return rows[:at_once], (rows[at_once]["position"], rows[at_once]["id"])
    return rows, await _bound(connection, scan)


async def _bound(connection: asyncpg.Pool, scan: Scan) -> tuple[int, UUID] | None:
    """Return the first row that a scan does not look at, None when there is none."""
    refresh = scan.look_up.kind == "refresh"
    row = await connection.fetchrow(scan.bound(ID.format(row="l") if refresh else "l.id"), *scan.parameters)
    return None if row is None else (row["position"], row["id"])


async def _reach(
    connection: asyncpg.Pool, look_up: LookUp, now: datetime, *, recorded_before: datetime | None = None
) -> tuple[int, int]:
    """Return the positions between which tokens can match, both inclusive."""
    since = [_moved(look_up.issued_from, -DRIFT)]
    until = [recorded_before, _moved(look_up.issued_to, DRIFT)]
    living = bool(look_up.status) and EXPIRED not in look_up.status
    if look_up.kind == "access":
        since += [
            _moved(look_up.expires_from, -LONGEST - SKEW),
            now - LONGEST - SKEW if living else None,
        ]
    until.append(_moved(look_up.expires_to, SKEW))
    begin = max((time for time in since if time is not None), default=None)
    end = min((time for time in until if time is not None), default=None)
    keys = _epochs(look_up) if living and REVOKED not in look_up.status else []
    if begin is None and end is None and not keys:
        return 0, FURTHEST
    row = await connection.fetchrow(REACH, begin, end, keys)
    assert row is not None  # noqa: S101 - each of its columns is a sub-query
    return max(row["low"], row["swept"] or 0) + 1, FURTHEST if end is None else row["high"] or 0


def _moved(time: datetime | None, by: timedelta) -> datetime | None:
    """Return a time moved; None, which bounds nothing, for None and where it would leave the calendar."""
    try:
        return time and time + by
    except OverflowError:
        return None


def _epochs(look_up: LookUp) -> list[str]:
    """Return the keys of revocation epochs that kill all that is looked for."""
    of = {"application": look_up.application, "user": look_up.user}
    named = [f"{name}:{value}" for name, value in of.items() if value is not None]
    keys = [*named, *([":".join(named)] if len(named) == len(of) else [])]
    if look_up.end_user is not None:
        keys += [f"{key}:end-user:{look_up.end_user}" for key in keys if key.startswith("application:")]
        if look_up.organization is not None:
            end_user = f"end-user:{look_up.organization}:{look_up.end_user}"
            keys += [end_user, *([f"user:{look_up.user}:{end_user}"] if look_up.user is not None else [])]
    return [f"{look_up.kind}:{key}" for key in keys]


def _status_decides(look_up: LookUp) -> bool:
    """Say whether it takes more than a row's own columns to tell if it has one of the statuses looked for."""
    return bool(look_up.status) and look_up.status not in (STATUSES, frozenset((EXPIRED,)), STATUSES - {EXPIRED})


def _roles() -> list[str]:
    return sorted(IMPERSONATION_ROLES)


def _filled(token: UUID) -> bytes:
    return token.bytes + b"\xff" * 16
