"""Filling in bulk leaves the rows that applying event by event leaves, whatever happened and however long a page is."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.refusals import Refusal
from domain.token_family import refresh_token_id
from projections import MODELS
from service.store import bulk, generation, rebuild
from service.store.codec import UnknownTopic
from service.store.log import head
from tests.bench.filled import Past, fill
from tests.fake_clock import FakeClock
from tests.postgres_fixture import copied
from tests.service.store.given import ORGANIZATION, a_token, an_account, write
from tests.store_fixture import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.token_family import TokenFamily
    from projections.model import Model
    from tests.store_fixture import StoreParts

TOKENS = MODELS["tokens"]
HOUR = timedelta(hours=1)
TEMPORARY = "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
FORGE = """
INSERT INTO muniment.{table}
SELECT originator_id, originator_version + 1, $1, $2, notification_id + 1, recorded_at, organization, actor, client,
       request_id, causation
  FROM muniment.{table} ORDER BY notification_id DESC LIMIT 1
"""

NTH = st.integers(0, 9)
PEOPLE = st.sampled_from([None, UUID(int=7), UUID(int=8)])
WHICH = st.sampled_from([None, 0, 1, 2])  # access token; none: the family, or its refresh token
STEPS = st.one_of(
    st.tuples(st.just("issue"), PEOPLE, st.sampled_from(["none", "for ever", "an hour"])),
    st.tuples(st.just("refresh"), NTH, st.booleans()),
    st.tuples(st.just("refresh"), NTH, st.just(True)),  # noqa: FBT003 - a value among others
    st.tuples(st.just("replay"), NTH, st.none()),
    st.tuples(st.just("revoke"), NTH, WHICH),
    st.tuples(st.just("approve"), NTH, WHICH),
    st.tuples(st.just("approve"), NTH, WHICH),
    st.tuples(st.just("describe"), NTH, WHICH),
    st.tuples(st.just("delete"), NTH, WHICH),
)


class Families:
    """Token families and what may happen to them next."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.all: list[TokenFamily] = []

    async def take(self, what: str, first: Any, second: Any) -> None:
        """Let something happen, if it can."""
        alive = [family for family in self.all if not family.ended or what in ("approve", "describe", "delete")]
        if what == "issue":
            self.all.append(self._issue(first, second))
            await write(self.parts, self.all[-1])
        elif alive:
            family = alive[first % len(alive)]
            getattr(self, f"_{what}")(family, second)
            await write(self.parts, family)
        self.parts.clock.move(timedelta(seconds=1))

    def _issue(self, user: UUID | None, refresh: str) -> TokenFamily:
        until = self.parts.clock.now() + HOUR if refresh == "an hour" else None
        digest = None if refresh == "none" else _digest()
        person = {} if user is None else {"user": user, "account": uuid4(), "membership": uuid4(), "end_user": "7\t\\"}
        return a_token(self.parts, refresh_digest=digest, refresh_expires_at=until, **person)

    def _refresh(self, family: TokenFamily, rotates: bool) -> None:  # noqa: FBT001 - as it was drawn
        if family.refresh_digest is None:
            return
        now = self.parts.clock.now()
        family.refresh_expires_at = None  # never too late
        family.refresh(
            family.refresh_digest, token=self.parts.clock.new_id(), scope="read", audience="api", format="opaque",
            digest=_digest(), expires_at=now + HOUR, refresh_digest=_digest() if rotates else None,
            refresh_expires_at=now + HOUR if rotates else None, now=now,
        )  # fmt: skip

    def _replay(self, family: TokenFamily, _: None) -> None:
        if family.refresh_digest is not None:
            now = self.parts.clock.now()
            family.refresh(
                "00" * 32, token=self.parts.clock.new_id(), scope="read", audience="api", format="jwt",
                digest=_digest(), expires_at=now + HOUR, refresh_digest=None, refresh_expires_at=None, now=now,
            )  # fmt: skip

    def _revoke(self, family: TokenFamily, nth: int | None) -> None:
        tokens = sorted(family.tokens)
        token = None if nth is None else tokens[nth % len(tokens)]
        family.revoke(token, "lost", self.parts.clock.now())

    def _approve(self, family: TokenFamily, nth: int | None) -> None:
        now = self.parts.clock.now()
        family.refresh_expires_at = now + HOUR  # never too late
        with suppress(Refusal):
            family.approve(self._one(family, nth), cascade=nth != 1, expires_at=None, now=now)

    def _describe(self, family: TokenFamily, nth: int | None) -> None:
        now = self.parts.clock.now()
        with suppress(Refusal):
            family.describe(
                self._one(family, nth), {"n": str(family.version), "\u00e9": "7\\"}, expires_at=None, now=now
            )

    def _delete(self, family: TokenFamily, nth: int | None) -> None:
        with suppress(Refusal):
            family.delete(self._one(family, nth), self.parts.clock.now())

    def _one(self, family: TokenFamily, nth: int | None) -> UUID:
        tokens = sorted(family.tokens)
        renewable = nth is None and family.refresh_digest is not None
        return refresh_token_id(family.refresh_digest or "") if renewable else tokens[(nth or 0) % len(tokens)]


