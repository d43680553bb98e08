"""Gives an empty log a long past in little time, and makes the read models of it by the bulk path.

People, applications and what they may do are made by the domain and go in by COPY. Token events are made in SQL from
what the real codec wrote for one of each kind: 10 million take a few minutes. In every hundred of them 80 are tokens of
machines, 10 begin a family with a refresh token for a user, 7 renew one, 2 end a family and 1 ends a single token.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import uuid_utils

from domain.account import Account
from domain.application import Application
from domain.application_settings import ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.grant import Grant
from domain.membership import Membership
from domain.revocation import Revocation
from domain.role import Role
from domain.token_family import TokenFamily
from domain.user import User
from projections import MODELS
from service.secrets.digests import sha256_hex
from service.secrets.subject_keys import SubjectKeys
from service.store import codec, generation, log, rebuild
from service.store.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import asyncpg
    from eventsourcing.domain import Aggregate

    from service.secrets.master_key import MasterKeys

BATCH = 100  # events of a commit
CHUNK = 100_000  # events of a transaction of ours
STEP = timedelta(microseconds=500)  # from one token event to the next
LIFETIME = timedelta(days=60)  # of access tokens: a past that nobody purges meanwhile
APPROVER = Caller(UUID(int=1), UUID(int=1), frozenset({"root", "all"}))
COLUMNS = (
    "originator_id", "originator_version", "topic", "state", "notification_id", "recorded_at", "organization",
    "actor", "client", "request_id", "causation",
)  # fmt: skip
DATE_BACK = (
    "UPDATE muniment.batches SET recorded_at = $1",
    "UPDATE muniment.events SET recorded_at = $1",
    "UPDATE muniment.token_events SET recorded_at = $1",
)
BATCHES = """
INSERT INTO muniment.batches (last, first, recorded_at)
SELECT least(n + $3 - 1, $2::bigint), n, $4::timestamptz + ((n - $1::bigint) / $3)::int * ($3 * $5::interval)
  FROM generate_series($1::bigint, $2::bigint, $3) n
"""
GUARDS = """
INSERT INTO muniment.guards (key, position) SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (key) DO UPDATE SET position = excluded.position
"""
KEYS = """
INSERT INTO muniment.subject_keys (subject, wrapped, master_key)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[])
"""

# Event n (from 0) is the one in place `s` of the hundred `b`. `born` is the event that began its family: itself, or one
# of an earlier hundred; in the first two hundreds, where there may be none yet, it is a machine's token instead.
TOKEN_EVENTS = """
WITH placed AS (
    SELECT n, n / 100 AS b, CASE WHEN n < 200 AND n % 100 >= 90 THEN 0 ELSE n % 100 END AS s
      FROM generate_series($1::bigint, $2::bigint) n
), related AS (
    SELECT n, s, $3::timestamptz + n * $4::interval AS at,
           CASE WHEN s < 90 THEN n
                WHEN s < 97 THEN (b - 1) * 100 + s - 10
                WHEN s = 97 THEN (b - 2) * 100 + 87
                WHEN s = 98 THEN (b - 2) * 100
                ELSE (b - 2) * 100 + 88 END AS born
      FROM placed
), drawn AS (
    SELECT *, born % (cardinality($5::uuid[]) + $10::int) AS lot FROM related
), belonging AS (
    SELECT *, CASE WHEN lot < cardinality($5::uuid[]) THEN lot ELSE 0 END AS holder FROM drawn
), known AS MATERIALIZED (
    SELECT n, s, {id_of_n} AS id, {id_of_born} AS family,
           ($5::uuid[])[(1 + holder)::int] AS client,
           ($6::uuid[])[(1 + born % (cardinality($6::uuid[]) / cardinality($9::uuid[])) * cardinality($9::uuid[])
                           + holder % cardinality($9::uuid[]))::int] AS person,
           ($9::uuid[])[(1 + holder % cardinality($9::uuid[]))::int] AS organization,
           'customer ' || born % nullif($11::int, 0) AS customer,
           to_char(at AT TIME ZONE 'UTC', '{time}') AS at_text,
           to_char((at + $7::interval) AT TIME ZONE 'UTC', '{time}') AS until_text
      FROM belonging
)
INSERT INTO muniment.token_events ({columns})
SELECT family, CASE WHEN s < 90 THEN 1 ELSE 2 END,
       CASE WHEN s < 90 THEN 'token.issued' WHEN s < 97 THEN 'token.refreshed'
            WHEN s < 99 THEN 'token.revoked' ELSE 'token.reuse_detected' END,
       convert_to(CASE WHEN s < 80 AND (s < 60 OR customer IS NULL) THEN {machine}
                       WHEN s < 80 THEN {errand} WHEN s < 90 THEN {person} WHEN s < 97 THEN {renewal}
                       WHEN s = 97 THEN {ending} WHEN s = 98 THEN {revocation} ELSE {reuse} END, 'UTF8'),
       $8::bigint + n, $3::timestamptz + (n / {batch}) * ({batch} * $4::interval),
       organization, client, client, id, id
  FROM known
