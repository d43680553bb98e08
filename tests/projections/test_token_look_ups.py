"""Tokens are looked up by application, user, end user and account, newest first, each with its status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.caller import SYSTEM
from domain.revocation import Revocation
from domain.token_family import TokenFamily, refresh_token_id
from projections import token_look_ups
from projections.token_look_ups import Found, LookUp
from tests.bench import filled
from tests.projections.given import HOUR, ORGANIZATION, a_token, an_account, an_application, save

if TYPE_CHECKING:
    import asyncpg

    from domain.application import Application
    from tests.store_fixture import StoreParts

OTHER = UUID(int=77)
APP, USER, ACCOUNT = UUID(int=71), UUID(int=72), UUID(int=73)
INSTANT, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
EVERYTHING = {"application": APP, "user": USER, "end_user": "ada", "account": ACCOUNT}
ISSUED: tuple[dict[str, Any], ...] = (
    {"application": APP},
    {"application": APP, "user": USER, "end_user": "ada"},
    {"application": OTHER, "end_user": "ada"},
    {"application": OTHER, "user": USER, "account": ACCOUNT},
    {"application": APP, "end_user": "ada", "account": ACCOUNT},
    {"application": APP, "end_user": "ada", "organization": OTHER},
)


def digest(n: int) -> str:
    return sha256(bytes([n])).hexdigest()


def renewable(parts: StoreParts, n: int, **told: Any) -> TokenFamily:
    until = parts.clock.now() + 24 * HOUR
    return a_token(
        parts, grant_type="authorization_code", **{"refresh_digest": digest(n), "refresh_expires_at": until, **told}
    )  # fmt: skip


def renewed(parts: StoreParts, family: TokenFamily, following: str | None) -> UUID:
    token, now = parts.clock.new_id(), parts.clock.now()
    family.refresh(
        family.refresh_digest or "", token=token, scope="read", audience="api", format="jwt", digest=uuid4().hex * 2,
        expires_at=now + HOUR, refresh_digest=following, refresh_expires_at=now + 24 * HOUR, now=now,
    )  # fmt: skip
    return token


@pytest.fixture(params=["access", "refresh"])
async def kind(request: pytest.FixtureRequest, parts: StoreParts) -> Any:
    """What is looked for: of each kind, the same was issued."""
    for n, told in enumerate(ISSUED):
        await save(parts, renewable(parts, n, **told))
    return request.param


async def page(parts: StoreParts, *, start: int | None = None, limit: int = 50, **wanted: Any) -> Found:
    look_up = LookUp(**{"organization": ORGANIZATION, **wanted})
    return await token_look_ups.page(parts.pool, look_up, start=start, limit=limit, now=parts.clock.now())


async def found(parts: StoreParts, **wanted: Any) -> list[int]:
    return [row["position"] for row in (await page(parts, **wanted)).rows]


async def one(parts: StoreParts, token: UUID) -> asyncpg.Record:
    row = await token_look_ups.one(parts.pool, token, parts.clock.now())
    assert row is not None
    return row


async def test_each_of_the_four_finds_its_tokens_newest_first(parts: StoreParts, kind: str) -> None:
    for wanted, positions in (
        ({"application": APP}, [5, 2, 1]),
        ({"user": USER}, [4, 2]),
        ({"end_user": "ada"}, [5, 3, 2]),
        ({"account": ACCOUNT}, [5, 4]),
        ({"application": APP, "end_user": "ada"}, [5, 2]),
        ({"application": OTHER, "user": USER}, [4]),
        ({"application": OTHER, "account": ACCOUNT}, [4]),
        ({"application": APP, "user": USER, "end_user": "ada"}, [2]),
        (EVERYTHING, []),
        ({"application": uuid4()}, []),
        ({"end_user": "nobody"}, []),
    ):
        assert await found(parts, kind=kind, **wanted) == positions, wanted


async def test_another_organizations_tokens_are_not_found(parts: StoreParts, kind: str) -> None:
    for wanted in ({"end_user": "ada"}, {"application": APP}):
        assert await found(parts, kind=kind, organization=OTHER, **wanted) == [6]
    assert await found(parts, kind=kind, organization=OTHER, user=USER) == []


async def test_root_looks_into_every_organization(parts: StoreParts, kind: str) -> None:
    assert await found(parts, kind=kind, organization=None, application=APP) == [6, 5, 2, 1]
    assert await found(parts, kind=kind, organization=None, application=APP, end_user="ada") == [6, 5, 2]


async def test_too_little_is_not_looked_up(parts: StoreParts) -> None:
    for wanted in ({}, {"kind": "refresh"}, {"organization": None, "end_user": "ada"}):
        with pytest.raises(ValueError, match="application, user, account or an organization's end user"):
            await page(parts, **wanted)


async def test_pages_hold_every_token_once_and_begin_where_the_one_before_said(parts: StoreParts, kind: str) -> None:
    first = await page(parts, kind=kind, application=APP, limit=1)
    assert ([row["position"] for row in first.rows], first.next) == ([5], 2)
    second = await page(parts, kind=kind, application=APP, limit=1, start=first.next)
    assert ([row["position"] for row in second.rows], second.next) == ([2], 1)
    assert second.rows[0]["id"] == first.next_id
    last = await page(parts, kind=kind, application=APP, limit=2, start=second.next)
    assert ([row["position"] for row in last.rows], last.next, last.next_id) == ([1], None, None)


@pytest.mark.parametrize("wanted", [{}, {"status": frozenset({"active"})}], ids=["any", "active"])
async def test_a_page_looks_at_so_many_rows_and_tells_where_it_stopped(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    application = await in_use(parts)
    for n in range(9):  # at 3 to 11
        await save(parts, a_token(parts, application=application.id, end_user="ada" if n in (0, 6) else "grace"))
    # Without an organization, end users are found among what is the application's.
    wanted = {"organization": None, "application": application.id, "end_user": "ada", **wanted}
    monkeypatch.setattr(token_look_ups, "SCANNED", 4)
    monkeypatch.setattr(token_look_ups, "AT_ONCE", 4)
    monkeypatch.setattr(token_look_ups, "JUDGED", 4)
    walked, start, pages = [], None, 0
    while pages == 0 or start is not None:
        held = await page(parts, start=start, limit=4, **wanted)
        walked += [row["position"] for row in held.rows]
        start, pages = held.next, pages + 1
    assert (walked, pages) == ([9, 3], 3)


async def statuses(parts: StoreParts, **wanted: Any) -> dict[int, str]:
    return {row["position"]: row["status"] for row in (await page(parts, **wanted)).rows}


async def in_use(parts: StoreParts) -> Application:
    application = an_application(parts)
    await save(parts, an_account(parts, id=ORGANIZATION), application)
    return application


def revocation(parts: StoreParts, **told: Any) -> Revocation:
    fields = {"application": None, "user": None, "end_user": None, "before": None, "cascade": False, "reason": None}
    return Revocation.record(
        id=uuid4(), organization=ORGANIZATION, by=SYSTEM, now=parts.clock.now(), **{**fields, **told}
    )  # fmt: skip


async def test_statuses_and_what_is_looked_for_by_them(parts: StoreParts) -> None:
    application = await in_use(parts)
    named = {"application": application.id}
    swept, expired = renewable(parts, 1, **named), renewable(parts, 2, **named)
    ended, alive = renewable(parts, 3, **named), renewable(parts, 4, **named)
    await save(parts, swept)
    await save(parts, revocation(parts, application=application.id, cascade=True))
    short = a_token(parts, **named, expires_at=parts.clock.now() + INSTANT)
    ended.revoke(None, "lost", parts.clock.now())
    await save(parts, short, ended, alive, expired)
    parts.clock.move(INSTANT)
    told = {3: "revoked", 5: "expired", 6: "revoked", 8: "active", 9: "active"}
    assert await statuses(parts, **named) == told
    for status in ("active", "blocked", "revoked", "expired"):
        assert await statuses(parts, status=frozenset((status,)), **named) == {
            position: each for position, each in told.items() if each == status
        }
    both = frozenset(("active", "expired"))
    assert [*await statuses(parts, status=both, **named)] == [9, 8, 5]
    living = frozenset(("active", "blocked", "revoked"))
    assert [*await statuses(parts, status=living, **named)] == [9, 8, 6, 3]
    assert await statuses(parts, kind="refresh", **named) == {3: "revoked", 6: "revoked", 8: "active", 9: "active"}
    assert [*await statuses(parts, kind="refresh", status=frozenset({"active"}), **named)] == [9, 8]
    application.disable(SYSTEM, parts.clock.now())
    await save(parts, application)
    for kind in ("access", "refresh"):
        assert [*await statuses(parts, kind=kind, status=frozenset({"blocked"}), **named)] == [9, 8]
        assert await statuses(parts, kind=kind, status=frozenset({"active"}), **named) == {}
    application.enable(SYSTEM, parts.clock.now())
    await save(parts, application)
    assert await statuses(parts, **named) == told


async def test_with_its_application_a_token_is_gone_for_good(parts: StoreParts) -> None:
    application = await in_use(parts)
    family = renewable(parts, 1, application=application.id)
    await save(parts, family)
    application.delete(SYSTEM, parts.clock.now())
    await save(parts, application)
    for token in (family.id, refresh_token_id(digest(1))):
        row = await one(parts, token)
        assert (row["status"], row["swept"], row["ended_at"]) == ("revoked", True, None)


async def test_a_replaced_refresh_token_is_told_as_such(parts: StoreParts) -> None:
    application = await in_use(parts)
    family = renewable(parts, 1, application=application.id)
    renewed(parts, family, digest(2))
    await save(parts, family)
    row = await one(parts, refresh_token_id(digest(1)))
    assert (row["status"], row["ended_because"], row["ended_at"]) == ("revoked", "replaced", parts.clock.now())


async def test_one_token_is_told_whole_by_its_id_or_its_text(parts: StoreParts) -> None:
    application = await in_use(parts)
    now = parts.clock.now()
    family = renewable(parts, 1, application=application.id, digest="ab" * 32, end_user="ada", scope="read write")
    second = renewed(parts, family, digest(2))
    family.describe(second, {"plan": "gold"}, expires_at=now + HOUR, now=now)
    await save(parts, family)
    first, by_text = await one(parts, family.id), await token_look_ups.by_digest(parts.pool, b"\xab" * 32, now)
    assert by_text == first
    refresh = refresh_token_id(digest(2))
    assert dict(first) == {
        "id": family.id, "kind": "access", "family": family.id, "organization": ORGANIZATION,
        "application": application.id, "client_id": application.client_id, "user_id": None, "account": None,
        "membership": None, "end_user": "ada", "scope": "read write", "audience": "api", "format": "jwt",
        "grant_type": "authorization_code", "issued_at": now, "expires_at": now + HOUR, "session": None, "actor": None,
        "ended_at": None, "ended_because": None, "attributes": None, "position": 3, "swept": False, "status": "active",
        "renewals": 1, "refresh_id": refresh, "refresh_status": "active", "refresh_issued_at": now,
        "refresh_expires_at": now + 24 * HOUR,
    }  # fmt: skip
    described = await one(parts, second)
    assert (json.loads(described["attributes"]), described["grant_type"]) == ({"plan": "gold"}, "refresh_token")
    renewing = await one(parts, refresh)
    assert await token_look_ups.by_digest(parts.pool, bytes.fromhex(digest(2)), now) == renewing
    differing = {"id", "kind", "format", "position", "issued_at", "expires_at"}
    assert {name for name, value in renewing.items() if value != first[name]} <= differing
    assert (renewing["kind"], renewing["position"]) == ("refresh", 4)
    assert await token_look_ups.one(parts.pool, uuid4(), now) is None
    assert await token_look_ups.by_digest(parts.pool, b"unknown", now) is None


async def test_without_a_refresh_token_none_is_told(parts: StoreParts) -> None:
    token = a_token(parts)
    await save(parts, token)
    row = await one(parts, token.id)
    assert (row["renewals"], row["refresh_id"], row["refresh_status"]) == (0, None, None)


async def test_what_is_deleted_is_found_by_nobody(parts: StoreParts) -> None:
    application = await in_use(parts)
    now, refresh = parts.clock.now(), refresh_token_id(digest(1))
    family = renewable(parts, 1, application=application.id, digest="ab" * 32)
    second = renewed(parts, family, None)
    family.delete(family.id, now)
    family.delete(refresh, now)
    await save(parts, family)
    for token, text in ((family.id, b"\xab" * 32), (refresh, bytes.fromhex(digest(1)))):
        assert await token_look_ups.one(parts.pool, token, now) is None
        assert await token_look_ups.by_digest(parts.pool, text, now) is None
        assert await token_look_ups.place(parts.pool, token) is None
    assert (await one(parts, second))["refresh_id"] is None
    assert [row["id"] for row in (await page(parts, application=application.id)).rows] == [second]
    assert await found(parts, application=application.id, kind="refresh") == []
    # A page may still begin with it.
    assert await token_look_ups.start_of(parts.pool, family.id, ORGANIZATION) == 3
    assert await token_look_ups.start_of(parts.pool, refresh, ORGANIZATION) == 3


async def test_times_hold_to_the_instant_and_ends_are_exclusive(parts: StoreParts) -> None:
    start = parts.clock.now()
    for n in range(4):
        expires_at = start + (n + 1) * HOUR
        await save(
            parts,
            renewable(parts, n, application=APP, expires_at=expires_at, refresh_expires_at=expires_at + 24 * HOUR),
        )
        parts.clock.move(SECOND)
    third = start + 2 * SECOND
    for kind in ("access", "refresh"):
        named: dict[str, Any] = {"application": APP, "kind": kind}
        assert await found(parts, **named, issued_from=third) == [4, 3]
        assert await found(parts, **named, issued_from=third + INSTANT) == [4]
        assert await found(parts, **named, issued_to=third) == [2, 1]
        assert await found(parts, **named, issued_to=third + INSTANT) == [3, 2, 1]
        assert await found(parts, **named, issued_from=start + SECOND, issued_to=third + SECOND) == [3, 2]
        assert await found(parts, **named, issued_to=start) == []
        later = start if kind == "access" else start + 24 * HOUR
        assert await found(parts, **named, expires_from=later + 2 * HOUR) == [4, 3, 2]
        assert await found(parts, **named, expires_from=later + 2 * HOUR + INSTANT) == [4, 3]
        assert await found(parts, **named, expires_to=later + 2 * HOUR) == [1]
        assert await found(parts, **named, expires_to=later + 2 * HOUR + INSTANT) == [2, 1]
        assert await found(parts, **named, expires_from=later + 2 * HOUR, expires_to=later + 4 * HOUR) == [3, 2]


async def test_of_what_was_issued_long_ago_no_row_is_looked_at(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await save(parts, a_token(parts, application=APP))
    await parts.owner.execute(
        "UPDATE muniment.batches SET recorded_at = recorded_at - interval '2 days' WHERE last < 3"
    )
    await parts.owner.execute("UPDATE models.tokens SET issued_at = issued_at - interval '2 days' WHERE position < 3")
    monkeypatch.setattr(token_look_ups, "SCANNED", 1)
    monkeypatch.setattr(token_look_ups, "AT_ONCE", 1)
    monkeypatch.setattr(token_look_ups, "JUDGED", 1)
    now = parts.clock.now()
    for wanted in ({"issued_from": now}, {"expires_from": now + INSTANT}, {"status": frozenset({"revoked"})}):
        last = await page(parts, application=APP, limit=1, **wanted)
        assert ([row["position"] for row in last.rows], last.next) == ([3], None)
    past = await page(parts, application=APP, limit=1, issued_to=now - 24 * HOUR)
    assert ([row["position"] for row in past.rows], past.next) == ([2], 1)


async def test_what_never_expires_expires_after_everything(parts: StoreParts) -> None:
    await save(parts, renewable(parts, 1, application=APP, refresh_expires_at=None))
    long = parts.clock.now() + timedelta(days=5_000)
    assert await found(parts, application=APP, kind="refresh", expires_from=long) == [1]
    assert await found(parts, application=APP, kind="refresh", expires_to=long) == []


async def test_a_page_begins_about_where_a_purged_token_stood(parts: StoreParts) -> None:
    tokens = [a_token(parts, application=APP) for _ in range(2)]
    await save(parts, *tokens)
    where = token_look_ups.start_of
    assert [await where(parts.pool, token.id, ORGANIZATION) for token in tokens] == [1, 2]
    assert await where(parts.pool, tokens[0].id, None) == 1
    never = UUID(int=tokens[0].id.int ^ 1)
    told = [await where(parts.pool, token, OTHER) for token in (tokens[0].id, never)]
    assert told == [2, 2], "who asks does not learn that another organization has it"
    await parts.owner.execute("DELETE FROM models.tokens WHERE id = $1", tokens[1].id)
    assert await where(parts.pool, tokens[1].id, ORGANIZATION) == 2
    old = int((datetime.now(UTC) - HOUR).timestamp() * 1000)
    assert await where(parts.pool, UUID(int=(old << 80) | (7 << 76) | (2 << 62)), ORGANIZATION) == 0
    assert await where(parts.pool, UUID(int=(2**48 - 1 << 80) | (7 << 76) | (2 << 62)), ORGANIZATION) == 2
    assert await where(parts.pool, uuid4(), ORGANIZATION) is None


async def counted(parts: StoreParts, *, before: datetime | None = None, cap: int = 9, **wanted: Any) -> Any:
    look_up = LookUp(organization=ORGANIZATION, **wanted)
    return await token_look_ups.count(parts.pool, look_up, before=before, cap=cap, now=parts.clock.now())


async def test_what_is_neither_revoked_nor_expired_is_counted_up_to_a_cap(parts: StoreParts) -> None:
    application = await in_use(parts)
    named: dict[str, Any] = {"application": application.id, "end_user": "ada"}
    await save(parts, a_token(parts, **named))
    await save(parts, revocation(parts, application=application.id))
    ended, deleted, short = (a_token(parts, **named, expires_at=parts.clock.now() + n * HOUR) for n in (2, 2, 1))
    ended.revoke(None, None, parts.clock.now())
    deleted.delete(deleted.id, parts.clock.now())
    await save(parts, ended, deleted, short)
    for _ in range(3):
        await save(parts, a_token(parts, **named, expires_at=parts.clock.now() + 2 * HOUR))
    assert await counted(parts, **named) == (4, False)
    parts.clock.move(HOUR)
    for wanted in ({"application": application.id}, {"end_user": "ada"}, named):
        assert await counted(parts, **wanted) == (3, False)
        assert await counted(parts, cap=3, **wanted) == (3, False)
        assert await counted(parts, cap=2, **wanted) == (2, True)
    [*_, last] = await parts.pool.fetch("SELECT recorded_at FROM batches ORDER BY last")
    assert await counted(parts, before=last["recorded_at"], **named) == (2, False)
    application.disable(SYSTEM, parts.clock.now())
    await save(parts, application, revocation(parts, end_user="ada"))
    assert await counted(parts, **named) == (0, False)


async def test_a_count_looks_at_so_many_rows_and_says_that_there_may_be_more(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for told in ({"end_user": "ada"}, {}, {}, {}):
        await save(parts, a_token(parts, application=APP, **told))
    look_up = LookUp(organization=None, application=APP, end_user="ada")
    for scanned, answer in ((3, (0, True)), (4, (1, False))):
        monkeypatch.setattr(token_look_ups, "SCANNED", scanned)
        now = parts.clock.now()
        assert await token_look_ups.count(parts.pool, look_up, before=None, cap=9, now=now) == answer


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"application": APP}, "tokens_application"),
        ({"user": USER}, "tokens_user"),
        ({"account": ACCOUNT}, "tokens_account"),
        ({"end_user": "ada"}, "tokens_end_user"),
        ({"application": APP, "end_user": "ada"}, "tokens_end_user"),
        ({"application": APP, "user": USER}, "tokens_user"),
        ({"application": APP, "account": ACCOUNT}, "tokens_account"),
        ({"application": APP, "kind": "refresh"}, "refresh_tokens_application"),
        ({"user": USER, "kind": "refresh"}, "refresh_tokens_user"),
        ({"account": ACCOUNT, "kind": "refresh"}, "refresh_tokens_account"),
        ({"end_user": "ada", "kind": "refresh"}, "refresh_tokens_end_user"),
    ],
    ids=str,
)
async def test_the_narrowest_finds_them_by_the_index_that_has_them_in_order(
    parts: StoreParts, wanted: dict[str, Any], index: str
) -> None:
    asked: list[tuple[str, Any]] = []

    class Spy:
        async def fetch(self, sql: str, *values: Any) -> list[Any]:
            asked.append((sql, values))
            return []

        async def fetchrow(self, sql: str, *values: Any) -> None:
            asked.append((sql, values))

    look_up = LookUp(organization=ORGANIZATION, **wanted)
    await token_look_ups.page(Spy(), look_up, limit=9, now=parts.clock.now())  # type: ignore[arg-type]
    assert len(asked) == 2
    async with parts.owner.transaction():
        await parts.owner.execute("SET LOCAL search_path = models, muniment; SET LOCAL enable_seqscan = off")
        await parts.owner.execute("SET LOCAL enable_bitmapscan = off")
        for sql, values in asked:
            plan = json.loads(await parts.owner.fetchval(f"EXPLAIN (FORMAT json) {sql}", *values))
            scan = _scan_of_tokens(plan[0]["Plan"], "refresh_tokens" if "kind" in wanted else "tokens", index)
            assert scan["Scan Direction"] == "Backward"


@pytest.mark.parametrize("plans", ["force_generic_plan", "force_custom_plan"])
async def test_an_application_with_most_of_the_tokens_is_not_read_whole(parts: StoreParts, plans: str) -> None:
    past = await filled.fill(
        parts.owner, parts.master_keys, filled.Past(5_000, people=3, applications=99, favoured=100)
    )
    await filled.build_models(parts.owner, parts.master_keys, ["tokens"])
    await parts.owner.execute(f"SET search_path = models, muniment; SET plan_cache_mode = {plans}")
    read = "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'models.tokens'::regclass"
    look_up = LookUp(organization=past.organizations[0], application=past.applications[0])
    async with parts.owner.transaction():
        before = await parts.owner.fetchval(read)
        now = datetime.now(UTC)
        page = await token_look_ups.page(parts.owner, look_up, limit=50, now=now)  # type: ignore[arg-type]
        assert len(page.rows) == 50
        assert await parts.owner.fetchval(read) - before == 51


def _scan_of_tokens(node: dict[str, Any], table: str, index: str) -> Any:
    if (node.get("Relation Name"), node.get("Index Name")) == (table, index):
        return node
    found = (_scan_of_tokens(part, table, index) for part in node.get("Plans", ()))
    return next((scan for scan in found if scan), None)
