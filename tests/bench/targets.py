"""What each figure must reach, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.figures import (
    AUDIT,
    BARE,
    BULK,
    DECIDE,
    INTROSPECT,
    ISSUE,
    LOOK_UP,
    MUNIMENT,
    OIDC_PROVIDER,
    REVOKE,
    Append,
    Entrant,
    Replay,
    Result,
    Tail,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PEER = Entrant(OIDC_PROVIDER, 1)
PEERS = {DECIDE: Entrant(BARE, 1)}
"""Whom a job is held against, where it is not the one above."""

# Times the rate of the peer in the same run: (at least, aimed at).
RATIOS: dict[tuple[str, int], tuple[float, float | None]] = {
    (ISSUE, 1): (1.2, 1.5),
    (ISSUE, 2): (1.7, None),
    (INTROSPECT, 1): (2.5, 3.5),
    (INTROSPECT, 2): (4.0, None),
    (DECIDE, 1): (0.6, None),
}
PROMPT = {(DECIDE, 32): 10.0}  # p99 in ms with so many connections, exclusive
APPEND_PRODUCERS = 32
APPEND_RATE = 15_000.0  # events a second
APPEND_P99 = 6.0  # ms, exclusive
REPLAY_RATES = {"tokens": 120_000.0}  # events a second
REPLAY_RATE = 50_000.0  # of the other models
REPLAY_MEMORY = 100.0  # MB resident at the peak, exclusive
KEPT = 0.8  # of the rate of the smallest database
TAILS = {LOOK_UP: 20.0, AUDIT: 50.0, REVOKE: 20.0, BULK: 50.0}  # p99 in ms, exclusive
WORKER_MEMORY = 120.0  # MB resident, exclusive
FLAT = 4.0  # MB that a worker may gain between equal loads: allocators breathe, leaks keep growing


@dataclass(frozen=True)
class Verdict:
    """A target in words, and whether it is met."""

    target: str
    met: bool

    def __str__(self) -> str:
        return f"{self.target}: {'met' if self.met else 'NOT MET'}"


def ratio(result: Result, among: Sequence[Result]) -> float | None:
    """Return the rate in units of the peer's at the same job and connections; None without a valid pair."""
    for peer in among:
        wanted = result.job, result.connections, PEERS.get(result.job, PEER)
        if (peer.job, peer.connections, peer.entrant) == wanted:
            return result.rate / peer.rate if peer.valid and result.valid else None
    return None


def of_result(result: Result, among: Sequence[Result]) -> Verdict | None:
    """Judge a figure under load; None when nothing is asked of it or there is no peer to hold it against."""
    wanted = RATIOS.get((result.job, result.entrant.workers))
    times = ratio(result, among)
    if result.entrant.kind != MUNIMENT or wanted is None or times is None:
        return None
    least, aim = wanted
    words = f"≥ {least} x peer" + (f" (aim {aim}{' reached' if times >= aim else ''})" if aim else "")
    most = PROMPT.get((result.job, result.connections))
    prompt = most is None or result.p99 < most
    return Verdict(words + (f", p99 < {most:g} ms" if most else ""), times >= least and prompt)


def of_append(append: Append) -> Verdict | None:
    """Judge an append figure; only one number of producers has a target."""
    if append.producers != APPEND_PRODUCERS:
        return None
    met = append.rate >= APPEND_RATE and append.p99 < APPEND_P99
    return Verdict(f"≥ {APPEND_RATE:,.0f}/s, p99 < {APPEND_P99:g} ms", met)


def of_replay(replay: Replay) -> Verdict:
    """Judge a replay by its rate and the memory that it took."""
    rate = REPLAY_RATES.get(replay.model, REPLAY_RATE)
    words = f"≥ {rate:,.0f}/s, < {REPLAY_MEMORY:g} MB"
    return Verdict(words, replay.rate >= rate and replay.peak < REPLAY_MEMORY)


def kept(result: Result, among: Sequence[Result]) -> float | None:
    """Return the rate in units of that of the smallest database, the first; None without a valid pair."""
    smallest = next(one for one in among if one.job == result.job)
    return result.rate / smallest.rate if smallest.valid and result.valid else None


def of_size(result: Result, among: Sequence[Result]) -> Verdict | None:
    """Judge a rate on a grown database; None for the smallest, and without a valid pair."""
    times = kept(result, among)
    smallest = next(one for one in among if one.job == result.job)
    if times is None or result is smallest:
        return None
    return Verdict(f"≥ {KEPT} x the smallest", times >= KEPT)


def of_tail(tail: Tail) -> Verdict:
    """Judge the latencies of one kind of question."""
    most = TAILS[tail.job]
    return Verdict(f"p99 < {most:g} ms", tail.p99 < most)


def of_memory(rss: float) -> Verdict:
    """Judge the resident MB of one process of a server."""
    return Verdict(f"< {WORKER_MEMORY:g} MB", rss < WORKER_MEMORY)


def of_growth(growth: float, workers: int) -> Verdict:
    """Judge the MB that a server's processes gained between two equal loads."""
    return Verdict(f"flat (≤ {FLAT:g} MB a worker)", growth <= FLAT * workers)
