"""The log is read by stream and by position, each time in one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from service.store.log import Stored, head, read_page, read_stream, read_streams
from tests.service.store.given import a_token, an_account, history, write

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


async def test_an_empty_log_has_the_head_zero(parts: StoreParts) -> None:
    assert await head(parts.pool) == 0
    assert await read_page(parts.pool, after=0, until=10, limit=10) == []


async def test_a_stream_is_read_in_order_with_the_head_of_the_same_moment(parts: StoreParts) -> None:
    account, family = an_account(parts), a_token(parts)
    account.rename("Renamed", parts.clock.now())
    await write(parts, account, family, an_account(parts))
    position, events = await read_stream(parts.pool, account.id, token=False)
    assert position == 4
    assert [(event.version, event.topic) for event in events] == [(1, "account.created"), (2, "account.renamed")]
    assert [event.topic for event in (await read_stream(parts.pool, family.id, token=True))[1]] == ["token.issued"]


async def test_a_stream_without_events_still_has_a_head(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    for token in (False, True):
        assert await read_stream(parts.pool, uuid4(), token=token) == (1, [])


async def test_several_streams_are_read_at_once_and_empty_ones_are_absent(parts: StoreParts) -> None:
    one, other = an_account(parts), an_account(parts)
    other.rename("Renamed", parts.clock.now())
    await write(parts, one, other)
    found = await read_streams(parts.pool, [other.id, uuid4(), one.id], token=False)
    assert {stream: [event.version for event in events] for stream, events in found.items()} == {
        one.id: [1],
        other.id: [1, 2],
    }
    assert all(isinstance(event, Stored) for events in found.values() for event in events)
    assert await read_streams(parts.pool, [one.id], token=True) == {}


async def test_a_page_holds_what_lies_behind_one_position_and_up_to_another(parts: StoreParts) -> None:
    for thing in (an_account(parts), a_token(parts), an_account(parts), a_token(parts), an_account(parts)):
        await write(parts, thing)

    async def positions(after: int, until: int, limit: int = 10) -> list[int]:
        return [entry.position for entry in await read_page(parts.pool, after=after, until=until, limit=limit)]

    assert await positions(0, 5) == [1, 2, 3, 4, 5]
    assert await positions(1, 4) == [2, 3, 4]
    assert await positions(0, 5, limit=2) == [1, 2]
    assert await positions(5, 9) == []


async def test_a_page_is_read_by_position_and_not_by_reading_everything(parts: StoreParts) -> None:
    await write(parts, an_account(parts), a_token(parts))
    await parts.owner.execute("SET enable_seqscan = off")
    plan = await parts.owner.fetch(
        "EXPLAIN SELECT * FROM muniment.log WHERE notification_id > 1 AND notification_id <= 5 ORDER BY 5 LIMIT 2"
    )
    assert "Seq Scan" not in "\n".join(row[0] for row in plan)


async def test_an_event_keeps_its_envelope(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    [entry] = await history(parts)
    row = await parts.owner.fetchrow("SELECT * FROM muniment.events")
    assert dict(zip(row.keys(), row.values(), strict=True)) == {
        "originator_id": entry.stream, "originator_version": entry.version, "topic": entry.topic, "state": entry.state,
        "notification_id": entry.position, "recorded_at": entry.recorded_at, "organization": entry.organization,
        "actor": entry.actor, "client": entry.client, "request_id": entry.request_id, "causation": entry.causation,
    }  # fmt: skip