"""
ID = """
(lpad(to_hex((extract(epoch FROM $3::timestamptz + {n} * $4::interval) * 1000)::bigint), 12, '0')
 || '7' || substr(md5({n}::text), 1, 3) || '8' || substr(md5({n}::text), 4, 15))::uuid
"""
TIME = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
DIGEST = "encode(sha256(convert_to({}::text, 'UTF8')), 'hex')"


@dataclass(frozen=True)
class Past:
    """How much happens: people come with two events and a membership each, applications with a secret and a grant.

    Applications and people are dealt out to the organizations, so both come in multiples of these. Tokens are dealt out
    to the applications, the first of which has its share and `favoured` more; with `end_users`, a quarter of machines'
    tokens name one. Whatever has no factor in common with 100 gets its part of every kind of token.
    """

    tokens: int
    people: int = 1_000
    applications: int = 100
    organizations: int = 1
    favoured: int = 0
    end_users: int = 0


@dataclass
class Filled:
    """Who there is afterwards. Every application's secret is its client id; the head is the log's last position.

    The n-th application and the n-th person belong to the organization n modulo the number of these.
    """

    organizations: list[UUID] = field(default_factory=list)
    head: int = 0
    applications: list[UUID] = field(default_factory=list)
    client_ids: list[str] = field(default_factory=list)
    people: list[UUID] = field(default_factory=list)


async def fill(owner: asyncpg.Connection, ring: MasterKeys, past: Past) -> Filled:
    """Write a past behind what is in the log, which is dated back, and leave the read models as they are."""
    start = datetime.now(UTC) - past.tokens * STEP - timedelta(minutes=5)
    for statement in DATE_BACK:
        await owner.execute(statement, start)
    filled = Filled([_id() for _ in range(past.organizations)])
    await _authority(owner, ring, past, filled, start + timedelta(seconds=1))
    if past.tokens:
        await _tokens(owner, past, filled, start + timedelta(minutes=4))
    filled.head = await log.head(owner)
    await owner.execute("ANALYZE muniment.events, muniment.token_events, muniment.batches")
    return filled


async def build_models(owner: asyncpg.Connection, ring: MasterKeys, names: Iterable[str] = tuple(MODELS)) -> None:
    """Build these read models of the log as it is and put them in the live ones' place."""
    vault = Vault(owner, SubjectKeys(ring, lambda: 0.0), ring)
    for name in names:
        model, number = MODELS[name], await rebuild.next_generation(owner, name)
        schema = generation.schema_of(name, number)
        reached = await rebuild.scratch(owner, model, vault, schema)
        async with owner.transaction():
            await generation.complete(owner, model, schema)
        async with owner.transaction():
            await generation.promote(owner, model, generation=number, position=reached)


def _id() -> UUID:
    return UUID(int=uuid_utils.uuid7().int)


