"""What is measured, for how long, and the shape of each result."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.proc import Memory

ISSUE, INTROSPECT, DECIDE, LOOK_UP, AUDIT = "issue", "introspect", "decide", "look-up", "audit page"
REVOKE, BULK = "revocation", "bulk revocation"
MUNIMENT, OIDC_PROVIDER, BARE, HELLO = "muniment", "oidc-provider", "bare aiohttp", "hello aiohttp"


@dataclass(frozen=True)
class Plan:
    """How long each measurement takes, in seconds, and how often each contender has its turn.

    `first_warm_up` comes once for each contender and job, before all turns: node compiles for several seconds.
    `events` is how many token events a replay goes through.
    """

    seconds: int = 6
    warm_up: int = 2
    first_warm_up: int = 6
    turns: int = 2
    events: int = 1_000_000
    connections: tuple[int, ...] = (32, 128)


@dataclass(frozen=True)
class Entrant:
    """Which product answers, and with how many workers."""

    kind: str
    workers: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.workers} worker" + ("s" if self.workers > 1 else "")


@dataclass(frozen=True)
class Append:
    """What so many producers achieved; latencies in ms, from the call to the commit."""

    producers: int
    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Replay:
    """One read model made anew from so many events: events a second, µs of our processor time an event, peak MB."""

    model: str
    events: int
    rate: float
    busy: float
    peak: float


@dataclass(frozen=True)
class Turn:
    """One measurement under load; latencies in ms. `wrong` says why it does not count, and is None when it does.

    `others` is the share of the machine that processes outside the benchmark, or its host, took meanwhile.
    """

    job: str
    entrant: Entrant
    connections: int
    number: int
    rate: float
    p50: float
    p99: float
    errors: Mapping[str, int]
    wrong: str | None
    others: float
    memory: Sequence[Memory]

    @classmethod
    def failed(cls, job: str, entrant: Entrant, connections: int, number: int, wrong: str) -> Turn:
        """Return a turn that never came to figures."""
        return cls(job, entrant, connections, number, 0.0, 0.0, 0.0, {}, wrong, 0.0, [])


@dataclass(frozen=True)
class Tail:
    """One kind of question asked many times, one after the other, at one size; latencies in ms."""

    job: str
    question: str
    size: int
    p50: float
    p99: float

    @classmethod
    def of(cls, job: str, question: str, size: int, took: Iterable[float]) -> Tail:
        """Return the figure of so many answers."""
        ordered = sorted(took)
        return cls(job, question, size, percentile(ordered, 0.50), percentile(ordered, 0.99))


@dataclass(frozen=True)
class Result:
    """All turns of one contender at one job with so many connections."""

    job: str
    entrant: Entrant
    connections: int
    turns: Sequence[Turn]

    @property
    def valid(self) -> bool:
        """Whether every turn counts."""
        return all(turn.wrong is None for turn in self.turns)

    @property
    def rate(self) -> float:
        """Answers a second, the mean of the turns."""
        return mean(turn.rate for turn in self.turns)

    @property
    def p50(self) -> float:
        """The mean of the turns' medians."""
        return mean(turn.p50 for turn in self.turns)

    @property
    def p99(self) -> float:
        """The worst turn's."""
        return max(turn.p99 for turn in self.turns)

    @property
    def growth(self) -> float | None:
        """MB that the server's processes gained between its first and its last turn; None with one turn."""
        if len(self.turns) == 1:
            return None
        first, last = (sum(one.rss for one in turn.memory) for turn in (self.turns[0], self.turns[-1]))
        return last - first


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of the ordered values do not exceed; nan when there are none."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def results(turns: Iterable[Turn]) -> list[Result]:
    """Gather the turns by job, connections and contender, in the order of their first turn."""
    gathered: dict[tuple[str, int, Entrant], list[Turn]] = {}
    for turn in turns:
        gathered.setdefault((turn.job, turn.connections, turn.entrant), []).append(turn)
    return [Result(job, entrant, connections, of) for (job, connections, entrant), of in gathered.items()]