def _digest() -> str:
    return sha256(uuid4().bytes).hexdigest()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def filled(
    parts: StoreParts, model: Model, schema: str, *pages: tuple[int, int], after: int = 0, by_events: bool = False
) -> None:
    """Make a generation and fill it, up to each of these positions in pages of its size; then as far as the head."""
    async with parts.owner.transaction():
        await generation.create(parts.owner, model, schema)
    await parts.owner.execute(f"SET search_path = {schema}, muniment")
    for until, size in (*pages, (await head(parts.owner), 4)):
        told = {"schema": schema, "after": after, "until": max(until, after), "page_size": size}
        after = await (rebuild.fill if by_events else bulk.fill)(parts.owner, model, parts.vault, **told)
    await parts.owner.execute("RESET search_path")


async def difference(parts: StoreParts, model: Model, one: str, other: str) -> list[str]:
    found = []
    for table in model.tables:
        for these, those in ((one, other), (other, one)):
            rows = await parts.owner.fetch(f"SELECT * FROM {these}.{table} EXCEPT ALL SELECT * FROM {those}.{table}")
            found += [f"{these}.{table} {dict(row)}" for row in rows]
    return found


def test_whatever_happens_to_tokens_their_rows_are_those_of_a_replay_by_events(
    postgres_dsn: str, store_template: str, runner: asyncio.Runner
) -> None:
    with ExitStack() as stack:
        opening = opened(stack.enter_context(copied(postgres_dsn, store_template)), FakeClock())
        parts = runner.run(opening.__aenter__())
        stack.callback(lambda: runner.run(opening.__aexit__(None, None, None)))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(STEPS, min_size=1, max_size=40), st.lists(st.integers(1, 40), max_size=3), st.integers(1, 13))
        def equal(steps: list[Any], pauses: list[int], size: int) -> None:
            runner.run(self_contained(parts, steps, pauses, size))

        equal()


async def self_contained(parts: StoreParts, steps: list[Any], pauses: list[int], size: int) -> None:
    """Append a history of its own; fill from before it, by events and in bulk, in between up to some positions."""
    before = await head(parts.pool)
    families = Families(parts)
    for step in steps:
        await families.take(*step)
    end = await head(parts.pool)
    stops = [(position, size) for position in sorted({min(before + n, end) for n in pauses} | {end})]
    await filled(parts, TOKENS, "by_events", (end, 1_000), after=before, by_events=True)
    await filled(parts, TOKENS, "in_bulk", *stops, after=before)
    assert await difference(parts, TOKENS, "by_events", "in_bulk") == []
    assert await parts.owner.fetchval("SELECT count(*) FROM in_bulk.tokens") == sum(len(f.tokens) for f in families.all)


async def test_a_long_lived_family_is_replaced_again_and_again_within_a_page(parts: StoreParts) -> None:
    families = Families(parts)
    await families.take("issue", None, "an hour")
    for _ in range(9):
        await families.take("refresh", 0, second=True)
    await families.take("revoke", 0, None)
    for size in (1, 2, 5, 100):
        await filled(parts, TOKENS, "in_bulk", (11, size))
        assert await difference(parts, TOKENS, "models", "in_bulk") == []
        used = await parts.owner.fetchval("SELECT count(*) FROM in_bulk.refresh_tokens WHERE used_at IS NOT NULL")
        assert used == 9


@pytest.mark.parametrize("name", MODELS)
def test_every_model_fills_in_bulk_all_that_it_handles(name: str) -> None:
    model = MODELS[name]
    assert model.bulk is not None
    assert model.bulk.topics == model.handlers.keys()


async def test_a_topic_that_the_bulk_path_does_not_know_is_refused_before_anything_is_read(parts: StoreParts) -> None:
    more = replace(TOKENS, handlers={**TOKENS.handlers, "token.framed": lambda *_: []})
    for model in (more, replace(TOKENS, bulk=None)):
        with pytest.raises(bulk.NotInBulk, match=model.name):
            await bulk.fill(parts.owner, model, parts.vault, schema="models", after=0, until=1)


async def test_every_page_is_told_in_the_transaction_of_its_rows_and_where_one_ended_another_goes_on(
    parts: StoreParts,
) -> None:
    await write(parts, an_account(parts), *(a_token(parts) for _ in range(6)))
    told: list[tuple[int, int]] = []

    async def note(position: int, events: int) -> None:
        assert parts.owner.is_in_transaction()
        if len(told) == 2:
            raise RuntimeError
        told.append((position, events))

    async with parts.owner.transaction():
        await generation.create(parts.owner, TOKENS, "in_bulk")
    await parts.owner.execute("SET search_path = in_bulk, muniment")
    arguments: Any = {"schema": "in_bulk", "until": 7, "page_size": 2}
    with pytest.raises(RuntimeError):
        await bulk.fill(parts.owner, TOKENS, parts.vault, after=0, on_page=note, **arguments)
    assert told == [(3, 2), (5, 2)]  # the account is no business of tokens
    assert await parts.owner.fetchval("SELECT max(position) FROM in_bulk.tokens") == 5
    assert await bulk.fill(parts.owner, TOKENS, parts.vault, after=5, **arguments) == 7
    assert await difference(parts, TOKENS, "models", "in_bulk") == []