async def _authority(owner: asyncpg.Connection, ring: MasterKeys, past: Past, filled: Filled, now: datetime) -> None:
    """Write what the domain decides, in pages; a person's name is sealed under a key of their own."""
    keys = SubjectKeys(ring, lambda: 0.0)
    head = await log.head(owner)
    guards: dict[str, int] = {}
    events = _history(past, filled, now)
    while page := list(itertools.islice(events, CHUNK)):
        made = {event.subject: keys.new_key(event.subject) for _, event in page if codec.needs_key(event)}
        await owner.execute(
            KEYS, list(made), [key.wrapped for key in made.values()], [key.master_key_id for key in made.values()]
        )
        rows = []
        for position, (organization, event) in enumerate(page, head + 1):
            key = made.get(event.subject)
            state = codec.encode(event, key.cipher if key else None)
            request = _id()
            rows.append(
                (event.originator_id, event.originator_version, event.TOPIC, state, position, now,
                 organization, APPROVER.actor, None, request, request)
            )  # fmt: skip
            guards.update(dict.fromkeys(event.touches, position))
        await owner.copy_records_to_table("events", records=rows, columns=COLUMNS, schema_name="muniment")
        await owner.execute(BATCHES, head + 1, head + len(rows), BATCH, now, timedelta(0))
        head += len(rows)
    await owner.execute(GUARDS, list(guards), list(guards.values()))


def _history(past: Past, filled: Filled, now: datetime) -> Iterator[tuple[UUID, Any]]:
    """Yield what happens, each event with the organization it belongs to."""
    roots, roles, branches = {}, {}, {}
    for id_ in filled.organizations:
        roots[id_] = Account.create(id=id_, name="Benchmark", parent=None, now=now)
        roles[id_] = Role.define(
            id=_id(), organization=id_, name="reader", description=None, permissions=["read_user"], by=SYSTEM, now=now
        )
        branches[id_] = Account.create(id=_id(), name="Branch", parent=roots[id_], now=now)
        yield from _happened(id_, roots[id_], roles[id_], branches[id_])
    for n in range(past.applications):
        organization = filled.organizations[n % past.organizations]
        application = _application(organization, n, now)
        filled.applications.append(application.id)
        filled.client_ids.append(application.client_id)
        grant = Grant.request(
            id=_id(), application=application, audience="https://api.bench.test", scope=["read_user"], expires_at=None,
            by=SYSTEM, now=now,
        )  # fmt: skip
        grant.approve(APPROVER, now)
        yield from _happened(organization, application, grant)
    for n in range(past.people):
        organization = filled.organizations[n % past.organizations]
        if n % 3 == 0:
            branches[organization] = Account.create(
                id=_id(), name=f"Branch {n}", parent=roots[organization], now=now
            )  # fmt: skip
            yield from _happened(organization, branches[organization])
        user = User.create(
            id=_id(), organization=organization, application=filled.applications[n % past.applications],
            name=f"Person {n}", now=now,
        )  # fmt: skip
        filled.people.append(user.id)
        user.assign_role(roles[organization], APPROVER, now)
        member = Membership.add(id=_id(), account=branches[organization], user=user, role="viewer", now=now)
        member.change_role("member", owners=1, by=APPROVER, now=now)
        yield from _happened(organization, user, member)
        if n % 3 == 1:
            revocation = Revocation.record(
                id=_id(), organization=organization, application=None, user=None, end_user=f"gone {n}", before=None,
                cascade=True, reason=None, by=SYSTEM, now=now,
            )  # fmt: skip
            yield from _happened(organization, revocation)


def _happened(organization: UUID, *aggregates: Aggregate) -> Iterator[tuple[UUID, Any]]:
    for aggregate in aggregates:
        for event in aggregate.collect_events():
            yield organization, event


def _application(organization: UUID, n: int, now: datetime) -> Application:
    settings = ApplicationSettings(f"Application {n}", permissions=["read_token"], audiences=["https://api.bench.test"])
    client_id = f"bench-application-{n:08}"
    application = Application.register(
        id=_id(), organization=organization, client_id=client_id, kind="machine", settings=settings, by=SYSTEM, now=now
    )
    application.add_secret(_id(), "first", sha256_hex(client_id), client_id[-4:], None, by=SYSTEM, now=now)
    return application


