"""A command decides on fresh state and commits once; when something it relied on moves, it decides again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain.account import Account
from domain.refusals import UnknownAccount
from domain.user import User
from projections import IMMEDIATE
from service.secrets.master_key import MasterKeys
from service.store import store as store_module
from service.store.pending import Remembered
from service.store.refusals import AlreadyAnswered, Stale, Taken
from service.store.vault import SubjectKeyDestroyed
from tests.service.store.given import (
    ACTOR,
    CLIENT,
    ENVELOPE,
    ORGANIZATION,
    REQUEST,
    an_account,
    an_origin,
    assert_sound,
    history,
    names,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.store.decision import Decision
    from service.store.pending import Append, Committed
    from tests.store_fixture import StoreParts

    OpenParts = Callable[[], Awaitable[StoreParts]]

TOUCH = "INSERT INTO muniment.guards VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET position = excluded.position"


async def create(parts: StoreParts, name: str = "Acme") -> Account:
    async def command(decision: Decision) -> Account:
        account = an_account(parts, name)
        decision.save(account)
        return account

    return (await parts.store.decide(command, an_origin())).value


def renaming(parts: StoreParts, stream: UUID, name: str) -> Callable[[Decision], Awaitable[None]]:
    async def command(decision: Decision) -> None:
        account = await decision.load(Account, stream)
        assert account is not None
        account.rename(name, parts.clock.now())
        decision.save(account)

    return command


async def a_user(parts: StoreParts, name: str | None = "Ada") -> User:
    user = User.create(
        id=parts.clock.new_id(), organization=ORGANIZATION, application=CLIENT, name=name, now=parts.clock.now()
    )

    async def command(decision: Decision) -> None:
        decision.save(user)

    # Decided once in every test here, so one aggregate made outside does.
    await parts.store.decide(command, an_origin())
    return user


def renaming_user(parts: StoreParts, stream: UUID, name: str) -> Callable[[Decision], Awaitable[None]]:
    async def command(decision: Decision) -> None:
        user = await decision.load(User, stream)
        assert user is not None
        user.rename(name, parts.clock.now())
        decision.save(user)

    return command


async def destroy(parts: StoreParts, subject: UUID) -> None:
    async def command(decision: Decision) -> None:
        decision.destroy_key(subject)
        decision.save(an_account(parts, "Witness"))

    await parts.store.decide(command, an_origin())


async def test_an_outcome_holds_what_the_command_returned_and_where_it_landed(parts: StoreParts) -> None:
    async def command(decision: Decision) -> str:
        decision.organization = ACTOR
        decision.save(an_account(parts), an_account(parts))
        return "both"

    assert await parts.store.decide(command, an_origin()) == ("both", 2)
    assert {entry.organization for entry in await history(parts)} == {ACTOR}, "the decision's, not the caller's"
    assert {(entry.actor, entry.client, entry.request_id) for entry in await history(parts)} == {
        (ACTOR, CLIENT, REQUEST)
    }
    assert len({entry.causation for entry in await history(parts)}) == 1


async def test_a_command_that_changes_nothing_answers_the_head(parts: StoreParts) -> None:
    account = await create(parts)
    await create(parts)
    assert (await parts.store.decide(renaming(parts, account.id, "Acme"), an_origin())).position == 2
    assert await assert_sound(parts.owner) == 2


async def test_a_refusal_commits_nothing(parts: StoreParts) -> None:
    async def command(decision: Decision) -> None:
        decision.save(an_account(parts))
        raise UnknownAccount

    with pytest.raises(UnknownAccount):
        await parts.store.decide(command, an_origin())
    assert await assert_sound(parts.owner) == 0


async def test_of_racing_commands_each_decides_on_what_the_others_left(parts: StoreParts) -> None:
    account = await create(parts, "0")

    async def count(decision: Decision) -> int:
        found = await decision.load(Account, account.id)
        assert found is not None
        found.rename(str(int(found.name) + 1), parts.clock.now())
        decision.save(found)
        return int(found.name)

    values = [
        outcome.value for outcome in await asyncio.gather(*(parts.store.decide(count, an_origin()) for _ in range(6)))
    ]
    assert sorted(values) == [1, 2, 3, 4, 5, 6]
    assert await names(parts) == ["6"]


async def test_a_command_decides_at_most_eight_times(parts: StoreParts) -> None:
    attempts = 0

    async def command(decision: Decision) -> None:
        nonlocal attempts
        attempts += 1
        decision.rely_on("application:1")
        await parts.owner.execute(TOUCH, "application:1", 1_000)
        decision.save(an_account(parts))

    with pytest.raises(Stale):
        await parts.store.decide(command, an_origin())
    assert attempts == store_module.ATTEMPTS


async def test_a_stream_that_was_only_loaded_must_not_have_grown_either(parts: StoreParts) -> None:
    account, seen = await create(parts, "Parent"), []

    async def command(decision: Decision) -> None:
        found = await decision.load(Account, account.id)
        assert found is not None
        seen.append(found.name)
        if len(seen) == 1:
            await parts.store.decide(renaming(parts, account.id, "Renamed"), an_origin())
        decision.save(an_account(parts, f"Child of {found.name}"))

    await parts.store.decide(command, an_origin())
    assert seen == ["Parent", "Renamed"]
    assert await names(parts) == ["Renamed", "Child of Renamed"]


async def test_what_is_only_peeked_at_may_change_unless_it_is_relied_on(parts: StoreParts) -> None:
    account, attempts = await create(parts), 0

    async def command(decision: Decision) -> None:
        nonlocal attempts
        attempts += 1
        assert await decision.peek(Account, account.id) is not None
        if attempts == 1:
            await parts.store.decide(renaming(parts, account.id, "Renamed"), an_origin())
        decision.save(an_account(parts))

    await parts.store.decide(command, an_origin())
    assert attempts == 1


async def test_an_authority_that_was_touched_is_judged_again(parts: StoreParts) -> None:
    await create(parts)
    renewed: list[str] = []

    async def renew() -> Any:
        renewed.append("judged")
        return replace(an_origin(), reads={"application:1": 1}, renew=renew)

    async def command(decision: Decision) -> None:
        decision.save(an_account(parts))

    await parts.owner.execute(TOUCH, "application:1", 1)
    outcome = await parts.store.decide(command, replace(an_origin(), reads={"application:1": 0}, renew=renew))
    assert (outcome.position, renewed) == (2, ["judged"])


async def test_an_authority_that_is_gone_refuses_the_command(parts: StoreParts) -> None:
    async def renew() -> Any:
        raise UnknownAccount

    async def command(decision: Decision) -> None:
        decision.save(an_account(parts))

    await parts.owner.execute(TOUCH, "application:1", 1)
    with pytest.raises(UnknownAccount):
        await parts.store.decide(command, replace(an_origin(), reads={"application:1": 0}, renew=renew))
    assert await assert_sound(parts.owner) == 0


async def test_a_taken_name_is_no_reason_to_decide_again(parts: StoreParts) -> None:
    attempts = 0

    async def command(decision: Decision) -> None:
        nonlocal attempts
        attempts += 1
        account = an_account(parts)
        decision.claim("role-name", b"x", account.id)
        decision.save(account)

    await parts.store.decide(command, an_origin())
    with pytest.raises(Taken):
        await parts.store.decide(command, an_origin())
    assert attempts == 2


async def test_a_repeated_request_has_one_set_of_events_and_the_first_answer(parts: StoreParts) -> None:
    async def command(decision: Decision) -> Account:
        account = an_account(parts)
        decision.save(account)
        return account

    def remember(account: Account) -> Remembered:
        return Remembered(b"key", b"mac", account.id.bytes)

    first = (await parts.store.decide(command, an_origin(), remember=remember)).value
    for _ in range(2):
        with pytest.raises(AlreadyAnswered) as answered:
            await parts.store.decide(command, an_origin(), remember=remember)
        assert answered.value.answer == first.id.bytes
    assert await assert_sound(parts.owner) == 1


async def test_a_request_that_changed_nothing_is_remembered_too(parts: StoreParts) -> None:
    account = await create(parts)
    command = renaming(parts, account.id, "Acme")
    outcome = await parts.store.decide(
        command, an_origin(), remember=lambda _: Remembered(b"key", b"mac", b"unchanged")
    )
    assert outcome.position == 1
    with pytest.raises(AlreadyAnswered):
        await parts.store.decide(command, an_origin(), remember=lambda _: Remembered(b"key", b"mac", b"again"))


async def test_a_read_model_holds_what_was_committed_at_once(parts: StoreParts) -> None:
    account = await create(parts)
    parts.clock.move(timedelta(seconds=5))
    await parts.store.decide(renaming(parts, account.id, "Renamed"), an_origin())
    row = await parts.pool.fetchrow("SELECT * FROM accounts WHERE id = $1", account.id)
    assert (row["name"], row["position"]) == ("Renamed", 2)
    assert row["updated_at"] - row["created_at"] == timedelta(seconds=5)


async def test_an_append_holds_the_facts_of_every_immediate_model_that_handles_the_event(parts: StoreParts) -> None:
    user = User.create(id=uuid4(), organization=ORGANIZATION, application=CLIENT, name=None, now=parts.clock.now())
    user.suspend(None, now=parts.clock.now())
    append = parts.store.prepare(user.collect_events(), ENVELOPE)  # type: ignore[arg-type]
    assert set(append.facts) == {name for name, model in IMMEDIATE.items() if "user.suspended" in model.handlers}
    # Two facts about one row became one, numbered by the last event.
    assert [n for n, _ in append.facts["users"]] == [2]
    assert append.expects == [(user.id, 0, False)]


async def test_a_subject_has_one_key_made_with_its_first_personal_event(parts: StoreParts) -> None:
    user = await a_user(parts)
    await parts.store.decide(renaming_user(parts, user.id, "Ada Lovelace"), an_origin())
    rows = await parts.owner.fetch("SELECT subject, master_key FROM muniment.subject_keys")
    assert [tuple(row) for row in rows] == [(user.id, parts.master_keys.current_id)]
    assert b"Ada" not in b"".join(entry.state for entry in await history(parts))
    assert await parts.pool.fetchval("SELECT name FROM users") == "Ada Lovelace"


async def test_a_nameless_user_gets_a_key_when_a_name_is_given(parts: StoreParts) -> None:
    user = await a_user(parts, None)
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.subject_keys") == 0
    await parts.store.decide(renaming_user(parts, user.id, "Ada"), an_origin())
    assert await parts.owner.fetchval("SELECT count(*) FROM muniment.subject_keys") == 1


async def test_nothing_is_sealed_under_a_key_that_another_process_destroyed(open_parts: OpenParts) -> None:
    here, there = await open_parts(), await open_parts()
    user = await a_user(here)
    await destroy(there, user.id)
    assert await here.vault.ciphers([user.id]), "the key is still in memory here"
    with pytest.raises(SubjectKeyDestroyed):
        await here.store.decide(renaming_user(here, user.id, "Late"), an_origin())
    assert await assert_sound(here.owner) == 2
    assert not await here.vault.ciphers([user.id])


async def test_nothing_is_sealed_under_a_key_that_is_destroyed_just_before_the_append(parts: StoreParts) -> None:
    user, append = await a_user(parts), parts.appender.append

    async def late(one: Append) -> Committed:
        parts.appender.append = append
        await destroy(parts, user.id)
        return await append(one)

    parts.appender.append = late
    with pytest.raises(SubjectKeyDestroyed):
        await parts.store.decide(renaming_user(parts, user.id, "Late"), an_origin())
    assert await assert_sound(parts.owner) == 2


async def test_a_destroyed_key_leaves_a_tombstone_and_a_touched_guard(parts: StoreParts) -> None:
    user = await a_user(parts)
    await destroy(parts, user.id)
    row = await parts.owner.fetchrow("SELECT * FROM muniment.subject_keys")
    assert (row["wrapped"], row["master_key"]) == (None, None)
    assert row["destroyed_at"] == (await history(parts))[-1].recorded_at
    guard = await parts.owner.fetchval("SELECT position FROM muniment.guards WHERE key = $1", f"subject:{user.id}")
    assert guard == 2


async def test_a_command_made_before_a_rotation_of_the_master_key_seals_under_the_new_one(parts: StoreParts) -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    ring = MasterKeys([old, new])
    parts.master_keys.adopt(ring)
    new_id = MasterKeys([new]).current_id
    await parts.owner.execute("UPDATE muniment.settings SET value = $1 WHERE name = 'master_key'", new_id)
    user = await a_user_decided_anew(parts)
    row = await parts.owner.fetchrow(
        "SELECT master_key, wrapped FROM muniment.subject_keys WHERE subject = $1", user.id
    )
    assert row["master_key"] == new_id
    MasterKeys([new]).unwrap(row["wrapped"], subject=user.id, key_id=new_id)


async def a_user_decided_anew(parts: StoreParts) -> User:
    async def command(decision: Decision) -> User:
        user = User.create(
            id=parts.clock.new_id(), organization=ORGANIZATION, application=CLIENT, name="Ada", now=parts.clock.now()
        )
        decision.save(user)
        return user

    return (await parts.store.decide(command, an_origin())).value


async def test_a_cancelled_command_leaves_no_half(parts: StoreParts) -> None:
    async def command(decision: Decision) -> None:
        decision.save(an_account(parts), an_account(parts))

    task = asyncio.create_task(parts.store.decide(command, an_origin()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await write(parts, an_account(parts, "next"))
    assert await assert_sound(parts.owner) in {1, 3}
