"""Keys are published before they sign and after they have signed, and one of an algorithm signs at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from domain import refusals
from domain.signing_key import Status
from projections import signing_keys as rows
from service.commands import signing_keys
from service.secrets.signing import Signer
from tests.service.commands.given import ROOT, backend, head, log, origin, topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.commands.signing_keys import Rotation
    from tests.store_fixture import StoreParts

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def rotate(parts: StoreParts, algorithm: str = "ES256", *, force: bool = False) -> Rotation:
    outcome = await signing_keys.rotate(
        parts.store, origin(ROOT), ROOT, published_for=DAY, overlap=HOUR, algorithm=algorithm, force=force
    )
    return outcome.value


async def statuses(parts: StoreParts) -> list[str]:
    return [row["status"] for row in await rows.every(parts.pool)]


async def test_root_alone_has_a_say_in_keys(parts: StoreParts) -> None:
    by = backend(uuid4(), "all")
    for command in (
        signing_keys.introduce(parts.store, origin(), by, algorithm="ES256"),
        signing_keys.activate(parts.store, origin(), by, key=uuid4(), published_for=DAY),
        signing_keys.retire(parts.store, origin(), by, key=uuid4(), overlap=DAY),
        signing_keys.rotate(parts.store, origin(), by, published_for=DAY, overlap=DAY),
    ):
        with pytest.raises(refusals.MissingPermission):
            await command


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_an_introduced_key_is_published_with_its_private_half_sealed(parts: StoreParts, algorithm: str) -> None:
    key = (await signing_keys.introduce(parts.store, origin(ROOT), ROOT, algorithm=algorithm)).value
    (row,) = await rows.published(parts.pool, parts.clock.now())
    assert (row["id"], row["kid"], row["status"]) == (key.id, key.kid, "introduced")
    state = await parts.pool.fetchval("SELECT state FROM muniment.events")
    assert b"PRIVATE" not in state
    (event,) = await log(parts)
    assert Signer(event.kid, event.algorithm, event.private_key).sign({"sub": "me"})


@pytest.mark.parametrize("algorithm", ["HS256", "none", ""])
async def test_there_are_three_algorithms(parts: StoreParts, algorithm: str) -> None:
    with pytest.raises(refusals.InvalidAlgorithm):
        await signing_keys.introduce(parts.store, origin(ROOT), ROOT, algorithm=algorithm)
    with pytest.raises(refusals.InvalidAlgorithm):
        await rotate(parts, algorithm)


async def test_a_key_signs_once_it_was_published_long_enough(parts: StoreParts) -> None:
    key = (await signing_keys.introduce(parts.store, origin(ROOT), ROOT, algorithm="ES256")).value
    parts.clock.move(DAY - timedelta(microseconds=1))
    with pytest.raises(refusals.KeyTooYoung):
        await signing_keys.activate(parts.store, origin(ROOT), ROOT, key=key.id, published_for=DAY)
    parts.clock.move(timedelta(microseconds=1))
    await signing_keys.activate(parts.store, origin(ROOT), ROOT, key=key.id, published_for=DAY)
    assert await statuses(parts) == ["active"]
    for command in (
        signing_keys.activate(parts.store, origin(ROOT), ROOT, key=uuid4(), published_for=DAY),
        signing_keys.retire(parts.store, origin(ROOT), ROOT, key=uuid4(), overlap=DAY),
    ):
        with pytest.raises(refusals.UnknownKey):
            await command


async def test_a_retired_key_stays_published_without_its_private_half(parts: StoreParts) -> None:
    key = (await rotate(parts)).introduced
    retired = await signing_keys.retire(parts.store, origin(ROOT), ROOT, key=key.id, overlap=HOUR)
    until = parts.clock.now() + HOUR
    assert retired.value.published_until == until
    assert [row["id"] for row in await rows.published(parts.pool, until - timedelta(microseconds=1))] == [key.id]
    assert await rows.published(parts.pool, until) == []
    assert [event.private_key for event in await log(parts) if event.TOPIC == "signing_key.introduced"] == [None]
    with pytest.raises(refusals.KeyNotIntroduced):
        await signing_keys.activate(parts.store, origin(ROOT), ROOT, key=key.id, published_for=DAY)


async def test_the_first_rotation_signs_at_once(parts: StoreParts) -> None:
    rotation = await rotate(parts)
    assert rotation.activated is rotation.introduced
    assert rotation.retired == ()


async def test_keys_follow_each_other(parts: StoreParts) -> None:
    first = (await rotate(parts)).introduced
    second = await rotate(parts)
    assert (second.activated, await statuses(parts)) == (None, ["active", "introduced"])
    with pytest.raises(refusals.KeyTooYoung):
        await rotate(parts)
    parts.clock.move(DAY)
    before = await head(parts)
    third = await rotate(parts)
    assert third.activated is not None
    assert third.activated.id == second.introduced.id
    assert [key.id for key in third.retired] == [first.id]
    assert await statuses(parts) == ["retired", "active", "introduced"]
    assert await topics(parts, after=before) == [
        "signing_key.introduced",
        "signing_key.activated",
        "signing_key.retired",
    ]
    appends = "SELECT count(DISTINCT causation) FROM muniment.events WHERE notification_id > $1"
    assert await parts.pool.fetchval(appends, before) == 1


async def test_a_leaked_key_is_replaced_at_once_by_a_new_one(parts: StoreParts) -> None:
    leaked = (await rotate(parts)).introduced
    waiting = (await rotate(parts)).introduced
    forced = await rotate(parts, force=True)
    assert forced.activated is forced.introduced
    assert [key.id for key in forced.retired] == [leaked.id]
    assert waiting.status is Status.INTRODUCED
    assert await statuses(parts) == ["retired", "introduced", "active"]


async def test_algorithms_rotate_on_their_own(parts: StoreParts) -> None:
    await rotate(parts, "ES256")
    await rotate(parts, "EdDSA")
    assert await statuses(parts) == ["active", "active"]


async def test_a_key_that_waits_signs_at_once_when_none_does(parts: StoreParts) -> None:
    waiting = (await signing_keys.introduce(parts.store, origin(ROOT), ROOT, algorithm="ES256")).value
    rotation = await rotate(parts)
    assert rotation.activated is not None
    assert rotation.activated.id == waiting.id


async def test_rotations_at_once_leave_one_key_that_signs(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    processes = [parts, await open_parts()]
    results = await asyncio.gather(*(rotate(each, force=True) for each in processes * 3), return_exceptions=True)
    assert not [result for result in results if isinstance(result, BaseException)]
    assert sorted(await statuses(parts)) == ["active"] + ["retired"] * 5


async def test_each_algorithm_gets_a_key_that_signs_unless_it_has_one(parts: StoreParts) -> None:
    made = await signing_keys.ensure(parts.store, origin(), ["ES256", "RS256"])
    assert [(key.algorithm, key.status) for key in made] == [("ES256", Status.ACTIVE), ("RS256", Status.ACTIVE)]
    before = await head(parts)
    assert await signing_keys.ensure(parts.store, origin(), ["RS256", "ES256"]) == []
    assert await head(parts) == before
    [third] = await signing_keys.ensure(parts.store, origin(), ["ES256", "EdDSA"])
    assert third.algorithm == "EdDSA"
    assert await statuses(parts) == ["active", "active", "active"]


async def test_a_key_that_waits_signs_at_once_where_a_start_finds_none_that_does(parts: StoreParts) -> None:
    waiting = (await signing_keys.introduce(parts.store, origin(ROOT), ROOT, algorithm="RS256")).value
    [found] = await signing_keys.ensure(parts.store, origin(), ["RS256"])
    assert (found.id, await statuses(parts)) == (waiting.id, ["active"])


async def test_processes_that_start_at_once_make_one_key_of_each_algorithm(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    processes = [parts, await open_parts(), await open_parts()]
    await asyncio.gather(*(signing_keys.ensure(each.store, origin(), ["ES256", "RS256"]) for each in processes))
    assert await statuses(parts) == ["active", "active"]