async def _tokens(owner: asyncpg.Connection, past: Past, filled: Filled, start: datetime) -> None:
    head = await log.head(owner)
    ids = {"id_of_n": ID.format(n="n"), "id_of_born": ID.format(n="born")}
    statement = TOKEN_EVENTS.format(columns=", ".join(COLUMNS), time=TIME, batch=BATCH, **ids, **_states())
    clients, people = filled.applications, filled.people
    for first in range(0, past.tokens, CHUNK):
        last = min(first + CHUNK, past.tokens) - 1
        await owner.execute(
            statement, first, last, start, STEP, clients, people, LIFETIME, head + 1, filled.organizations,
            past.favoured, past.end_users,
        )  # fmt: skip
    await owner.execute(BATCHES, head + 1, head + past.tokens, BATCH, start, STEP)


class _Marks:
    """Values that stand in the states of a template for what differs from event to event."""

    organization, client, id, family, person = (UUID(int=2**120 + n) for n in range(5))
    at, until = datetime(2001, 2, 3, 4, 5, 6, 7, UTC), datetime(2002, 3, 4, 5, 6, 7, 8, UTC)
    digest, refresh_digest = "d1" * 32, "d2" * 32
    customer = "whose customer"


# What takes the place of each mark. Whoever has a refresh token can be told its digest from the id of the token beside.
PLACES = {
    str(_Marks.organization): "organization",
    str(_Marks.client): "client",
    str(_Marks.id): "id",
    str(_Marks.family): "family",
    str(_Marks.person): "person",
    "2001-02-03T04:05:06.000007Z": "at_text",
    "2002-03-04T05:06:07.000008Z": "until_text",
    _Marks.customer: "customer",
    _Marks.digest: DIGEST.format("id"),
    _Marks.refresh_digest: DIGEST.format("'refresh ' || id"),
}


def _states() -> dict[str, str]:
    """Return for each kind of token event the SQL expression of its state, made from one that the codec wrote."""
    access: dict[str, Any] = {
        "scope": "read_user", "audience": "https://api.bench.test", "format": "jwt", "digest": _Marks.digest,
        "expires_at": _Marks.until, "now": _Marks.at,
    }  # fmt: skip
    client = {"organization": _Marks.organization, "application": _Marks.client}
    refresh = {"refresh_digest": _Marks.refresh_digest, "refresh_expires_at": _Marks.until}

    def family(id: UUID, grant_type: str, **more: Any) -> TokenFamily:
        return TokenFamily.issue(id=id, grant_type=grant_type, **client, **access, **more)

    machine = family(_Marks.id, "client_credentials")
    errand = family(_Marks.id, "client_credentials", end_user=_Marks.customer)
    person = family(_Marks.id, "authorization_code", user=_Marks.person, **refresh)
    renewal = family(_Marks.family, "authorization_code", user=_Marks.person, **refresh)
    renewal.refresh(_Marks.refresh_digest, token=_Marks.id, **access, **refresh)
    reuse = family(_Marks.family, "authorization_code", user=_Marks.person, **refresh)
    reuse.refresh("00" * 32, token=_Marks.id, **access, **refresh)
    ending, revocation = (family(_Marks.family, "client_credentials") for _ in range(2))
    ending.revoke(None, "signed out", _Marks.at)
    revocation.revoke(_Marks.family, "lost", _Marks.at)
    kinds = {"machine": machine, "errand": errand, "person": person, "renewal": renewal, "reuse": reuse}
    kinds |= {"ending": ending, "revocation": revocation}
    return {kind: _expression(codec.encode(one.collect_events()[-1])) for kind, one in kinds.items()}


def _expression(state: bytes) -> str:
    """Return the SQL that puts a state together."""
    marks = re.compile("|".join(map(re.escape, PLACES)))
    text = state.decode()
    parts, end = [], 0
    for mark in marks.finditer(text):
        parts += [f"'{text[end : mark.start()]}'", PLACES[mark.group()]]
        end = mark.end()
    return " || ".join([*parts, f"'{text[end:]}'"])
