"""A token's stream lives in the month of its birth, from its first event to its last, and old months can go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from domain.token_family import TokenFamily
from service.store.decision import Decision
from service.store.migrations import PARTITIONS, ensure_partitions
from tests.service.store.given import ORGANIZATION, a_token, an_account, history, write

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

WHERE = "SELECT tableoid::regclass::text FROM muniment.token_events WHERE originator_id = $1"
ENSURE = "SELECT muniment.ensure_partitions($1)"
MILLISECOND = timedelta(milliseconds=1)


def born(moment: datetime, *, last: bool = False) -> UUID:
    """Return the first (or last) UUIDv7 of a millisecond (RFC 9562 section 5.7)."""
    count = int(moment.timestamp() * 1000)
    return UUID(int=(count << 80) | 0x7 << 76 | 0b10 << 62 | (((0xFFF << 64) | (2**62 - 1)) if last else 0))


async def partition_of(parts: StoreParts, stream: UUID) -> str:
    await write(parts, a_token(parts, id=stream))
    name: str = await parts.owner.fetchval(WHERE, stream)
    return name.removeprefix("muniment.token_events_")


def month(moment: datetime, ahead: int = 0) -> datetime:
    start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(ahead):
        start = (start + timedelta(days=32)).replace(day=1)
    return start


async def test_this_month_and_the_two_after_it_are_there(parts: StoreParts) -> None:
    now = parts.clock.now()
    for ahead in range(3):
        start = month(now, ahead)
        assert await partition_of(parts, born(start + timedelta(days=9))) == f"{start:%Y%m}"
    assert await partition_of(parts, born(month(now, 3))) == "rest"


async def test_a_month_begins_with_its_first_millisecond(parts: StoreParts) -> None:
    start = month(parts.clock.now(), 1)
    assert await partition_of(parts, born(start)) == f"{start:%Y%m}"
    assert await partition_of(parts, born(start - MILLISECOND, last=True)) == f"{start - MILLISECOND:%Y%m}"


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
async def test_months_are_those_of_utc_wherever_the_session_is(parts: StoreParts, zone: str) -> None:
    await parts.owner.execute(f"SET timezone = '{zone}'")
    for moment in (
        datetime(2031, 1, 1, tzinfo=UTC),
        datetime(2031, 6, 30, 23, 59, 59, tzinfo=UTC),
        datetime(2031, 12, 1, tzinfo=UTC),
    ):
        await parts.owner.execute(ENSURE, moment)
        assert await partition_of(parts, born(moment)) == f"{moment:%Y%m}"
        end = month(moment, 2) - MILLISECOND  # months in a row, each up to the next
        assert await partition_of(parts, born(end, last=True)) == f"{end:%Y%m}"


async def test_a_stream_stays_where_it_was_born(parts: StoreParts) -> None:
    born_at = month(parts.clock.now(), 1) - MILLISECOND
    family = a_token(parts, id=born(born_at))
    await write(parts, family)
    family.revoke(None, "late", month(parts.clock.now(), 2))
    await write(parts, family)
    assert {row[0] for row in await parts.owner.fetch(WHERE, family.id)} == {f"muniment.token_events_{born_at:%Y%m}"}


async def test_reading_a_stream_looks_into_one_partition(parts: StoreParts) -> None:
    plan = await parts.owner.fetch(
        f"EXPLAIN SELECT * FROM muniment.token_events WHERE originator_id = '{parts.clock.new_id()}'"
    )
    text = "\n".join(row[0] for row in plan)
    assert f"token_events_{parts.clock.now():%Y%m}" in text
    assert text.count("Scan") - text.count("Bitmap Index Scan") == 1, text


async def test_making_them_again_or_at_once_changes_nothing(parts: StoreParts) -> None:
    before = await parts.owner.fetchval("SELECT count(*) FROM pg_inherits")
    await asyncio.gather(*(parts.pool.execute(PARTITIONS) for _ in range(4)))
    await ensure_partitions(parts.owner)
    assert await parts.owner.fetchval("SELECT count(*) FROM pg_inherits") == before


async def test_a_month_that_came_before_its_partition_stays_in_the_rest(parts: StoreParts) -> None:
    # A service that was not looked after for months, or whose clock was wrong for a moment, must still start.
    moment = datetime(2031, 5, 17, tzinfo=UTC)
    early = born(moment)
    assert await partition_of(parts, early) == "rest"
    await parts.owner.execute(ENSURE, moment)
    assert await partition_of(parts, born(moment + MILLISECOND)) == "rest"
    assert await partition_of(parts, born(month(moment, 1))) == "203106"
    found = await Decision(parts.pool, parts.vault, position=0, organization=ORGANIZATION).load(TokenFamily, early)
    assert found is not None


async def test_an_old_month_can_be_dropped_and_the_rest_of_the_log_is_read_as_before(parts: StoreParts) -> None:
    long_ago = parts.clock.now() - timedelta(days=400)
    await parts.owner.execute(ENSURE, long_ago)
    await write(parts, an_account(parts), a_token(parts, id=born(long_ago)), a_token(parts))
    await parts.owner.execute(f"DROP TABLE muniment.token_events_{long_ago:%Y%m}")
    assert [entry.position for entry in await history(parts)] == [1, 3]
    assert (await write(parts, an_account(parts))).position == 4
