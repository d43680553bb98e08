"""Commands of two processes, decided and committed in any order: each event was right in its place of the log.

What a command decided on may have gone, in every way there is, when it comes to its append.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.caller import SYSTEM
from domain.refusals import Refusal
from service.commands import signing_keys
from service.http.bearer import Unauthenticated
from service.oauth.errors import OAuthError
from service.oauth.issuing import IssuedToken
from service.store import codec
from service.store.log import head, read_page
from tests.fake_clock import FakeClock
from tests.histories.agreement import of_streams, shown
from tests.histories.law import lawful
from tests.histories.schedule import Schedule
from tests.histories.verdict import folded, history, rebuilt_models_are_equal, the_log_is_whole
from tests.postgres_fixture import copied
from tests.service.commands.given import origin
from tests.service.commands.playing import COMMANDS, HOUR, Process, Scene
from tests.store_fixture import opened

USUAL = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
LONG = settings(USUAL, max_examples=1_000)


class Theatre:
    """Two processes on one database, and the judgement of what they did."""

    def __init__(self, stack: ExitStack, dsn: str) -> None:
        self._runner = stack.enter_context(asyncio.Runner())
        clock, self.processes = FakeClock(), []
        for _ in range(2):
            opening = opened(dsn, clock)
            self.processes.append(Process(self._runner.run(opening.__aenter__())))
            stack.callback(lambda opening=opening: self._runner.run(opening.__aexit__(None, None, None)))
        self._runner.run(self._open())

    def play(self, chosen: list[tuple[str, int]], order: list[int]) -> None:
        """Play commands, each in one of the processes, in an order; what they did must be lawful."""
        self._runner.run(self._play(chosen, order))

    def end(self) -> None:
        """Judge all that was played together."""
        self._runner.run(self._end())

    async def _open(self) -> None:
        await signing_keys.rotate(
            self.processes[0].store, origin(), SYSTEM, published_for=HOUR, overlap=HOUR, algorithm="ES256"
        )
        for process in self.processes:
            await process.keys.load()

    async def _play(self, chosen: list[tuple[str, int]], order: list[int]) -> None:
        one, other = self.processes
        start, scene = await head(one.parts.pool), Scene()
        await scene.set(one)
        await other.issue(scene.application.client_id, scene.text)  # which it remembers from now on
        begun = await head(one.parts.pool)
        schedule = Schedule([lambda name=name, n=n: COMMANDS[name](scene, self.processes[n]) for name, n in chosen])
        with schedule.holding(*(process.parts.appender for process in self.processes)):
            results = await schedule.run(order)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, (Refusal, OAuthError, Unauthenticated)):
                raise result
        await self._judge(start, begun, [result for result in results if not isinstance(result, BaseException)])

    async def _judge(self, start: int, begun: int, results: list[Any]) -> None:
        parts = self.processes[0].parts
        entries = await read_page(parts.pool, after=start, until=2**62, limit=10_000)
        ciphers = await parts.vault.for_entries(entries)
        events = [codec.decode(e.topic, e.stream, e.version, e.state, ciphers) for e in entries]
        own = [(e, entry.actor) for e, entry in zip(events, entries, strict=True) if entry.topic[:7] != "signing"]
        lawful(*zip(*own, strict=True))
        rows, expected = await shown(parts), of_streams(folded(event for event, _ in own))
        for table, of_table in expected.items():
            assert {id: rows[table].get(id) for id in of_table} == of_table, table
        for issued in results:
            if isinstance(issued, IssuedToken):
                assert issued.position > begun
                await self._signed_by_a_key_that_signed_then(issued)

    async def _signed_by_a_key_that_signed_then(self, issued: IssuedToken) -> None:
        kid, pool = jwt.get_unverified_header(issued.access_token)["kid"], self.processes[0].parts.pool
        key = await pool.fetchval("SELECT id FROM signing_keys WHERE kid = $1", kid)
        turns = await pool.fetch(
            "SELECT topic, notification_id FROM muniment.events WHERE originator_id = $1 AND topic = ANY ($2::text[])",
            key,
            ["signing_key.activated", "signing_key.retired"],
        )
        at = {row["topic"]: row["notification_id"] for row in turns}
        assert at["signing_key.activated"] < issued.position < at.get("signing_key.retired", 2**62)

    async def _end(self) -> None:
        parts = self.processes[0].parts
        await the_log_is_whole(parts)
        events = await history(parts)
        rows, expected = await shown(parts), of_streams(folded(events))
        assert expected == {table: rows[table] for table in expected}
        await rebuilt_models_are_equal(parts, 50, 5_000)


chosen_commands = st.lists(st.tuples(st.sampled_from(sorted(COMMANDS)), st.integers(0, 1)), min_size=2, max_size=5)
orders = st.lists(st.integers(0, 4), max_size=12)


def check(postgres_dsn: str, template: str, profile: settings) -> None:
    with ExitStack() as stack:
        theatre = Theatre(stack, stack.enter_context(copied(postgres_dsn, template)))

        @profile
        @given(chosen_commands, orders)
        def play(chosen: list[tuple[str, int]], order: list[int]) -> None:
            theatre.play(chosen, order)

        play()
        theatre.end()


def test_every_event_is_right_in_its_place(postgres_dsn: str, store_template: str) -> None:
    check(postgres_dsn, store_template, USUAL)


@pytest.mark.soak
def test_every_event_is_right_in_its_place_in_a_thousand_plays(postgres_dsn: str, store_template: str) -> None:
    check(postgres_dsn, store_template, LONG)


PAIRS = [
    ("issue", end)
    for end in ("disable", "delete", "take permissions", "retire the secret", "suspend the organization", "rotate")
]
PAIRS += [("issue what is granted", "revoke the grant"), ("define a role as the client", "revoke the token")]
PAIRS += [("join", "suspend"), ("join", "expel"), ("join", "delete the child"), ("branch", "delete the child")]
PAIRS += [("assign", "abolish"), ("define", "redefine"), ("enrol", "disable the other"), ("enrol", "delete everything")]
PAIRS += [("link", "link the friend"), ("link", "unlink"), ("link", "link another"), ("link", "expel")]
PAIRS += [("expel", "link"), ("record", "expel"), ("record", "record")]
PAIRS += [("open", "take back"), ("open", "take back alone"), ("open", "move"), ("move", "close"), ("address", "open")]
PAIRS += [("publish", "suspend the organization"), ("publish", "publish"), ("limit", "take back")]
PAIRS += [("ask to call", "close"), ("ask to call", "ask to call everything"), ("ask to call everything", "take back")]
PAIRS += [("let call", end) for end in ("close", "delete", "let not call", "forget the right", "let all call")]
PAIRS += [("let all call", "take back")]
PAIRS += [("ask to call again", end) for end in ("let not call", "forget the right")]
PAIRS += [
    ("demote the owner", "expel the other owner"),
    ("approve", "delete"),
    ("ask for a grant as the client", "disable"),
]


def test_what_is_ended_between_a_decision_and_its_append_is_not_relied_on(
    postgres_dsn: str, store_template: str
) -> None:
    """The orders that matter most, each pair in both processes: all that Hypothesis might not come upon."""
    with ExitStack() as stack:
        theatre = Theatre(stack, stack.enter_context(copied(postgres_dsn, store_template)))
        for one, other in PAIRS:
            for order in ([0, 1, 1, 0], [1, 0, 0, 1]):
                for there in (0, 1):
                    theatre.play([(one, 1), (other, there)], order)
        theatre.end()
