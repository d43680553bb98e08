"""What all rules of a history share: a store of its own, callers, and the comparison of each command with the world."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from domain.caller import Caller
from domain.refusals import Refusal
from service.store.decision import Origin
from service.store.log import head
from tests.app_fixture import copied
from tests.fake_clock import FakeClock
from tests.histories.world import DELETED, World
from tests.store_fixture import opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

    from service.store.store import Outcome

ROOT = Caller(UUID(int=1), UUID(int=2), frozenset({"root", "all"}), application=UUID(int=1))
NTH = st.integers(0, 5)
"""Which of the things there are, counted from the newest."""
CALLERS = st.sampled_from(["root", "root", "home", "home", "person", "stranger", "itself"])
NAMES = st.sampled_from(["Ada", " Grace ", "Žofie", " "])


def why(*reasons: tuple[bool, type[Refusal]]) -> set[type[Refusal]]:
    """Return the reasons that hold: a command may be refused for any of them, and must be for one."""
    return {refusal for holds, refusal in reasons if holds}


def unknown(by: Caller, *things: Any) -> bool:
    """Say whether one of these is gone, or outside the caller's organization."""
    return any(thing.status == DELETED or not by.sees(thing.organization) for thing in things)


class Machine(RuleBasedStateMachine):
    """One history. `page` is the size of the pages in which the read models are rebuilt at its end."""

    def __init__(self, postgres_dsn: str, template: str) -> None:
        super().__init__()
        self.world = World()
        self.head = 0
        self.page = 1
        self.home: UUID = UUID(int=0)
        self.elsewhere: UUID = UUID(int=0)
        self._stack = ExitStack()
        dsn = self._stack.enter_context(copied(postgres_dsn, template))
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.clock = FakeClock()
        opening = opened(dsn, self.clock)
        self.parts = self._runner.run(opening.__aenter__())
        self._stack.callback(lambda: self._runner.run(opening.__aexit__(None, None, None)))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something asynchronous to its end."""
        return self._runner.run(work)

    def close(self) -> None:
        """Give everything back."""
        self._stack.close()

    def caller(self, kind: str, itself: Caller | None = None) -> Caller:
        """Return a caller: `person` acts for a user of the home organization, `stranger` belongs to another one."""
        if kind == "itself" and itself is not None:
            return itself
        if kind == "stranger":
            return Caller(UUID(int=3), self.elsewhere, frozenset({"all"}), application=UUID(int=3))
        if kind == "person":
            user = UUID(int=5)
            return Caller(user, self.home, frozenset({"all"}), application=UUID(int=4), user=user)
        if kind == "home":
            return Caller(UUID(int=4), self.home, frozenset({"all"}), application=UUID(int=4))
        return ROOT

    def nth(self, things: Mapping[UUID, Any], n: int) -> UUID:
        """Return the id of one of these, the newest for 0."""
        ids = list(things)
        return ids[-1 - n % len(ids)]

    def give(
        self,
        refused: set[type[Refusal]],
        command: Callable[..., Awaitable[Outcome[Any]]],
        by: Caller,
        **arguments: Any,
    ) -> Outcome[Any] | None:
        """Give a command; return its outcome, None when it was refused, which it must be for one of these reasons.

        What was refused, and what changed nothing, leaves no event behind.
        """
        origin = Origin(by.actor, by.organization, by.application, self.clock.new_id())
        (outcome,) = self.gather([(refused, command(self.parts.store, origin, by, **arguments), by)])
        return outcome

    def gather(
        self, asked: Iterable[tuple[set[type[Refusal]], Awaitable[Outcome[Any]], Caller]]
    ) -> list[Outcome[Any] | None]:
        """Give several commands at once, none of which is in the way of another, and return as `give` does."""
        reasons, commands, callers = zip(*asked, strict=True)
        results, reached = self.run(self._carried_out(commands))
        outcomes = [self._judged(result, refused) for result, refused in zip(results, reasons, strict=True)]
        done = sorted(
            (outcome.position, by.actor)
            for outcome, by in zip(outcomes, callers, strict=True)
            if outcome is not None and outcome.position > self.head
        )
        assert reached == max((position for position, _ in done), default=self.head), "a refused command left events"
        for position, actor in done:
            self.world.actors += [actor] * (position - len(self.world.actors))
        self.head = reached
        return outcomes

    async def _carried_out(self, commands: Iterable[Awaitable[Any]]) -> tuple[list[Any], int]:
        results = await asyncio.gather(*commands, return_exceptions=True)
        return results, await head(self.parts.pool)

    def _judged(self, result: Any, refused: set[type[Refusal]]) -> Outcome[Any] | None:
        if isinstance(result, Refusal):
            assert type(result) in refused, f"{result!r} instead of {refused or 'success'}"
            return None
        if isinstance(result, BaseException):
            raise result
        assert not refused, f"carried out, although it should be refused for one of {refused}"
        return result
