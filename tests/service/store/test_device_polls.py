"""A device that asks too early is told so, and has to wait longer each time, whichever worker it asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from service.store.device_polls import too_early

if TYPE_CHECKING:
    from uuid import UUID

    from tests.store_fixture import StoreParts

SECOND, INSTANT = timedelta(seconds=1), timedelta(microseconds=1)


async def asked(parts: StoreParts, device: UUID, after: timedelta = timedelta(0)) -> bool:
    parts.clock.move(after)
    return await too_early(parts.pool, device, parts.clock.now(), parts.clock.now() + timedelta(minutes=10))


async def test_the_first_question_is_never_too_early(parts: StoreParts) -> None:
    assert not await asked(parts, uuid4())
    assert not await asked(parts, uuid4())


async def test_a_device_waits_five_seconds_less_what_the_way_may_take(parts: StoreParts) -> None:
    device = uuid4()
    await asked(parts, device)
    assert not await asked(parts, device, 4 * SECOND)
    assert await asked(parts, device, 4 * SECOND - INSTANT)


async def test_each_early_question_makes_all_later_waits_five_seconds_longer(parts: StoreParts) -> None:
    device = uuid4()
    await asked(parts, device)
    assert await asked(parts, device, SECOND)
    assert await asked(parts, device, 9 * SECOND - INSTANT)
    assert await asked(parts, device, 14 * SECOND - INSTANT)
    assert not await asked(parts, device, 19 * SECOND)
    assert not await asked(parts, device, 19 * SECOND)


async def test_of_many_questions_at_once_one_is_in_time(parts: StoreParts) -> None:
    device = uuid4()
    assert sorted(await asyncio.gather(*(asked(parts, device) for _ in range(5)))) == [False, True, True, True, True]


async def test_a_clock_that_went_back_makes_no_wait_shorter(parts: StoreParts) -> None:
    device = uuid4()
    await asked(parts, device)
    assert await asked(parts, device, -SECOND)
    assert await asked(parts, device, 2 * SECOND)
