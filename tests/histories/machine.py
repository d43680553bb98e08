"""What all rules of a history share: a store of its own, callers, and the comparison of each command with the world."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from domain.caller import Caller
from domain.refusals import Refusal
from service.store.decision import Origin
from service.store.log import head
from tests.fake_clock import FakeClock
from tests.histories.world import DELETED, World
from tests.postgres_fixture import copied
from tests.store_fixture import opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from service.store.store import Outcome

F = TypeVar("F", bound="Callable[..., None]")
ROOT = Caller(UUID(int=1), UUID(int=2), frozenset({"root", "all"}), application=UUID(int=1))
NTH = st.integers(0, 5)
"""Which of the things there are, counted from the newest."""
CALLERS = st.sampled_from(["root", "home", "root", "home", "home", "person", "stranger", "itself"])
NAMES = st.sampled_from(["Ada", " Grace ", "Žofie", " "])


def why(*reasons: tuple[bool, type[Refusal]]) -> set[type[Refusal]]:
    """Return the reasons that hold: a command may be refused for any of them, and must be for one."""
    return {refusal for holds, refusal in reasons if holds}


def unknown(by: Caller, *things: Any) -> bool:
    """Say whether one of these is gone, or outside the caller's organization."""
    return any(thing.status == DELETED or not by.sees(thing.organization) for thing in things)


class NothingYet(Exception):
    """There is nothing that a command could be about."""


Step = tuple[str, dict[str, Any]]
"""One command of a history, with its arguments as they were drawn."""


def command(weight: int = 1, **arguments: st.SearchStrategy[Any]) -> Callable[[F], F]:
    """Make a method a command of histories. It is given `weight` times as often as others."""

    def mark(function: F) -> F:
        function.steps = [st.tuples(st.just(function.__name__), st.fixed_dictionaries(arguments))] * weight
        return function

    return mark


def steps(everything: type, about: type) -> st.SearchStrategy[Step]:
    """Return what any step of a history can be: the commands of a machine, every other one about one thing.

    They are one rule, since of many rules Hypothesis would leave out most in each history. What it shrinks to is first.
    """
    all_of_them, chosen = (
        [
            step
            for name in sorted(dir(machine), key="wait".__ne__)
            for step in getattr(getattr(machine, name), "steps", ())
        ]
        for machine in (everything, about)
    )
    return st.one_of(*all_of_them, *chosen * (len(all_of_them) // len(chosen)))


class Asked(NamedTuple):
    """A command to be given, and the reasons of which one must refuse it; none: it must be carried out."""

    refused: set[type[Refusal]]
    command: Callable[..., Awaitable[Outcome[Any]]]
    by: Caller
    arguments: dict[str, Any]


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
        """Return a caller: `person` acts for a user of the home organization, `stranger` belongs to another one.

        They hold everything but root, which only root does; a `clerk` holds next to nothing.
        """
        if kind == "itself" and itself is not None:
            return itself
        if kind == "stranger":
            return Caller(UUID(int=3), self.elsewhere, frozenset({"all"}), application=UUID(int=3))
        if kind == "person":
            user = UUID(int=5)
            return Caller(user, self.home, frozenset({"all"}), application=UUID(int=4), user=user)
        if kind == "clerk":
            return Caller(UUID(int=6), self.home, frozenset({"read_user"}), application=UUID(int=6))
        if kind == "home":
            return Caller(UUID(int=4), self.home, frozenset({"all"}), application=UUID(int=4))
        return ROOT

    def take(self, step: Step) -> None:
        """Give the command of a step, unless there is nothing yet that it could be about."""
        name, arguments = step
        with suppress(NothingYet):
            getattr(self, name)(**arguments)

    def nth(self, things: Mapping[UUID, Any], n: int) -> UUID:
        """Return the id of one of these, the newest for 0. Raises NothingYet."""
        ids = list(things)
        if not ids:
            raise NothingYet
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
        (outcome,) = self.gather([Asked(refused, command, by, arguments)])
        return outcome

    def gather(self, asked: Sequence[Asked]) -> list[Outcome[Any] | None]:
        """Give several commands at once, none of which is in the way of another, and return as `give` does."""
        results, reached = self.run(self._carried_out(asked))
        outcomes = [self._judged(result, each.refused) for result, each in zip(results, asked, strict=True)]
        done = sorted(
            (outcome.position, each.by.actor)
            for outcome, each in zip(outcomes, asked, strict=True)
            if outcome is not None and outcome.position > self.head
        )
        assert reached == max((position for position, _ in done), default=self.head), "a refused command left events"
        for position, actor in done:
            self.world.actors += [actor] * (position - len(self.world.actors))
        self.head = reached
        return outcomes

    async def _carried_out(self, asked: Sequence[Asked]) -> tuple[list[Any], int]:
        results = await asyncio.gather(
            *(each.command(self.parts.store, self._origin(each.by), each.by, **each.arguments) for each in asked),
            return_exceptions=True,
        )
        return results, await head(self.parts.pool)

    def _origin(self, by: Caller) -> Origin:
        return Origin(by.actor, by.organization, by.application, self.clock.new_id())

    def _judged(self, result: Any, refused: set[type[Refusal]]) -> Outcome[Any] | None:
        if isinstance(result, Refusal):
            assert type(result) in refused, f"{result!r} instead of {refused or 'success'}"
            return None
        if isinstance(result, BaseException):
            raise result
        assert not refused, f"carried out, although it should be refused for one of {refused}"
        return result
