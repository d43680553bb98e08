"""Eight of one command at once, from two processes: one of them succeeds, or each in its turn, and none is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from domain import refusals
from service.commands import applications
from service.commands.secrets import SecretRequest
from service.store.log import head
from tests.histories.agreement import of_streams, shown
from tests.histories.law import lawful
from tests.histories.tokens import renew
from tests.histories.verdict import folded, guards_claims_and_keys_follow, history, the_log_is_whole
from tests.service.commands.given import origin
from tests.service.commands.racing import COUNT, FIRST, RACES, SECOND, Race, Scene, a_scene

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.store_fixture import StoreParts


async def run(processes: list[StoreParts], race: Race, scene: Scene, count: int = COUNT) -> list[Any]:
    """Give the command in all processes by turns, at once; return what came of each."""
    runners = [processes[n % len(processes)] for n in range(count)]
    return await asyncio.gather(
        *(
            race.command(each.store, origin(race.by), race.by, **race.arguments(scene, n))
            for n, each in enumerate(runners)
        ),
        return_exceptions=True,
    )


async def events_after(parts: StoreParts, before: int) -> Counter[str]:
    """Return what happened since a position, by topic, after seeing that all of the log is as it should be."""
    events = await history(parts)
    lawful(events)
    await the_log_is_whole(parts)
    await guards_claims_and_keys_follow(parts, events)
    rows, from_streams = await shown(parts), of_streams(folded(events))
    assert from_streams == {table: rows[table] for table in from_streams}
    return Counter(type(event).TOPIC for event in events[before:])


@pytest.mark.parametrize("name", RACES)
async def test_a_race_has_one_winner_or_all_finish_one_after_the_other(
    open_parts: Callable[[], Awaitable[StoreParts]], name: str
) -> None:
    race, processes = RACES[name], [await open_parts(), await open_parts()]
    scene = await a_scene(processes[0])
    before = await head(processes[0].pool)
    results = await run(processes, race, scene)
    lost = [type(result) for result in results if isinstance(result, BaseException)]
    assert lost == [race.losers] * (COUNT - race.winners if race.losers else 0), results
    positions = [result.position for result in results if not isinstance(result, BaseException)]
    reached = await head(processes[0].pool)
    assert all(before <= position <= reached for position in positions)
    assert await events_after(processes[0], before) == race.events


async def test_a_refresh_token_renews_once_and_its_second_use_ends_the_family(
    open_parts: Callable[[], Awaitable[StoreParts]],
) -> None:
    processes = [await open_parts(), await open_parts()]
    scene = await a_scene(processes[0])
    before = await head(processes[0].pool)
    again = {"presented": FIRST, "following": SECOND}
    results = await run(processes, Race(renew, lambda s, _: {"family": s.token, **again}, {}), scene)
    renewed = [result.value for result in results if not isinstance(result, BaseException)]
    assert len([token for token in renewed if token is not None]) == 1
    assert renewed.count(None) == 1
    ended = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in ended] == [refusals.TokenEnded] * (COUNT - 2)
    assert await events_after(processes[0], before) == {"token.refreshed": 1, "token.reuse_detected": 1}
    rows = await processes[0].pool.fetch("SELECT ended_at FROM tokens UNION ALL SELECT ended_at FROM refresh_tokens")
    assert len(rows) == 4
    assert all(row["ended_at"] for row in rows)


async def test_no_change_of_eight_is_lost(open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    """Each changes another field of one thing, or adds to it: all of it is there in the end."""
    processes = [await open_parts(), await open_parts()]
    scene, parts = await a_scene(processes[0]), processes[1]
    added = Race(
        applications.add_secrets,
        lambda s, n: {"application": s.application, "secrets": [SecretRequest(f"secret {n}")]},
        {},
    )
    changes = [{"name": "Ledger"}, {"permissions": ["read_app"]}, {"audiences": ["one"]}, {"rate_limit": 7}]
    changes += [{"token_format": "opaque"}, {"access_token_lifetime": 60}]
    changed = Race(applications.update, lambda s, n: {"application": s.application, **changes[n]}, {})
    results = await asyncio.gather(run(processes, added, scene, 2), run(processes, changed, scene, len(changes)))
    assert not [result for each in results for result in each if isinstance(result, BaseException)]
    row = await parts.pool.fetchrow("SELECT * FROM applications WHERE id = $1", scene.application)
    for change in changes:
        assert {name: row[name] for name in change} == change
    secrets = await parts.pool.fetch("SELECT name FROM application_secrets WHERE application = $1", scene.application)
    assert sorted(row["name"] for row in secrets) == ["first", "secret 0", "secret 1"]
    await events_after(parts, 0)
