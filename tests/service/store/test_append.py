"""Group commit: what waits is committed together, what may not be is refused or fails alone, nothing happens twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain.account import Account
from domain.token_family import TokenFamily
from projections import registry
from service.secrets.digests import sha256_hex
from service.store import append as append_module
from service.store.decision import Decision
from service.store.pending import Append, Claim, Committed, Encoded, Expectation, Remembered
from service.store.refusals import AlreadyAnswered, NewerGeneration, Stale, Taken
from tests.service.store.given import (
    ACTOR,
    CLIENT,
    ENVELOPE,
    ORGANIZATION,
    REQUEST,
    a_token,
    an_account,
    an_appender,
    assert_sound,
    batch_sizes,
    batched,
    history,
    names,
    prepared,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.store_fixture import StoreParts

KEY = "application:1"
BROKEN = "UPDATE muniment.models SET version = version + 1 WHERE name = 'tokens'"
RENEWED = "UPDATE muniment.models SET generation = generation + 1 WHERE name = 'tokens'"


def touching(parts: StoreParts, *keys: str, name: str = "Acme") -> Append:
    append = prepared(parts, an_account(parts, name))
    append.events = [event._replace(touches=keys) for event in append.events]
    return append


async def outcomes(*appends: Coroutine[Any, Any, Committed]) -> list[Any]:
    return await asyncio.gather(*appends, return_exceptions=True)


async def test_what_waits_while_a_batch_is_committed_is_the_next_batch(parts: StoreParts) -> None:
    async with batched(parts, *(prepared(parts, an_account(parts, f"{n:02}")) for n in range(15))) as tasks:
        pass
    assert await batch_sizes(parts) == [15]
    assert [task.result().position for task in tasks] == list(range(2, 17))
    assert await names(parts) == [f"{n:02}" for n in range(15)], "in the order in which they came"


async def test_a_batch_holds_no_more_than_its_limit(parts: StoreParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_module, "MAX_BATCH", 4)
    async with batched(parts, *(prepared(parts, an_account(parts)) for _ in range(10))):
        pass
    sizes = await batch_sizes(parts)
    assert (max(sizes), sum(sizes)) == (4, 10)


async def test_a_poison_append_alone_fails_while_its_mates_commit(parts: StoreParts) -> None:
    twice = sha256_hex("the same token")
    appends = [prepared(parts, an_account(parts, f"{n}")) for n in range(5)]
    appends[1:1] = [prepared(parts, a_token(parts, digest=twice)), prepared(parts, a_token(parts, digest=twice))]
    async with batched(parts, *appends) as tasks:
        pass
    failed = [task for task in tasks if task.exception() is not None]
    assert len(failed) == 1
    assert isinstance(failed[0].exception(), asyncpg.UniqueViolationError)
    assert await names(parts) == list("01234")
    assert await assert_sound(parts.owner) == 6 + 1


async def test_an_append_that_cannot_even_be_sent_fails_alone(parts: StoreParts) -> None:
    poison = prepared(parts, an_account(parts))
    poison.events = [event._replace(state="text") for event in poison.events]
    async with batched(
        parts, prepared(parts, an_account(parts, "before")), poison, touching(parts, name="after")
    ) as tasks:
        pass
    assert isinstance(tasks[1].exception(), asyncpg.DataError)
    assert await names(parts) == ["before", "after"]


async def test_a_decision_is_stale_once_a_key_it_rests_on_was_touched(parts: StoreParts) -> None:
    touched = (await parts.appender.append(touching(parts, KEY))).position
    await write(parts, an_account(parts, "on the very position"), reads={KEY: touched, "user:1": 0})
    with pytest.raises(Stale) as stale:
        await write(parts, an_account(parts, "before it"), reads={KEY: touched - 1})
    assert (stale.value.reason, stale.value.detail) == ("guard", KEY)
    assert await names(parts) == ["Acme", "on the very position"]


async def test_a_guard_holds_the_last_touch_and_a_refused_append_touches_nothing(parts: StoreParts) -> None:
    for _ in range(3):
        await parts.appender.append(touching(parts, KEY, "account:7"))
    late = touching(parts, KEY, "user:9")
    late.reads[KEY] = 2
    with pytest.raises(Stale):
        await parts.appender.append(late)
    rows = await parts.owner.fetch("SELECT key, position FROM muniment.guards ORDER BY key")
    assert [tuple(row) for row in rows] == [("account:7", 3), (KEY, 3)]


async def test_appends_that_only_read_the_same_guard_go_together(parts: StoreParts) -> None:
    async with batched(parts, *(prepared(parts, an_account(parts), reads={KEY: 0}) for _ in range(9))) as tasks:
        pass
    assert await batch_sizes(parts) == [9]
    assert not any(task.exception() for task in tasks)


async def test_an_append_that_rests_on_what_its_mate_touches_waits_for_the_next_batch(parts: StoreParts) -> None:
    resting = prepared(parts, an_account(parts, "resting"), reads={KEY: 0})
    free = prepared(parts, an_account(parts, "free"), reads={"application:2": 0})
    async with batched(parts, touching(parts, KEY, name="touching"), resting, free) as tasks:
        pass
    assert await batch_sizes(parts) == [2]
    assert isinstance(tasks[1].exception(), Stale)
    assert await names(parts) == ["touching", "free"]


async def test_a_refused_append_leaves_no_gap_among_its_mates(parts: StoreParts) -> None:
    appends = [prepared(parts, an_account(parts), a_token(parts)) for _ in range(5)]
    appends[1].expects.append(Expectation(uuid4(), 3, token=False))
    appends[3].expects.append(Expectation(uuid4(), 3, token=True))
    async with batched(parts, *appends) as tasks:
        pass
    assert [task.exception() is None for task in tasks] == [True, False, True, False, True]
    assert [tasks[n].result().position for n in (0, 2, 4)] == [3, 5, 7]
    assert await assert_sound(parts.owner) == 6 + 1
    assert await parts.owner.fetchval("SELECT count(*) FROM models.tokens") == 3


async def test_a_stream_that_has_grown_since_is_a_version_conflict(parts: StoreParts) -> None:
    account = an_account(parts)
    await write(parts, account)
    mine, theirs = [await load(parts, Account, account.id) for _ in range(2)]
    theirs.rename("Theirs", parts.clock.now())
    mine.rename("Mine", parts.clock.now())
    await write(parts, theirs)
    with pytest.raises(Stale) as stale:
        await write(parts, mine)
    assert (stale.value.reason, stale.value.detail) == ("version", str(account.id))
    assert await names(parts) == ["Theirs"]


@pytest.mark.parametrize("kind", [Account, TokenFamily])
async def test_a_second_first_event_of_a_stream_is_a_version_conflict(parts: StoreParts, kind: type) -> None:
    stream = parts.clock.new_id()
    made = (lambda: an_account(parts, id=stream)) if kind is Account else (lambda: a_token(parts, id=stream))
    told = await outcomes(*(write(parts, made()) for _ in range(3)), write(parts, an_account(parts, "mate")))
    conflicts = [one for one in told if isinstance(one, Stale)]
    assert [one.reason for one in conflicts] == ["version", "version"]
    assert await assert_sound(parts.owner) == 2


async def test_of_many_commands_on_one_stream_exactly_one_succeeds(parts: StoreParts) -> None:
    account = an_account(parts)
    await write(parts, account)
    racing = [await load(parts, Account, account.id) for _ in range(20)]
    async with AsyncExitStack() as stack:
        processes = [parts.appender, await stack.enter_async_context(an_appender(parts))]
        appends = []
        for n, one in enumerate(racing):
            one.rename(f"name {n}", parts.clock.now())
            appends.append(processes[n % 2].append(prepared(parts, one)))
        told = await outcomes(*appends)
    assert Counter(type(one) for one in told) == {Committed: 1, Stale: 19}
    assert await assert_sound(parts.owner) == 2


async def test_of_many_claims_to_one_name_exactly_one_succeeds(parts: StoreParts) -> None:
    async with AsyncExitStack() as stack:
        processes = [parts.appender, await stack.enter_async_context(an_appender(parts))]
        told = await outcomes(*(processes[n % 2].append(claiming(parts, b"name")) for n in range(20)))
    assert Counter(type(one) for one in told) == {Committed: 1, Taken: 19}
    assert {one.space for one in told if isinstance(one, Taken)} == {"role-name"}
    assert len(await names(parts)) == 1


async def test_of_many_requests_with_one_key_exactly_one_is_carried_out(parts: StoreParts) -> None:
    def request(n: int) -> Append:
        return prepared(parts, an_account(parts), remembered=Remembered(b"key", b"mac", b"%d" % n))

    async with AsyncExitStack() as stack:
        processes = [parts.appender, await stack.enter_async_context(an_appender(parts))]
        told = await outcomes(*(processes[n % 2].append(request(n)) for n in range(20)))
    assert Counter(type(one) for one in told) == {Committed: 1, AlreadyAnswered: 19}
    winner = next(n for n, one in enumerate(told) if isinstance(one, Committed))
    answers = {(one.request_mac, one.answer) for one in told if isinstance(one, AlreadyAnswered)}
    assert answers == {(b"mac", b"%d" % winner)}
    assert len(await names(parts)) == 1


async def test_an_answer_can_be_kept_without_any_event(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    kept = Append(uuid4(), ENVELOPE, [], remembered=Remembered(b"key", b"mac", b"nothing changed"))
    assert (await parts.appender.append(kept)).position == 1
    with pytest.raises(AlreadyAnswered) as answered:
        await parts.appender.append(Append(uuid4(), ENVELOPE, [], remembered=Remembered(b"key", b"mac", b"other")))
    assert answered.value.answer == b"nothing changed"
    assert await assert_sound(parts.owner) == 1


async def test_a_key_is_free_again_after_its_day(parts: StoreParts) -> None:
    await write(parts, an_account(parts), remembered=Remembered(b"key", b"mac", b"yesterday's"))
    await parts.owner.execute("UPDATE muniment.idempotency SET expires_at = now()")
    await write(parts, an_account(parts), remembered=Remembered(b"key", b"mac", b"today's"))
    row = await parts.owner.fetchrow("SELECT answer, expires_at - now() AS left FROM muniment.idempotency")
    assert (row["answer"], row["left"].total_seconds() / 3600) == (b"today's", pytest.approx(24, abs=0.01))


async def test_a_released_name_can_be_claimed_also_by_who_releases_another(parts: StoreParts) -> None:
    first, second = claiming(parts, b"a"), claiming(parts, b"b")
    await parts.appender.append(first)
    await parts.appender.append(second)
    renamed = claiming(parts, b"c", releases=first.claims)
    await parts.appender.append(renamed)
    await parts.appender.append(claiming(parts, b"a"))
    with pytest.raises(Taken):
        await parts.appender.append(claiming(parts, b"c"))
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.claims") == 3


async def test_a_name_is_unique_in_its_space_of_its_organization(parts: StoreParts) -> None:
    nil = UUID(int=0)
    for organization, space in (
        (ORGANIZATION, "role-name"),
        (ACTOR, "role-name"),
        (nil, "role-name"),
        (nil, "client_id"),
    ):
        await parts.appender.append(claiming(parts, b"a", organization=organization, space=space))
    for organization, space in ((ACTOR, "role-name"), (nil, "client_id")):
        with pytest.raises(Taken) as taken:
            await parts.appender.append(claiming(parts, b"a", organization=organization, space=space))
        assert taken.value.space == space


async def test_a_refused_append_keeps_nothing(parts: StoreParts) -> None:
    await parts.appender.append(claiming(parts, b"taken"))
    refused = claiming(parts, b"taken")
    refused.claims.append(Claim(ORGANIZATION, "role-name", b"free", ACTOR))
    refused.remembered = Remembered(b"key", b"mac", b"answer")
    refused.destroyed = [ACTOR]
    with pytest.raises(Taken):
        await parts.appender.append(refused)
    await parts.appender.append(claiming(parts, b"free"))
    for table in ("idempotency", "subject_keys"):
        assert await parts.owner.fetchval(f"SELECT count(*) FROM muniment.{table}") == 0
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.guards WHERE key LIKE 'subject:%'") == 0


async def test_every_event_carries_its_envelope(parts: StoreParts) -> None:
    append = prepared(parts, an_account(parts), a_token(parts))
    nobody = prepared(parts, an_account(parts), envelope=replace(ENVELOPE, client=None))
    async with batched(parts, append, nobody):
        pass
    entries = (await history(parts))[1:]
    assert [entry.client for entry in entries] == [CLIENT, CLIENT, None]
    assert {entry.causation for entry in entries} == {append.causation, nobody.causation}
    for entry in entries:
        assert (entry.organization, entry.actor, entry.request_id) == (ORGANIZATION, ACTOR, REQUEST)


async def test_a_writer_of_another_version_is_refused_and_told_once_a_batch(parts: StoreParts) -> None:
    left = []
    parts.appender.on_newer_generation = lambda: left.append("told")
    await parts.owner.execute(BROKEN)
    told = await outcomes(*(write(parts, an_account(parts)) for _ in range(3)))
    assert [type(one) for one in told] == [NewerGeneration] * 3
    assert left
    assert await assert_sound(parts.owner) == 0


async def test_a_writer_goes_on_with_another_generation_of_the_same_version(parts: StoreParts) -> None:
    left = []
    parts.appender.on_newer_generation = lambda: left.append("told")
    for turn in range(1, 4):
        await parts.owner.execute(RENEWED)
        told = await outcomes(*(write(parts, an_account(parts)) for _ in range(5)))
        assert [type(one) for one in told] == [Committed] * 5
        assert await registry.writers(parts.owner) == parts.appender.writers
        assert await assert_sound(parts.owner) == 5 * turn, "each once"
    assert left == []


async def test_other_generations_of_eventual_models_do_not_concern_writers(parts: StoreParts) -> None:
    await parts.owner.execute("UPDATE muniment.models SET generation = 9, version = 9 WHERE name = 'audit'")
    assert (await write(parts, an_account(parts))).position == 1


async def test_followers_are_told_of_batches_that_added_something(parts: StoreParts) -> None:
    heads: list[int] = []
    parts.appender.on_commit = heads.append
    await write(parts, an_account(parts), an_account(parts))
    with pytest.raises(Stale):
        await write(parts, an_account(parts), expects=[Expectation(uuid4(), 1, token=False)])
    await parts.appender.append(Append(uuid4(), ENVELOPE, [], remembered=Remembered(b"k", b"m", b"a")))
    assert heads == [2]


async def test_every_event_is_stored_as_it_was_encoded(parts: StoreParts) -> None:
    stream, token = uuid4(), parts.clock.new_id()
    awkward = b'{"text":"\xc3\xa9\xf0\x9f\x92\xa5 \\u0000"}'
    events = [
        Encoded(stream, 1, "account.renamed", awkward, token=False, touches=()),
        Encoded(token, 1, "token.revoked", b"", token=True, touches=()),
    ]
    await parts.appender.append(Append(uuid4(), ENVELOPE, events))
    stored = [(entry.stream, entry.version, entry.topic, entry.state) for entry in await history(parts)]
    assert stored == [(stream, 1, "account.renamed", awkward), (token, 1, "token.revoked", b"")]


def claiming(
    parts: StoreParts, digest: bytes, *, organization: UUID = ORGANIZATION, space: str = "role-name", **more: Any
) -> Append:
    account = an_account(parts)
    return prepared(parts, account, claims=[Claim(organization, space, digest, account.id)], **more)


async def load(parts: StoreParts, kind: type, stream: UUID) -> Any:
    return await Decision(parts.pool, parts.vault, position=0, organization=ORGANIZATION).load(kind, stream)