@pytest.mark.parametrize(
    ("name", "table", "topic", "error"),
    [
        ("tokens", "token_events", "token.revoked", msgspec.DecodeError),
        ("tokens", "token_events", "token.framed", UnknownTopic),
        ("accounts", "events", "account.renamed", msgspec.DecodeError),
        ("accounts", "events", "account.framed", UnknownTopic),
        ("tokens", "events", "session.framed", UnknownTopic),
    ],
)
async def test_an_event_that_cannot_be_applied_stops_it_and_its_page_leaves_nothing(
    parts: StoreParts, name: str, table: str, topic: str, error: type[Exception]
) -> None:
    await write(parts, an_account(parts))
    await write(parts, a_token(parts))
    async with parts.owner.transaction():
        await generation.create(parts.owner, MODELS[name], "in_bulk")
    await parts.owner.execute("SET search_path = in_bulk, muniment")
    await parts.owner.execute(FORGE.format(table=table), topic, b'{"timestamp":"never"}')
    with pytest.raises(error):
        await bulk.fill(parts.owner, MODELS[name], parts.vault, schema="in_bulk", after=0, until=9)
    for each in MODELS[name].tables:
        assert await parts.owner.fetch(f"SELECT FROM in_bulk.{each}") == []
    assert await parts.owner.fetch(TEMPORARY) == []


async def test_the_session_is_left_as_it_was(parts: StoreParts) -> None:
    await write(parts, an_account(parts), a_token(parts))
    names = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_bitmapscan", "synchronous_commit")
    before = [await parts.owner.fetchval(f"SHOW {name}") for name in names]
    for name in ("tokens", "accounts", "audit"):
        await filled(parts, MODELS[name], "in_bulk")
    assert [await parts.owner.fetchval(f"SHOW {name}") for name in names] == before
    assert await parts.owner.fetch(TEMPORARY) == []


@pytest.mark.parametrize("name", ["tokens", "accounts"])
async def test_one_that_is_called_off_leaves_the_session_in_order_and_the_pages_before(
    parts: StoreParts, name: str
) -> None:
    await write(parts, *(an_account(parts) for _ in range(6)), *(a_token(parts) for _ in range(6)))
    model, under_way = MODELS[name], asyncio.Event()
    async with parts.owner.transaction():
        await generation.create(parts.owner, model, "in_bulk")
    await parts.owner.execute("SET search_path = in_bulk, muniment")

    async def linger(position: int, _: int) -> None:
        if position >= 4:
            under_way.set()
            await asyncio.sleep(3600)

    arguments: Any = {"schema": "in_bulk", "until": 12, "page_size": 2}
    task = asyncio.create_task(bulk.fill(parts.owner, model, parts.vault, after=0, on_page=linger, **arguments))
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not parts.owner.is_in_transaction()
    assert await parts.owner.fetch(TEMPORARY) == []
    before = 2 if name == "accounts" else 0
    assert await parts.owner.fetchval(f"SELECT count(*) FROM in_bulk.{name}") == before
    await bulk.fill(parts.owner, model, parts.vault, after=before, **arguments)
    assert await difference(parts, model, "models", "in_bulk") == []


@pytest.mark.parametrize("name", MODELS)
async def test_pages_that_are_read_ahead_over_another_connection_are_applied_in_their_order(
    parts: StoreParts, name: str
) -> None:
    await fill(parts.owner, parts.master_keys, Past(500, people=12, applications=3))
    await filled(parts, MODELS[name], "by_events", (await head(parts.owner), 1_000), by_events=True)
    assert parts.vault.source is not parts.owner
    for size in (7, 64):
        await filled(parts, MODELS[name], "in_bulk", (await head(parts.owner), size))
        assert await difference(parts, MODELS[name], "by_events", "in_bulk") == []


async def test_a_connection_that_was_lost_is_not_put_back_in_order(parts: StoreParts) -> None:
    await write(parts, a_token(parts))

    async def lose(*_: int) -> None:
        parts.owner.terminate()
        await parts.owner.fetchval("SELECT 1")

    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresConnectionError)):
        await bulk.fill(parts.owner, TOKENS, parts.vault, schema="models", after=1, until=1_000_000, on_page=lose)


async def test_organizations_of_rows_are_those_of_their_events(parts: StoreParts) -> None:
    account = an_account(parts)
    await write(parts, account, a_token(parts))
    await filled(parts, MODELS["audit"], "in_bulk")
    rows = await parts.owner.fetch("SELECT position, organization, topic FROM in_bulk.audit ORDER BY position")
    assert [tuple(row) for row in rows] == [(1, ORGANIZATION, "account.created"), (2, ORGANIZATION, "token.issued")]
